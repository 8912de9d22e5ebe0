// x-edge and x-ready: how a service is reached and when it may be.
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

uint32_t ReadPort(const Node& node, Reading& r) {
  return static_cast<uint32_t>(ReadInt(node, 1, 65535, r.faults).value_or(0));
}

void ReadDelay(const Node& node, v1::EdgeRoute* edge, Reading& r) {
  const auto value = ReadDuration(node, r.faults);
  if (value && *value < absl::ZeroDuration()) {
    r.faults.Add(node.mark, "delay must be 0 or more; write for example 5s");
  } else if (value) {
    *edge->mutable_delay() = ToProto(*value);
  }
}

// More than nothing; `example` is what could be written.
void ReadPositive(const Entry& e, absl::string_view example, google::protobuf::Duration* target, Reading& r) {
  const auto value = ReadDuration(e.value, r.faults);
  if (value && *value <= absl::ZeroDuration()) {
    r.faults.Add(e.value.mark, absl::StrCat(e.key, " must be more than 0; write for example ", example));
  } else if (value) {
    *target = ToProto(*value);
  }
}

// `drain: 5m` for all, or `drain: {request: 1m, tunnel: 10m}`.
void ReadDrain(const Entry& entry, v1::EdgeRoute* edge, Reading& r) {
  if (!entry.value.is_map()) {
    ReadPositive(entry, "5m, or `{request: 1m, tunnel: 10m}`", edge->mutable_drain_request(), r);
    *edge->mutable_drain_tunnel() = edge->drain_request();
    return;
  }
  ReadMap(entry.value, "drain",
          {{"request", [&](const Entry& e) { ReadPositive(e, "1m", edge->mutable_drain_request(), r); }},
           {"tunnel", [&](const Entry& e) { ReadPositive(e, "10m", edge->mutable_drain_tunnel(), r); }}},
          r.faults);
}

// `weight: node.labels.NAME`, as in placement.
void ReadWeight(const Entry& entry, v1::EdgeRoute* edge, Reading& r) {
  const std::string written = ReadText(entry.value, r.faults).value_or("");
  absl::string_view label = written;
  if (!absl::ConsumePrefix(&label, "node.labels.") || label.empty()) {
    r.faults.Add(
        entry.value.mark,
        absl::StrCat("weight \"", written,
                     "\" is no label of nodes; write node.labels.NAME, where each node's label says 1 "
                     "to 256"));
    return;
  }
  edge->set_weight_label(std::string(label));
}

void ReadSticky(const Entry& entry, v1::EdgeRoute* edge, Reading& r) {
  static constexpr const char* kWays[] = {"cookie", "source"};
  if (const auto way = ReadWord(entry.value, {"cookie", "source"}, r.faults)) {
    edge->set_sticky(kWays[*way]);
  }
}

void ReadProtocol(const Entry& entry, v1::EdgeRoute* edge, Reading& r) {
  if (const auto protocol = ReadWord(entry.value, {"tcp", "http", "h2c", "grpc"}, r.faults)) {
    edge->set_http(*protocol > 0);
    edge->set_h2(*protocol > 1);
  }
}

// What goes with `pull`, and what only with it.
void CheckPull(const Node& item, const v1::EdgeRoute& edge, Reading& r) {
  if (edge.pull().empty()) {
    if (const Node* pull = item.Find("pull")) {
      r.faults.Add(pull->mark, "pull is empty; write the name of the consumer");
    } else if (const Node* delay = item.Find("delay")) {
      r.faults.Add(delay->mark, "delay is for who pulls; write `pull: NAME`, or leave delay out");
    }
    return;
  }
  if (edge.pull() == "xds") {
    for (const char* key : {"host", "path", "on"}) {
      if (const Node* value = item.Find(key)) {
        r.faults.Add(value->mark, absl::StrCat(key,
                                               " has no meaning for xds, whose clients ask for "
                                               "STACK/SERVICE; leave it out"));
      }
    }
  }
  for (const char* key :
       {"tls", "maxconn", "sticky", "weight", "slow_start", "timeout", "drain", "app_protocol", "check"}) {
    if (const Node* value = item.Find(key)) {
      r.faults.Add(value->mark,
                   absl::StrCat(key, " is not passed on to who pulls; set it there and leave it out here"));
    }
  }
}

void ReadEdge(const Node& item, ServiceRead& s, Reading& r) {
  v1::EdgeRoute* edge = s.spec.add_edges();
  s.edge_marks.push_back(item.mark);
  auto absolute = [&](const Entry& e, std::string* target) {
    *target = ReadText(e.value, r.faults).value_or("/");
    if (!absl::StartsWith(*target, "/")) {
      r.faults.Add(e.value.mark, absl::StrCat(e.key, " \"", *target,
                                              "\" does not begin with \"/\"; write \"/", *target, "\""));
    }
  };
  ReadMap(item, "x-edge",
          {{"listen", [&](const Entry& e) { edge->set_listen(ReadPort(e.value, r)); }},
           TextKey("host", r, edge->mutable_host()),
           {"path", [&](const Entry& e) { absolute(e, edge->mutable_path()); }},
           {"tls", [&](const Entry& e) { absolute(e, edge->mutable_tls_path()); }},
           {"maxconn",
            [&](const Entry& e) {
              edge->set_maxconn(static_cast<uint32_t>(ReadInt(e.value, 1, 1'000'000, r.faults).value_or(0)));
            }},
           {"app_protocol", [&](const Entry& e) { ReadProtocol(e, edge, r); }},
           {"check", [&](const Entry& e) { absolute(e, edge->mutable_check()); }},
           {"sticky", [&](const Entry& e) { ReadSticky(e, edge, r); }},
           {"weight", [&](const Entry& e) { ReadWeight(e, edge, r); }},
           {"slow_start", [&](const Entry& e) { ReadPositive(e, "30s", edge->mutable_slow_start(), r); }},
           {"timeout", [&](const Entry& e) { ReadPositive(e, "5m", edge->mutable_timeout(), r); }},
           {"drain", [&](const Entry& e) { ReadDrain(e, edge, r); }},
           TextsKey("on", r, edge->mutable_on()),
           TextKey("attach", r, edge->mutable_attach()),
           TextKey("pull", r, edge->mutable_pull()),
           {"delay", [&](const Entry& e) { ReadDelay(e.value, edge, r); }},
           {"target", [&](const Entry& e) { edge->set_target(ReadPort(e.value, r)); }}},
          r.faults);
  if (!item.is_map()) {
    return;
  }
  const int ways =
      (item.Find("listen") != nullptr) + (item.Find("attach") != nullptr) + (item.Find("pull") != nullptr);
  if (ways > 1) {
    r.faults.Add(item.mark, "an edge listens, is attached to, or is for who pulls; write an entry for each");
  } else if (ways == 0) {
    r.faults.Add(item.mark,
                 "the edge has no port, no backend and nobody who pulls; write `listen: 443`, `attach: NAME` "
                 "or `pull: NAME`");
  }
  CheckPull(item, *edge, r);
}

// "/path", ":8080/path" or "8080/path".
void ParseHttp(const Node& node, v1::HttpCheck* http, Reading& r) {
  absl::string_view text = node.text;
  const size_t slash = text.find('/');
  absl::string_view port = text.substr(0, slash);
  absl::ConsumePrefix(&port, ":");
  uint32_t number = 0;
  if (slash == absl::string_view::npos || (!port.empty() && !absl::SimpleAtoi(port, &number))) {
    r.faults.Add(node.mark,
                 absl::StrCat("\"", node.text, "\" is no check; write \"/healthz\" or \":8080/healthz\""));
    return;
  }
  http->set_port(number);
  http->set_path(std::string(text.substr(slash)));
}

void ReadHttp(const Entry& entry, v1::ReadyCheck* ready, Reading& r) {
  v1::HttpCheck* http = ready->mutable_http();
  http->set_path("/");
  if (entry.value.is_scalar()) {
    ParseHttp(entry.value, http, r);
    return;
  }
  ReadMap(entry.value, "http",
          {{"port", [&](const Entry& e) { http->set_port(ReadPort(e.value, r)); }},
           TextKey("path", r, http->mutable_path()),
           TextKey("host", r, http->mutable_host())},
          r.faults);
  if (!absl::StartsWith(http->path(), "/")) {
    r.faults.Add(
        entry.value.mark,
        absl::StrCat("path \"", http->path(), "\" does not begin with \"/\"; write \"/", http->path(), "\""));
  }
}

void ReadTcp(const Entry& entry, v1::ReadyCheck* ready, Reading& r) {
  v1::TcpCheck* tcp = ready->mutable_tcp();
  if (entry.value.is_map()) {
    ReadMap(entry.value, "tcp", {{"port", [&](const Entry& e) { tcp->set_port(ReadPort(e.value, r)); }}},
            r.faults);
  } else if (!entry.value.is_null()) {
    tcp->set_port(ReadPort(entry.value, r));
  }
}

}  // namespace

void ReadEdges(const Entry& entry, ServiceRead& s, Reading& r) {
  if (!entry.value.is_list()) {
    r.faults.Add(entry.value.mark,
                 "x-edge is no list; write `x-edge: [{listen: 443, host: shop.example.com}]`");
    return;
  }
  for (const Node& item : entry.value.items) {
    ReadEdge(item, s, r);
  }
}

void ReadReady(const Entry& entry, ServiceRead& s, Reading& r) {
  v1::ReadyCheck* ready = s.spec.mutable_ready();
  ReadMap(entry.value, "x-ready",
          {{"http", [&](const Entry& e) { ReadHttp(e, ready, r); }},
           {"tcp", [&](const Entry& e) { ReadTcp(e, ready, r); }},
           {"interval", [&](const Entry& e) { ReadPositive(e, "1s", ready->mutable_interval(), r); }},
           {"timeout", [&](const Entry& e) { ReadPositive(e, "1s", ready->mutable_timeout(), r); }}},
          r.faults);
  if (!entry.value.is_map()) {
    return;
  }
  const bool http = entry.value.Find("http") != nullptr;
  if (http == (entry.value.Find("tcp") != nullptr)) {
    r.faults.Add(entry.mark,
                 "x-ready needs exactly one check; write `http: \":8080/healthz\"` or `tcp: 8080`");
  }
}

}  // namespace drover::compose
