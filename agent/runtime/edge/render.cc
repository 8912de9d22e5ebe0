#include "agent/runtime/edge/render.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/plan.h"
#include "agent/runtime/edge/process.h"
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

struct Route {
  const RenderedSet* set = nullptr;
  EdgeListener listener;
};

// More specific routes first: those with a host, then longer paths.
bool MoreSpecific(const Route& a, const Route& b) {
  const auto key = [](const Route& r) {
    return std::make_tuple(r.listener.host.empty(), -static_cast<int64_t>(r.listener.path.size()),
                           r.listener.host, r.listener.path, r.set->backend);
  };
  return key(a) < key(b);
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

std::string RenderFrontend(std::vector<Route> routes, Duration client_timeout) {
  std::stable_sort(routes.begin(), routes.end(), MoreSpecific);
  const EdgeListener& first = routes.front().listener;
  std::set<std::string> certificates;
  for (const Route& route : routes) {
    if (!route.listener.tls_path.empty()) {
      certificates.insert(route.listener.tls_path);
    }
  }
  const bool http = routes.front().set->set->http;
  std::string out = absl::StrCat("\nfrontend ", FrontendName(first), "\n  mode ", http ? "http" : "tcp",
                                 "\n  bind ", HostPort(first.bind, first.port));
  for (const std::string& certificate : certificates) {
    absl::StrAppend(&out, certificate == *certificates.begin() ? " ssl" : "", " crt ", Quoted(certificate));
  }
  if (!certificates.empty() && http) {
    absl::StrAppend(&out, " alpn h2,http/1.1");
  }
  absl::StrAppend(&out, "\n");
  // A client that only waits would else be taken for one that is gone.
  if (const Duration hold = routes.front().set->set->hold; !http && hold + kHoldMargin > client_timeout) {
    absl::StrAppend(&out, "  timeout client ", Milliseconds(hold + kHoldMargin), "\n");
  }
  if (http) {
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
std::string RenderSlots(uint32_t count, const std::vector<ServerRow>* rows) {
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

std::string RenderBackend(const std::string& dir, const RenderedSet& rendered, const SlotRows& slots) {
  const EdgeSet& set = *rendered.set;
  std::string out =
      absl::StrCat("\nbackend ", rendered.backend, "\n  mode ", set.http ? "http" : "tcp", "\n");
  if (set.http) {
    absl::StrAppend(&out, "  retry-on conn-failure\n");
  }
  absl::StrAppend(&out, RenderHold(set, dir));
  absl::StrAppend(&out, "  default-server check inter 500ms fall 2 rise 1 pool-purge-delay 1s");
  if (set.maxconn > 0) {
    absl::StrAppend(&out, " maxconn ", set.maxconn);
  }
  const auto it = slots.find(rendered.backend);
  absl::StrAppend(&out, "\n", RenderSlots(SlotCount(set), it == slots.end() ? nullptr : &it->second));
  return out;
}

std::string SetName(const EdgeSet& set) { return absl::StrCat(set.stack, "/", set.service); }

// Why `listener` of `set` cannot stand beside `others` of the same address; empty: it can.
std::string Contradiction(const RenderedSet& set, const EdgeListener& listener,
                          const std::vector<Route>& others) {
  for (const Route& other : others) {
    const std::string both =
        absl::StrCat("port ", listener.port, " is already used by ", SetName(*other.set->set));
    if (!set.set->http || !other.set->set->http) {
      return absl::StrCat(both, ", and plain TCP cannot share a port (app_protocol: http can)");
    }
    if (listener.tls_path.empty() != other.listener.tls_path.empty()) {
      return absl::StrCat(both, other.listener.tls_path.empty() ? " without TLS" : " with TLS",
                          "; a port has TLS for all or for none");
    }
    if (absl::AsciiStrToLower(listener.host) == absl::AsciiStrToLower(other.listener.host) &&
        listener.path == other.listener.path) {
      return absl::StrCat(both, " with the same host and path");
    }
  }
  return {};
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

std::string LoadHoldScript(const std::string& dir) {
  return absl::StrCat("  lua-load-per-thread ", Quoted(HaproxyPaths(dir).hold_script), "\n");
}

std::string BackendName(const EdgeSet& set) {
  std::string name = absl::StrCat(set.stack, ".", set.service, ".", set.target);
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '_') {
      c = '_';
    }
  }
  return name;
}

std::string FrontendName(const EdgeListener& listener) {
  return absl::StrCat("port_", listener.bind, ":", listener.port);
}

uint32_t SlotCount(const EdgeSet& set) {
  return std::max({set.slots, static_cast<uint32_t>(set.backends.size()), uint32_t{1}});
}

std::vector<RenderedSet> ArrangeSets(const std::vector<EdgeSet>& sets, const std::string& bind) {
  std::vector<const EdgeSet*> ordered;
  for (const EdgeSet& set : sets) {
    ordered.push_back(&set);
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const EdgeSet* a, const EdgeSet* b) { return a->handle < b->handle; });

  std::vector<RenderedSet> out;
  out.reserve(ordered.size());  // Route points into it
  std::map<std::string, std::vector<Route>> frontends;
  std::set<std::string> names;
  for (const EdgeSet* set : ordered) {
    RenderedSet& rendered = out.emplace_back(RenderedSet{.set = set, .backend = BackendName(*set)});
    for (int n = 2; !names.insert(rendered.backend).second; ++n) {
      rendered.backend = absl::StrCat(BackendName(*set), "_", n);
    }
    if (!set->attach.empty()) {
      rendered.error = absl::StrCat("attach: ", set->attach,
                                    " needs a foreign HAProxy: set edge.socket in the agent's configuration");
      continue;
    }
    for (EdgeListener listener : set->listeners) {
      if (listener.bind.empty()) {
        listener.bind = bind;
      }
      std::vector<Route>& others = frontends[FrontendName(listener)];
      const std::string fault = Contradiction(rendered, listener, others);
      if (!fault.empty()) {
        rendered.error = fault;
        continue;
      }
      others.push_back({&rendered, listener});
      rendered.listeners.push_back(listener);
    }
  }
  return out;
}

std::string RenderConfig(const HaproxyOptions& options, const std::vector<RenderedSet>& sets,
                         const SlotRows& slots, const std::string& identity) {
  std::map<std::string, std::vector<Route>> frontends;
  bool hold = false;
  for (const RenderedSet& rendered : sets) {
    for (const EdgeListener& listener : rendered.listeners) {
      frontends[FrontendName(listener)].push_back({&rendered, listener});
    }
    hold = hold || rendered.set->hold > absl::ZeroDuration();
  }
  std::string out = absl::StrCat(
      "# Written by drover-agent, and written again when anything changes: edits are lost.\n"
      "global\n"
      "  description ",
      identity, "\n  stats socket ", Quoted(options.dir + "/stats.sock"),
      " mode 600 level admin expose-fd listeners\n"
      "  stats timeout 10m\n"
      "  hard-stop-after ",
      Milliseconds(options.hard_stop_after), "\n");
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
                  Milliseconds(options.server_timeout), "\n  timeout tunnel 1h\n");
  for (auto& [name, routes] : frontends) {
    absl::StrAppend(&out, RenderFrontend(std::move(routes), options.client_timeout));
  }
  for (const RenderedSet& rendered : sets) {
    if (rendered.set->attach.empty()) {
      absl::StrAppend(&out, RenderBackend(options.dir, rendered, slots));
    }
  }
  return out;
}

}  // namespace drover::agent
