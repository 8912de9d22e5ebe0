#include "agent/runtime/edge/set_proto.h"

#include <algorithm>

namespace drover::agent {
namespace {

constexpr uint32_t kMaxWeight = 256;  // HAProxy's

EdgeTraffic TrafficFrom(const v1::BackendSet& from) {
  EdgeTraffic traffic;
  traffic.h2 = from.h2();
  traffic.check = from.check();
  traffic.sticky = from.sticky() == "cookie"   ? EdgeTraffic::Sticky::kCookie
                   : from.sticky() == "source" ? EdgeTraffic::Sticky::kSource
                                               : EdgeTraffic::Sticky::kNone;
  traffic.weighted = from.weighted();
  traffic.slow_start = absl::Milliseconds(from.slow_start_ms());
  if (from.timeout_ms() != 0) {
    traffic.timeout = absl::Milliseconds(from.timeout_ms());
  }
  if (from.has_drain_request_ms()) {
    traffic.drain_request = absl::Milliseconds(from.drain_request_ms());
  }
  if (from.has_drain_tunnel_ms()) {
    traffic.drain_tunnel = absl::Milliseconds(from.drain_tunnel_ms());
  }
  return traffic;
}

uint32_t Millis(Duration duration) { return static_cast<uint32_t>(absl::ToInt64Milliseconds(duration)); }

void FillTraffic(const EdgeTraffic& traffic, v1::BackendSet& out) {
  out.set_h2(traffic.h2);
  out.set_check(traffic.check);
  if (traffic.sticky != EdgeTraffic::Sticky::kNone) {
    out.set_sticky(traffic.sticky == EdgeTraffic::Sticky::kCookie ? "cookie" : "source");
  }
  out.set_weighted(traffic.weighted);
  out.set_slow_start_ms(Millis(traffic.slow_start));
  out.set_timeout_ms(Millis(traffic.timeout));
  if (traffic.drain_request) {
    out.set_drain_request_ms(Millis(*traffic.drain_request));
  }
  if (traffic.drain_tunnel) {
    out.set_drain_tunnel_ms(Millis(*traffic.drain_tunnel));
  }
}

}  // namespace

EdgeSet FromProto(const v1::BackendSet& from) {
  EdgeSet set;
  set.handle = from.handle();
  set.stack = from.stack();
  set.service = from.service();
  set.target = from.target();
  set.epoch = Epoch(from.epoch());
  set.revision = Revision(from.revision());
  set.http = from.http();
  set.slots = from.slots();
  set.maxconn = from.maxconn();
  set.traffic = TrafficFrom(from);
  set.attach = from.attach();
  set.hold = absl::Milliseconds(from.hold_ms());
  set.max_held = from.max_held();
  for (const v1::Listener& listener : from.listeners()) {
    set.listeners.push_back({.bind = listener.bind(),
                             .port = listener.port(),
                             .host = listener.host(),
                             .path = listener.path(),
                             .tls_path = listener.tls_path()});
  }
  for (const v1::Backend& backend : from.backends()) {
    set.backends.push_back({.replica = ReplicaId(backend.replica_id()),
                            .address = backend.address(),
                            .port = backend.port(),
                            .drain = backend.drain(),
                            .weight = std::clamp<uint32_t>(backend.weight(), 1, kMaxWeight)});
  }
  return set;
}

v1::BackendSet ToProto(const EdgeSet& set) {
  v1::BackendSet out;
  out.set_handle(set.handle);
  out.set_stack(set.stack);
  out.set_service(set.service);
  out.set_target(set.target);
  out.set_epoch(set.epoch.value());
  out.set_revision(set.revision.value());
  out.set_http(set.http);
  out.set_slots(set.slots);
  out.set_maxconn(set.maxconn);
  FillTraffic(set.traffic, out);
  out.set_attach(set.attach);
  out.set_hold_ms(Millis(set.hold));
  out.set_max_held(set.max_held);
  for (const EdgeListener& listener : set.listeners) {
    v1::Listener& to = *out.add_listeners();
    to.set_bind(listener.bind);
    to.set_port(listener.port);
    to.set_host(listener.host);
    to.set_path(listener.path);
    to.set_tls_path(listener.tls_path);
  }
  for (const EdgeBackend& backend : set.backends) {
    v1::Backend& to = *out.add_backends();
    to.set_replica_id(backend.replica.value());
    to.set_address(backend.address);
    to.set_port(backend.port);
    to.set_drain(backend.drain);
    to.set_weight(backend.weight);
  }
  return out;
}

}  // namespace drover::agent
