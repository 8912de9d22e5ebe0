// What an agent asks of a load balancer on its own host. Small on purpose: read what is, apply the
// difference, confirm what drained, sample load. One contract test (tests/contract/edge) judges every
// adapter on the real program.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/ids.h"
#include "common/request_times.h"
#include "common/time.h"

namespace drover::agent {

struct EdgeListener {
  std::string bind;  // empty: the edge's own address
  uint32_t port = 0;
  std::string host;
  std::string path;
  std::string tls_path;

  friend bool operator==(const EdgeListener&, const EdgeListener&) = default;
};

struct EdgeBackend {
  ReplicaId replica;
  std::string address;  // an IP address
  uint32_t port = 0;
  bool drain = false;   // out of rotation; its in-flight is still read
  uint32_t weight = 1;  // 1 to 256

  friend bool operator==(const EdgeBackend&, const EdgeBackend&) = default;
};

// How replicas are treated, whichever listener leads to them.
struct EdgeTraffic {
  enum class Sticky { kNone, kCookie, kSource };

  bool h2 = false;    // with `http`: replicas speak HTTP/2 without TLS
  std::string check;  // path that the balancer asks for by HTTP; empty: it only connects
  Sticky sticky = Sticky::kNone;
  bool weighted = false;                 // by EdgeBackend.weight; else as the balancer's file says
  Duration slow_start;                   // a new replica's share grows for so long
  Duration timeout = absl::Seconds(60);  // a request may be silent for so long
  std::optional<Duration> drain_request =
      {};                                     // requests of a leaving replica are cut after it; absent: never
  std::optional<Duration> drain_tunnel = {};  // the same for upgraded and plain TCP connections

  friend bool operator==(const EdgeTraffic&, const EdgeTraffic&) = default;
};

struct EdgeSet {
  uint32_t handle = 0;
  std::string stack;
  std::string service;
  uint32_t target = 0;
  Epoch epoch;
  Revision revision;
  std::vector<EdgeListener> listeners;
  bool http = false;
  uint32_t slots = 0;    // R6.5
  uint32_t maxconn = 0;  // per replica; 0: unlimited
  EdgeTraffic traffic;
  std::vector<EdgeBackend> backends;
  std::string attach;     // foreign backend; empty: managed
  Duration hold;          // keep requests for so long while there is no backend; zero: do not
  uint32_t max_held = 0;  // of them at a time; more are refused with 503

  friend bool operator==(const EdgeSet&, const EdgeSet&) = default;
};

struct EdgeServerState {
  ReplicaId replica;
  int64_t in_flight = 0;
  bool up = false;
  // Given to it, and of them failed, since it entered; absent: the balancer does not tell of single servers.
  std::optional<uint64_t> requests_total = {};
  std::optional<uint64_t> errors_total = {};
};

struct EdgeSetState {
  uint32_t handle = 0;
  Epoch applied_epoch;  // (0, 0) until read back and found right
  Revision applied_revision;
  std::vector<EdgeServerState> servers;
  bool at_least = false;          // workers of before a reload could not be read: more may be in flight
  std::optional<int64_t> queued;  // in the balancer's own queue; absent: not read
  std::optional<int64_t> held;    // kept waiting with no server; absent: none are kept, or not read
  std::optional<double> rate;     // requests per second
  // Of this balancer process: what has come, and what of it has ended. Where the backend has servers of
  // others too, only what went to ours.
  std::optional<uint64_t> requests_total;
  std::optional<uint64_t> finished_total;
  std::optional<uint64_t> errors_total;
  uint64_t closed_total = 0;  // connections closed at their drain limit, since the agent started
  // Of HTTP requests. Absent: the balancer tells of none, by its kind or because its owner's configuration
  // lacks the log line.
  std::optional<RequestTimes> times;
  std::string error;  // why not applied: "port 8080 is in use"; or, though applied, what could not be met
  Instant read_at;
};

struct EdgeState {
  uint64_t instance = 0;  // changes when the balancer process is another one
  bool reachable = false;
  std::vector<EdgeSetState> sets;
  uint64_t reloads = 0;
  bool pending = false;  // a change is on its way, or waits for its turn: look again soon
  std::string error;
};

// One thing that a balancer of somebody else's must have for a set.
struct EdgeCheck {
  std::string name;  // "backend", "servers", "command": what was looked at
  bool ok = false;
  bool unseen = false;      // it could not be looked at, `detail` says why
  std::string detail = {};  // what was found, and what would be right; empty: nothing to say

  friend bool operator==(const EdgeCheck&, const EdgeCheck&) = default;
};

struct EdgeCheckReport {
  std::string snippet = {};            // the lines that its own configuration needs; empty: it is managed
  std::vector<EdgeCheck> checks = {};  // each after those that it depends on
  std::string error = {};              // why nothing could be looked at; empty: fine
};

class Edge {
 public:
  virtual ~Edge() = default;

  // The whole list of sets wanted; replaces the former. Kept across restarts of the agent and of the
  // balancer by the adapter itself (R6.4). Called from one thread; does not block.
  virtual void SetDesired(std::vector<EdgeSet> sets) = 0;

  // One round: read what the balancer has, mend the difference (ready replicas first), read back.
  // Blocks for at most a second. Called from the edge's own thread, at once after SetDesired, then
  // every interval (and every 50 ms while something drains or is pending).
  virtual EdgeState Reconcile(Instant now) = 0;

  // `wake` is called, from any thread, when a request has begun to wait at zero, so that a round finds it
  // at once. Empty: nobody is called any more. False: this balancer may tell nobody, so whoever wants to know
  // must look.
  virtual bool OnHeld(std::function<void()> /*wake*/) { return false; }

  // Proves on the running program what the wanted set `handle` needs of a balancer of somebody else's;
  // what serves is not touched. Called as Reconcile is, and as long.
  virtual EdgeCheckReport Check(uint32_t handle) = 0;

  // "haproxy 2.6.12"
  virtual std::string Describe() const = 0;
};

}  // namespace drover::agent
