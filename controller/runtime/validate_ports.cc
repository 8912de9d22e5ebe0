// What leads to a service: its ports and edges.
#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/convert_internal.h"
#include "controller/runtime/validate.h"
#include "controller/runtime/validate_internal.h"

namespace drover::controller {
namespace {

constexpr Duration kMaxLimit = absl::Hours(24);

bool SaysTraffic(const v1::EdgeRoute& edge) {
  return !edge.sticky().empty() || !edge.weight_label().empty() || edge.has_slow_start() ||
         edge.has_timeout() || edge.has_drain_request() || edge.has_drain_tunnel() || edge.http() ||
         edge.h2() || !edge.check().empty();
}

void CheckLimit(bool said, const google::protobuf::Duration& value, const std::string& at, Faults& faults) {
  if (said && (!IsUsableDuration(value) || ToCore(value) == Duration() || ToCore(value) > kMaxLimit)) {
    Add(faults, at, "must be more than 0 s and at most 86400 s");
  }
}

// Entries that lead to one backend must not contradict each other.
void CheckAgreement(const v1::ServiceSpec& service, int index, const std::string& at, Faults& faults) {
  const v1::EdgeRoute& edge = service.edges(index);
  const auto differ = [](bool a_says, bool b_says, bool equal) { return a_says && b_says && !equal; };
  for (int i = 0; i < index; ++i) {
    const v1::EdgeRoute& other = service.edges(i);
    if (other.target() != edge.target() || other.attach() != edge.attach()) {
      continue;
    }
    const auto limits = [&](const auto& a, const auto& b) { return ToCore(a) == ToCore(b); };
    if (differ(!edge.sticky().empty(), !other.sticky().empty(), edge.sticky() == other.sticky()) ||
        differ(!edge.check().empty(), !other.check().empty(), edge.check() == other.check()) ||
        differ(!edge.weight_label().empty(), !other.weight_label().empty(),
               edge.weight_label() == other.weight_label()) ||
        differ(edge.has_slow_start(), other.has_slow_start(),
               limits(edge.slow_start(), other.slow_start())) ||
        differ(edge.has_timeout(), other.has_timeout(), limits(edge.timeout(), other.timeout())) ||
        differ(edge.has_drain_request(), other.has_drain_request(),
               limits(edge.drain_request(), other.drain_request())) ||
        differ(edge.has_drain_tunnel(), other.has_drain_tunnel(),
               limits(edge.drain_tunnel(), other.drain_tunnel()))) {
      Add(faults, at,
          absl::StrCat("contradicts edges[", i,
                       "], which leads to the same port: sticky, weightLabel, slowStart, timeout, check and "
                       "drain hold "
                       "for the port; say them once"));
      return;
    }
  }
}

void CheckTraffic(const v1::ServiceSpec& service, int index, const std::string& at, Faults& faults) {
  const v1::EdgeRoute& edge = service.edges(index);
  if (!edge.sticky().empty() && edge.sticky() != "cookie" && edge.sticky() != "source") {
    Add(faults, at + ".sticky", "must be cookie or source");
  }
  const bool http =
      edge.http() || !edge.host().empty() || !edge.path().empty() ||
      std::any_of(service.ports().begin(), service.ports().end(), [&](const v1::PortSpec& port) {
        return port.http() && (edge.target() == 0 || edge.target() == port.target());
      });
  if (edge.sticky() == "cookie" && !http) {
    Add(faults, at + ".sticky", "cookie needs HTTP; set http, or write source");
  }
  if (!edge.check().empty() && (!http || edge.check()[0] != '/' ||
                                !std::all_of(edge.check().begin(), edge.check().end(),
                                             [](unsigned char c) { return absl::ascii_isgraph(c); }))) {
    Add(faults, at + ".check", "must be a path, /healthz, of a service that is reached by HTTP");
  }
  if (edge.h2() && !http) {
    Add(faults, at + ".h2", "needs http");
  }
  if (std::any_of(edge.weight_label().begin(), edge.weight_label().end(),
                  [](unsigned char c) { return absl::ascii_isspace(c) || absl::ascii_iscntrl(c); })) {
    Add(faults, at + ".weightLabel", "must be the name of a node label, without blanks");
  }
  CheckLimit(edge.has_slow_start(), edge.slow_start(), at + ".slowStart", faults);
  CheckLimit(edge.has_timeout(), edge.timeout(), at + ".timeout", faults);
  CheckLimit(edge.has_drain_request(), edge.drain_request(), at + ".drainRequest", faults);
  CheckLimit(edge.has_drain_tunnel(), edge.drain_tunnel(), at + ".drainTunnel", faults);
  CheckAgreement(service, index, at, faults);
}

// A name that can stand in an address and in a sentence.
bool IsConsumerName(const std::string& name) {
  return name.size() <= 63 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

void CheckPull(const v1::EdgeRoute& edge, const std::string& at, Faults& faults) {
  if (!IsConsumerName(edge.pull())) {
    Add(faults, at + ".pull", "must be at most 63 of letters, digits, \"-\", \"_\" and \".\"");
  }
  if (edge.listen() != 0 || !edge.attach().empty()) {
    Add(faults, at + ".pull", "goes with neither listen nor attach; make an edge for each");
  }
  if (!edge.tls_path().empty() || edge.maxconn() != 0 || SaysTraffic(edge)) {
    Add(faults, at + ".pull",
        "goes with none of tlsPath, maxconn, sticky, weightLabel, slowStart, timeout, check and drain; set "
        "them at "
        "the "
        "consumer");
  }
  if (edge.pull() == "xds" && !(edge.host().empty() && edge.path().empty() && edge.on().empty())) {
    Add(faults, at, "host, path and on have no meaning for xds; leave them out");
  }
  if (edge.has_delay() && (edge.delay().seconds() < 0 || edge.delay().nanos() < 0)) {
    Add(faults, at + ".delay", "must be 0 or more");
  }
  // They stand between backquotes in a rule.
  if (absl::StrContains(edge.host(), "`") || absl::StrContains(edge.path(), "`")) {
    Add(faults, at, "host and path must have no backquote");
  }
}

}  // namespace

void Listeners::Add(const std::string& path, const std::string& bind, uint32_t port, const std::string& route,
                    Faults& faults) {
  const auto [it, fresh] = taken_.try_emplace({port, bind, route}, path);
  if (!fresh) {
    controller::Add(faults, path,
                    absl::StrCat("port ", port, " is taken by ", it->second, "; use another port"));
    return;
  }
  const auto [kind, first] = routed_.try_emplace({port, bind}, !route.empty(), path);
  if (!first && kind->second.first != !route.empty()) {
    controller::Add(faults, path,
                    absl::StrCat("port ", port, " is used by ", kind->second.second,
                                 "; listeners of one port must all have a host or path"));
  }
}

void CheckPorts(const v1::ServiceSpec& service, const std::string& path, Listeners& listeners,
                Faults& faults) {
  for (int i = 0; i < service.ports_size(); ++i) {
    const v1::PortSpec& port = service.ports(i);
    const std::string at = absl::StrCat(path, ".ports[", i, "]");
    if (!IsPort(port.target())) {
      Add(faults, at + ".target", "must be 1 to 65535");
    }
    if (port.published() > 65535) {
      Add(faults, at + ".published", "must be 0 (none) to 65535");
    }
    if (port.published() == 0 || OnOwnHost(port)) {
      continue;
    }
    if (port.protocol() == v1::PROTOCOL_UDP) {
      Add(faults, at, "UDP can't be balanced; use mode: host, which binds the port of the replica's node");
      continue;
    }
    const bool refined = std::any_of(service.edges().begin(), service.edges().end(),
                                     [&](const auto& edge) { return edge.listen() == port.published(); });
    if (!refined) {
      listeners.Add(at, port.host_ip(), port.published(), "", faults);
    }
  }
  for (int i = 0; i < service.routed_ports_size(); ++i) {
    if (!IsPort(service.routed_ports(i))) {
      Add(faults, absl::StrCat(path, ".routedPorts[", i, "]"), "must be 1 to 65535");
    }
  }
  for (int i = 0; i < service.edges_size(); ++i) {
    const v1::EdgeRoute& edge = service.edges(i);
    const std::string at = absl::StrCat(path, ".edges[", i, "]");
    if (!edge.pull().empty()) {
      CheckPull(edge, at, faults);
    } else if (edge.attach().empty() && !IsPort(edge.listen())) {
      Add(faults, at + ".listen", "must be 1 to 65535, or name an existing backend in attach");
    }
    if (edge.target() > 65535) {
      Add(faults, at + ".target", "must be 1 to 65535");
    }
    if (edge.target() == 0) {
      std::set<uint32_t> targets(service.routed_ports().begin(), service.routed_ports().end());
      for (const v1::PortSpec& port : service.ports()) {
        if (!OnOwnHost(port) && port.protocol() != v1::PROTOCOL_UDP) {
          targets.insert(port.target());
        }
      }
      if (targets.size() != 1) {
        Add(faults, at + ".target",
            absl::StrCat("is missing and the service has ", targets.size(),
                         " routed ports; say which container port is meant"));
      }
    }
    CheckTraffic(service, i, at, faults);
    if (!edge.path().empty() && edge.path()[0] != '/') {
      Add(faults, at + ".path", "must begin with /");
    }
    if (edge.attach().empty() && IsPort(edge.listen())) {
      const std::string route =
          edge.host().empty() && edge.path().empty() ? "" : absl::StrCat(edge.host(), " ", edge.path());
      listeners.Add(at, "", edge.listen(), route, faults);
    }
  }
}

}  // namespace drover::controller
