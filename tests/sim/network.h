// The streams between agents and the controller. Within a stream order holds, as gRPC keeps it; a
// blocked link holds what is sent until it is open again or a side gives the stream up. The sides
// notice the end of a stream each for itself, so that the controller may hold several of one node.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "common/prng.h"
#include "controller/core/event.h"

namespace drover::sim {

class World;

class Network {
 public:
  explicit Network(World* world);

  // A new stream of `host`; StreamId 0: nobody answers now.
  controller::StreamId Connect(int host);
  // Runs `receive` on the other side when it arrives there, unless that side closed the stream.
  void SendUp(controller::StreamId id, std::function<void()> receive);
  void SendDown(controller::StreamId id, std::function<void()> receive);

  // One side ends the stream; the other one hears of it when the link lets it.
  void CloseByAgent(controller::StreamId id);
  void CloseByController(controller::StreamId id);
  void ControllerDied();
  // Breaks the stream between the two, if there is one.
  void Break(int host);

  // True: what `host` sends (receives) gets through.
  void SetLink(int host, bool up, bool down);

  bool Open(int host) const {
    return links_[static_cast<size_t>(host)].up && links_[static_cast<size_t>(host)].down;
  }

 private:
  struct Link {
    bool up = true;
    bool down = true;
    uint64_t change = 0;
  };

  struct Pipe {
    Instant last;
    std::deque<std::function<void()>> held;
  };

  struct Stream {
    int host = 0;
    bool agent_open = true;
    bool controller_open = true;
    Pipe up;
    Pipe down;
  };

  void Send(controller::StreamId id, bool up, std::function<void()> receive);
  void Arrive(controller::StreamId id, bool up, std::function<void()> receive);
  void Flush(Stream& stream);
  void GiveUpLater(int host);
  Duration Latency();

  World* world_;
  Prng prng_;
  uint64_t next_ = 1;
  std::map<controller::StreamId, Stream> streams_;
  std::vector<Link> links_;
};

}  // namespace drover::sim
