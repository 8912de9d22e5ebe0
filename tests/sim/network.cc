#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {

using controller::StreamId;

Network::Network(World* world)
    : world_(world),
      prng_(Prng(world->options.seed).Split("network")),
      links_(static_cast<size_t>(world->options.hosts)) {}

Duration Network::Latency() {
  const Duration most = world_->faults ? world_->options.latency_max : absl::Milliseconds(5);
  return absl::Microseconds(100) + most * prng_.Uniform();
}

StreamId Network::Connect(int host) {
  if (!Open(host) || !world_->controller->alive()) {
    return StreamId(0);
  }
  std::erase_if(streams_,
                [](const auto& entry) { return !entry.second.agent_open && !entry.second.controller_open; });
  const StreamId id(next_++);
  streams_[id].host = host;
  return id;
}

void Network::SendUp(StreamId id, std::function<void()> receive) { Send(id, true, std::move(receive)); }

void Network::SendDown(StreamId id, std::function<void()> receive) { Send(id, false, std::move(receive)); }

void Network::Send(StreamId id, bool up, std::function<void()> receive) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) {
    return;
  }
  Pipe& pipe = up ? it->second.up : it->second.down;
  const int copies = world_->faults && prng_.Chance(world_->options.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    pipe.last = std::max(pipe.last, world_->queue.now() + Latency());
    world_->queue.At(pipe.last, [=, this] { Arrive(id, up, receive); });
  }
}

void Network::Arrive(StreamId id, bool up, std::function<void()> receive) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) {
    return;
  }
  Stream& stream = it->second;
  Pipe& pipe = up ? stream.up : stream.down;
  const Link& link = links_[static_cast<size_t>(stream.host)];
  if (!(up ? link.up : link.down) || !pipe.held.empty()) {
    pipe.held.push_back(std::move(receive));
    return;
  }
  if (up ? stream.controller_open : stream.agent_open) {
    receive();
  }
}

void Network::Flush(Stream& stream) {
  const Link& link = links_[static_cast<size_t>(stream.host)];
  while (link.up && !stream.up.held.empty()) {
    const auto receive = std::move(stream.up.held.front());
    stream.up.held.pop_front();
    if (stream.controller_open) {
      receive();
    }
  }
  while (link.down && !stream.down.held.empty()) {
    const auto receive = std::move(stream.down.held.front());
    stream.down.held.pop_front();
    if (stream.agent_open) {
      receive();
    }
  }
}

void Network::CloseByAgent(StreamId id) {
  const auto it = streams_.find(id);
  if (it == streams_.end() || !it->second.agent_open) {
    return;
  }
  it->second.agent_open = false;
  const int host = it->second.host;
  Send(id, true, [=, this] {
    Stream& stream = streams_.at(id);
    stream.controller_open = false;
    world_->controller->OnStreamClosed(host, id);
  });
}

void Network::CloseByController(StreamId id) {
  const auto it = streams_.find(id);
  if (it == streams_.end() || !it->second.controller_open) {
    return;
  }
  it->second.controller_open = false;
  const int host = it->second.host;
  Send(id, false, [=, this] {
    Stream& stream = streams_.at(id);
    stream.agent_open = false;
    world_->host(host).OnStreamClosed(id);
  });
}

void Network::ControllerDied() {
  std::vector<StreamId> open;
  for (const auto& [id, stream] : streams_) {
    if (stream.controller_open) {
      open.push_back(id);
    }
  }
  for (const StreamId id : open) {
    CloseByController(id);
  }
}

void Network::Break(int host) {
  std::vector<StreamId> open;
  for (const auto& [id, stream] : streams_) {
    if (stream.host == host && stream.agent_open && stream.controller_open) {
      open.push_back(id);
    }
  }
  for (const StreamId id : open) {
    CloseByAgent(id);
    world_->host(host).OnStreamClosed(id);
  }
}

void Network::SetLink(int host, bool up, bool down) {
  if (world_->host(host).dead()) {
    return;
  }
  Link& link = links_[static_cast<size_t>(host)];
  link.up = up;
  link.down = down;
  ++link.change;
  if (!up || !down) {
    GiveUpLater(host);
  }
  std::vector<StreamId> ids;
  for (const auto& [id, stream] : streams_) {
    if (stream.host == host) {
      ids.push_back(id);
    }
  }
  for (const StreamId id : ids) {
    if (const auto it = streams_.find(id); it != streams_.end()) {
      Flush(it->second);
    }
  }
}

// Keepalive: each side ends its streams after a while of silence.
void Network::GiveUpLater(int host) {
  const uint64_t change = links_[static_cast<size_t>(host)].change;
  const auto give_up = [this, host, change](bool agent) {
    if (links_[static_cast<size_t>(host)].change != change) {
      return;
    }
    std::vector<StreamId> ids;
    for (const auto& [id, stream] : streams_) {
      if (stream.host == host && (agent ? stream.agent_open : stream.controller_open)) {
        ids.push_back(id);
      }
    }
    for (const StreamId id : ids) {
      if (agent) {
        CloseByAgent(id);
        world_->host(host).OnStreamClosed(id);
      } else {
        CloseByController(id);
        world_->controller->OnStreamClosed(host, id);
      }
    }
  };
  world_->queue.After(absl::Seconds(5 + 20 * prng_.Uniform()), [=] { give_up(true); });
  world_->queue.After(absl::Seconds(5 + 20 * prng_.Uniform()), [=] { give_up(false); });
}

}  // namespace drover::sim
