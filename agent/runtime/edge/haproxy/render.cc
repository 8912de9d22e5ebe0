#include "agent/runtime/edge/haproxy/render.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/plan.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/haproxy/request_log_lines.h"
#include "common/address.h"

namespace drover::agent {

const char kHoldScript[] = R"(local told = {}

local function tell(backend, listener)
  local second = core.now().sec
  if told[backend] == second then
    return
  end
  told[backend] = second
  local socket = core.tcp()
  socket:settimeout(1)
  socket:connect("unix@" .. listener)
  socket:close()
end

core.register_action("hold", {"http-req", "tcp-req"}, function(txn, limit, listener)
  local backend, waited = txn.f:be_name(), 0
  limit = tonumber(limit)
  tell(backend, listener)
  while txn.f:nbsrv(backend) == 0 and waited < limit do
    local pause = waited < 5000 and 20 or 50
    core.msleep(pause)
    waited = waited + pause
  end
end, 2)
)";

namespace {

constexpr Duration kHoldMargin = absl::Seconds(1);
constexpr Duration kTunnelTimeout = absl::Hours(1);  // without a byte either way
constexpr char kRefusal[] =
    "http-request return status 503 content-type text/plain hdr Retry-After 5 "
    "string \"no replica is ready\\n\" if { nbsrv eq 0 }";

std::string Milliseconds(Duration d) { return absl::StrCat(absl::ToInt64Milliseconds(d), "ms"); }

// In single quotes nothing but the quote itself is special in HAProxy's files.
std::string Quoted(absl::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (static_cast<unsigned char>(c) >= ' ') {
      out.push_back(c);
    }
  }
  return out + "'";
}

bool MatchesAll(const EdgeListener& listener) {
  return listener.host.empty() && (listener.path.empty() || listener.path == "/");
}

std::string UseBackend(const Route& route, size_t number) {
  if (MatchesAll(route.listener)) {
    return absl::StrCat("  default_backend ", route.set->backend, "\n");
  }
  std::string out;
  std::string condition;
  if (!route.listener.host.empty()) {
    absl::StrAppend(&out, "  acl host_", number, " req.hdr(host),field(1,:),lower -m str ",
                    Quoted(absl::AsciiStrToLower(route.listener.host)), "\n");
    absl::StrAppend(&condition, " host_", number);
  }
  std::string path = route.listener.path;
  while (absl::EndsWith(path, "/")) {
    path.pop_back();
  }
  if (!path.empty()) {
    // "/api" is /api and all below it, not /apidocs.
    absl::StrAppend(&out, "  acl path_", number, " path -m str ", Quoted(path), "\n");
    absl::StrAppend(&out, "  acl path_", number, " path -m beg ", Quoted(path + "/"), "\n");
    absl::StrAppend(&condition, " path_", number);
  }
  return absl::StrCat(out, "  use_backend ", route.set->backend, " if", condition, "\n");
}

std::string RenderFrontend(const HaproxyOptions& options, std::vector<Route> routes) {
  std::stable_sort(routes.begin(), routes.end(), MoreSpecific);
  const EdgeListener& first = routes.front().listener;
  std::set<std::string> certificates;
  for (const Route& route : routes) {
    if (!route.listener.tls_path.empty()) {
      certificates.insert(route.listener.tls_path);
    }
  }
  const bool http = routes.front().set->set->http;
  std::string out = absl::StrCat("\nfrontend port_", ListenerName(first), "\n  mode ", http ? "http" : "tcp",
                                 "\n  bind ", HostPort(first.bind, first.port));
  for (const std::string& certificate : certificates) {
    absl::StrAppend(&out, certificate == *certificates.begin() ? " ssl" : "", " crt ", Quoted(certificate));
  }
  if (!certificates.empty() && http) {
    absl::StrAppend(&out, " alpn h2,http/1.1");
  }
  absl::StrAppend(&out, "\n");
  // A client that only waits, or listens, would else be taken for one that is gone.
  Duration silent = options.client_timeout;
  for (const Route& route : routes) {
    const EdgeSet& set = *route.set->set;
    silent = std::max({silent, set.traffic.timeout, http ? Duration() : set.hold + kHoldMargin});
  }
  if (silent > options.client_timeout) {
    absl::StrAppend(&out, "  timeout client ", Milliseconds(silent), "\n");
  }
  if (http) {
    absl::StrAppend(&out, RenderRequestLog(HaproxyPaths(options.dir).request_socket));
  }
  if (http && !options.behind_proxy) {
    absl::StrAppend(&out, "  option forwardfor\n");
    absl::StrAppend(&out, "  http-request set-header X-Forwarded-Proto ",
                    certificates.empty() ? "http" : "https", "\n");
  }
  for (size_t i = 0; i < routes.size(); ++i) {
    absl::StrAppend(&out, UseBackend(routes[i], i + 1));
  }
  return out;
}

uint32_t SlotNumber(const std::string& name) { return static_cast<uint32_t>(std::stoul(name.substr(3))); }

// Slots in use by name, runs of free ones as a template.
std::string RenderSlots(uint32_t count, bool weighted, const std::vector<ServerRow>* rows) {
  std::map<uint32_t, const ServerRow*> used;
  if (rows != nullptr) {
    for (const ServerRow& row : *rows) {
      if (IsSlotName(row.name) && row.port > 1) {
        used.emplace(SlotNumber(row.name), &row);
      }
    }
  }
  std::string out;
  for (uint32_t i = 1; i <= count;) {
    const auto it = used.lower_bound(i);
    if (it != used.end() && it->first == i) {
      absl::StrAppend(&out, "  server drv", i, " ", HostPort(it->second->address, it->second->port),
                      weighted ? absl::StrCat(" weight ", it->second->user_weight) : "",
                      InRotation(*it->second) ? "" : " disabled", "\n");
      ++i;
      continue;
    }
    const uint32_t last = it == used.end() ? count : std::min(count, it->first - 1);
    absl::StrAppend(&out, "  server-template drv ", i, "-", last, " 127.0.0.1:1 disabled\n");
    i = last + 1;
  }
  return out;
}

// `logged`: backends that share the log.
std::string RenderBackend(const std::string& dir, const RenderedSet& rendered, const SlotRows& slots,
                          size_t logged) {
  const EdgeSet& set = *rendered.set;
  std::string out =
      absl::StrCat("\nbackend ", rendered.backend, "\n  mode ", set.http ? "http" : "tcp", "\n");
  if (set.http) {
    absl::StrAppend(&out, "  retry-on conn-failure\n", RenderRequestSample(logged));
  }
  const auto it = slots.find(rendered.backend);
  absl::StrAppend(
      &out, RenderTraffic(set), RenderHold(set, dir), "  default-server ", RenderServerOptions(set),
      " pool-purge-delay 1s\n",
      RenderSlots(SlotCount(set), set.traffic.weighted, it == slots.end() ? nullptr : &it->second));
  return out;
}

}  // namespace

// Nothing of it is met while there is a server.
std::string RenderHold(const EdgeSet& set, const std::string& dir) {
  if (set.hold <= absl::ZeroDuration()) {
    return "";
  }
  const std::string limit = absl::StrCat("{ be_conn gt ", set.max_held, " }");
  const std::string wait = absl::StrCat("lua.hold ", absl::ToInt64Milliseconds(set.hold), " ",
                                        Quoted(HaproxyPaths(dir).held_socket), " if { nbsrv eq 0 }\n");
  if (set.http) {
    return absl::StrCat("  ", kRefusal, " ", limit, "\n  http-request ", wait, "  ", kRefusal, "\n");
  }
  return absl::StrCat("  tcp-request inspect-delay ", Milliseconds(set.hold + kHoldMargin),
                      "\n  tcp-request content reject if { nbsrv eq 0 } ", limit, "\n  tcp-request content ",
                      wait);
}

std::string RenderTraffic(const EdgeSet& set) {
  const EdgeTraffic& traffic = set.traffic;
  std::string out;
  if (traffic.sticky == EdgeTraffic::Sticky::kSource) {
    out = "  balance source\n  hash-type consistent\n";
  } else if (traffic.sticky == EdgeTraffic::Sticky::kCookie) {
    const bool tls = !set.listeners.empty() &&
                     std::all_of(set.listeners.begin(), set.listeners.end(),
                                 [](const EdgeListener& listener) { return !listener.tls_path.empty(); });
    // One key wherever the service is reached, so that every edge knows every edge's cookies.
    absl::StrAppend(&out, "  cookie drover-", BackendName(set), " insert indirect nocache httponly",
                    tls ? " secure" : "", " dynamic attr SameSite=Lax\n  dynamic-cookie-key ",
                    BackendName(set), "\n");
  }
  if (set.http && !traffic.check.empty()) {
    absl::StrAppend(&out, "  option httpchk\n  http-check send meth GET uri ", Quoted(traffic.check),
                    " ver HTTP/1.1 hdr Host localhost\n  http-check expect status 200-399\n");
  }
  if (traffic.timeout != EdgeTraffic().timeout) {
    absl::StrAppend(&out, "  timeout server ", Milliseconds(traffic.timeout), "\n");
  }
  if (traffic.timeout > kTunnelTimeout) {
    absl::StrAppend(&out, "  timeout tunnel ", Milliseconds(traffic.timeout), "\n");
  }
  return out;
}

std::string RenderServerOptions(const EdgeSet& set) {
  std::string out = "check inter 500ms fall 2 rise 1";
  if (set.maxconn > 0) {
    absl::StrAppend(&out, " maxconn ", set.maxconn);
  }
  if (set.traffic.weighted) {
    absl::StrAppend(&out, " weight 1");
  }
  if (set.traffic.slow_start > absl::ZeroDuration()) {
    absl::StrAppend(&out, " slowstart ", Milliseconds(set.traffic.slow_start));
  }
  if (set.http && set.traffic.h2) {
    absl::StrAppend(&out, " proto h2");
  }
  return out;
}

std::string LoadHoldScript(const std::string& dir) {
  return absl::StrCat("  lua-load-per-thread ", Quoted(HaproxyPaths(dir).hold_script), "\n");
}

uint32_t SlotCount(const EdgeSet& set) {
  return std::max({set.slots, static_cast<uint32_t>(set.backends.size()), uint32_t{1}});
}

std::string RenderConfig(const HaproxyOptions& options, const std::vector<RenderedSet>& sets,
                         const SlotRows& slots, const std::string& identity) {
  std::map<std::string, std::vector<Route>> frontends;
  bool hold = false;
  size_t logged = 0;
  for (const RenderedSet& rendered : sets) {
    for (const EdgeListener& listener : rendered.listeners) {
      frontends[ListenerName(listener)].push_back({&rendered, listener});
    }
    hold = hold || rendered.set->hold > absl::ZeroDuration();
    logged += rendered.set->http && rendered.set->attach.empty() ? 1 : 0;
  }
  std::string out = absl::StrCat(
      "# Written by drover-agent, and written again when anything changes: edits are lost.\n"
      "global\n"
      "  description ",
      identity, "\n  stats socket ", Quoted(options.dir + "/stats.sock"),
      " mode 600 level admin expose-fd listeners\n"
      "  stats timeout 10m\n"
      "  hard-stop-after ",
      Milliseconds(OldWorkersMayStay(options.hard_stop_after, sets)), "\n");
  if (options.maxconn > 0) {
    absl::StrAppend(&out, "  maxconn ", options.maxconn, "\n");
  }
  if (hold) {
    absl::StrAppend(&out, LoadHoldScript(options.dir));
  }
  absl::StrAppend(&out,
                  "\ndefaults\n"
                  "  balance leastconn\n"
                  "  option redispatch 1\n"
                  "  retries 3\n"
                  "  timeout connect 1s\n"
                  "  timeout queue 30s\n"
                  "  timeout client ",
                  Milliseconds(options.client_timeout), "\n  timeout server ",
                  Milliseconds(options.server_timeout), "\n  timeout tunnel ", Milliseconds(kTunnelTimeout),
                  "\n");
  for (auto& [name, routes] : frontends) {
    absl::StrAppend(&out, RenderFrontend(options, std::move(routes)));
  }
  for (const RenderedSet& rendered : sets) {
    if (rendered.set->attach.empty()) {
      absl::StrAppend(&out, RenderBackend(options.dir, rendered, slots, logged));
    }
  }
  return out;
}

}  // namespace drover::agent
