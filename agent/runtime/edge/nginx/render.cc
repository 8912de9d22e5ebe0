#include "agent/runtime/edge/nginx/render.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/runtime/edge/fingerprint.h"
#include "agent/runtime/edge/nginx/request_log_lines.h"
#include "common/address.h"

namespace drover::agent {
namespace {

constexpr char kMarkerListen[] = "listen 127.0.0.1:";

// Milliseconds as nginx writes them.
std::string NginxTime(Duration d) { return absl::StrCat(absl::ToInt64Milliseconds(d), "ms"); }

std::string NginxQuoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
    }
    if (static_cast<unsigned char>(c) >= ' ') {
      out.push_back(c);
    }
  }
  return out + "\"";
}

// The marker's place also answers for a service without replicas: what is not the marker's own is 503.
std::string RenderMarker(const NginxMarker& marker) {
  return absl::StrCat("  server {\n    ", kMarkerListen, marker.port, ";  # which file this worker runs\n",
                      "    server_name ", marker.name, ";\n    access_log off;\n    location = ", kMarkerPath,
                      " { return 200 ", NginxQuoted(MarkerAnswer(marker)), "; }\n",
                      "    location / { add_header Retry-After 1 always; return 503; }\n  }\n");
}

bool IsWithoutReplica(const EdgeSet& set) {
  return std::all_of(set.backends.begin(), set.backends.end(),
                     [](const EdgeBackend& backend) { return backend.drain; });
}

// A log of nothing but that a request came, to the agent.
std::string RenderWakeLog(const RenderedSet& set, const NginxMarker& marker) {
  return absl::StrCat("access_log syslog:server=127.0.0.1:", marker.port, ",nohostname,tag=drover drover.",
                      set.backend, ";\n");
}

std::string RenderWakeFormat(const RenderedSet& set) {
  return absl::StrCat("  log_format drover.", set.backend, " ", WakeAddress(set), ";\n");
}

// Where requests for a set without a replica are answered, so that they wake it.
std::string RenderRefusal(const RenderedSet& set, const NginxMarker& marker) {
  return absl::StrCat(RenderWakeFormat(set), "  server {\n    listen ", WakeAddress(set), ":", marker.port,
                      ";\n    ", RenderWakeLog(set, marker),
                      "    location / { add_header Retry-After 1 always; return 503; }\n  }\n");
}

std::string RenderServers(const RenderedSet& set, const std::string& none) {
  std::string out;
  for (const EdgeBackend& backend : set.set->backends) {
    if (!backend.drain) {
      absl::StrAppend(&out, "    server ", HostPort(backend.address, backend.port),
                      set.set->traffic.weighted ? absl::StrCat(" weight=", backend.weight) : "",
                      " max_fails=1 fail_timeout=1s;\n");
    }
  }
  return out.empty() ? absl::StrCat("    server ", none, ";\n") : out;
}

// Without `keepalive`: so each request in hand is one connection to the replica, which can be counted.
std::string RenderUpstream(const RenderedSet& set, const std::string& none) {
  const size_t kilobytes = std::max<size_t>(64, 2 * set.set->backends.size());
  return absl::StrCat(
      "  upstream ", set.backend, " {\n    zone drover.", set.backend, " ", kilobytes, "k;\n    ",
      set.set->traffic.sticky == EdgeTraffic::Sticky::kSource ? "hash $remote_addr consistent" : "least_conn",
      ";\n", RenderServers(set, none), "  }\n");
}

std::string RenderHttpUpstream(const RenderedSet& set, const NginxMarker& marker) {
  const bool wakes = WakesByRefusal(*set.set);
  const std::string none = absl::StrCat(wakes ? WakeAddress(set) : "127.0.0.1", ":", marker.port);
  return absl::StrCat(wakes ? RenderRefusal(set, marker) : "", RenderUpstream(set, none));
}

std::string WithoutSlash(std::string path) {
  while (absl::EndsWith(path, "/")) {
    path.pop_back();
  }
  return path;
}

// "/api" is /api and all below it, not /apidocs.
std::string RenderLocation(const Route& route) {
  const std::string path = WithoutSlash(route.listener.path);
  const Duration timeout = route.set->set->traffic.timeout;
  const std::string silent = timeout == EdgeTraffic().timeout
                                 ? ""
                                 : absl::StrCat("proxy_read_timeout ", NginxTime(timeout),
                                                "; proxy_send_timeout ", NginxTime(timeout), "; ");
  const std::string pass = absl::StrCat(" { ", silent, RenderNginxRequestMark(route.set->backend),
                                        " proxy_pass http://", route.set->backend, "; }\n");
  return path.empty() ? absl::StrCat("    location /", pass)
                      : absl::StrCat("    location = ", NginxQuoted(path), pass, "    location ",
                                     NginxQuoted(path + "/"), pass);
}

bool IsBelow(const std::string& path, const std::string& above) {
  const std::string prefix = WithoutSlash(above);
  return WithoutSlash(path) == prefix || absl::StartsWith(path, prefix + "/");
}

// The routes of one host, and those for any host that none of the host's own comes before.
std::vector<const Route*> RoutesOfHost(const std::vector<Route>& routes, const std::string& host) {
  std::vector<const Route*> own;
  for (const Route& route : routes) {
    if (absl::AsciiStrToLower(route.listener.host) == host) {
      own.push_back(&route);
    }
  }
  const size_t named = own.size();
  for (const Route& route : routes) {
    const bool hidden =
        std::any_of(own.begin(), own.begin() + static_cast<ptrdiff_t>(named),
                    [&](const Route* r) { return IsBelow(route.listener.path, r->listener.path); });
    if (!host.empty() && route.listener.host.empty() && !hidden) {
      own.push_back(&route);
    }
  }
  return own;
}

std::string RenderListen(const EdgeListener& listener, absl::string_view options) {
  return absl::StrCat("    listen ", HostPort(listener.bind, listener.port),
                      listener.tls_path.empty() ? "" : " ssl", options, ";\n");
}

std::string RenderCertificate(const std::string& path) {
  return path.empty() ? std::string()
                      : absl::StrCat("    ssl_certificate ", NginxQuoted(path), ";\n    ssl_certificate_key ",
                                     NginxQuoted(path), ";\n    ssl_protocols TLSv1.2 TLSv1.3;\n");
}

std::string RenderHttpServer(const std::vector<Route>& routes, const std::string& host) {
  const std::vector<const Route*> own = RoutesOfHost(routes, host);
  // A server for no host of its own still greets clients whose host is unknown.
  const EdgeListener& first = own.empty() ? routes.front().listener : own.front()->listener;
  std::string out = absl::StrCat("  server {\n", RenderListen(first, host.empty() ? " default_server" : ""));
  if (!host.empty()) {
    absl::StrAppend(&out, "    server_name ", host, ";\n");
  }
  absl::StrAppend(&out, RenderCertificate(first.tls_path));
  bool all = false;
  for (const Route* route : own) {
    absl::StrAppend(&out, RenderLocation(*route));
    all = all || WithoutSlash(route->listener.path).empty();
  }
  return absl::StrCat(out, all ? "" : "    location / { return 503; }\n", "  }\n");
}

std::string RenderStreamServer(const Route& route, const NginxMarker& marker) {
  const bool wakes = WakesByRefusal(*route.set->set);
  return absl::StrCat(wakes ? RenderWakeFormat(*route.set) : "", "  server {\n",
                      RenderListen(route.listener, ""), RenderCertificate(route.listener.tls_path),
                      wakes ? "    " + RenderWakeLog(*route.set, marker) : "", "    proxy_pass ",
                      route.set->backend, ";\n  }\n");
}

// By address; plain TCP has one route each.
std::map<std::string, std::vector<Route>> RoutesByAddress(const std::vector<RenderedSet>& sets, bool http) {
  std::map<std::string, std::vector<Route>> by_address;
  for (const RenderedSet& set : sets) {
    for (const EdgeListener& listener : set.listeners) {
      if (set.set->http == http) {
        by_address[ListenerName(listener)].push_back({&set, listener});
      }
    }
  }
  for (auto& [address, routes] : by_address) {
    std::stable_sort(routes.begin(), routes.end(), MoreSpecific);
  }
  return by_address;
}

std::string RenderHttp(const NginxOptions& options, const std::vector<RenderedSet>& sets,
                       const NginxMarker& marker) {
  const auto logged = std::count_if(sets.begin(), sets.end(), [](const RenderedSet& set) {
    return set.set->http && set.set->attach.empty();
  });
  std::string out = absl::StrCat(
      "\nhttp {\n", RenderNginxRequestLog(marker.port, static_cast<size_t>(logged)),
      "  server_tokens off;\n  server_names_hash_bucket_size 256;\n"
      "  server_names_hash_max_size 8192;\n  client_max_body_size 0;\n  client_header_timeout 10s;\n"
      "  client_body_timeout ",
      NginxTime(options.client_timeout), ";\n  send_timeout ", NginxTime(options.client_timeout),
      ";\n  keepalive_timeout ", NginxTime(options.client_timeout),
      ";\n  proxy_connect_timeout 1s;\n  proxy_send_timeout ", NginxTime(options.server_timeout),
      ";\n  proxy_read_timeout ", NginxTime(options.server_timeout),
      ";\n  proxy_next_upstream error timeout;\n  proxy_next_upstream_tries 4;\n  "
      "proxy_next_upstream_timeout 5s;\n"
      "  proxy_buffering off;\n  proxy_request_buffering off;\n  proxy_http_version 1.1;\n"
      "  map $http_upgrade $drover_connection { default upgrade; \"\" close; }\n"
      "  proxy_set_header Host $http_host;\n  proxy_set_header Connection $drover_connection;\n"
      "  proxy_set_header Upgrade $http_upgrade;\n  proxy_set_header X-Forwarded-Proto $scheme;\n"
      "  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n");
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    absl::StrAppend(&out, "  ", kind, "_temp_path ", NginxQuoted(absl::StrCat(options.dir, "/temp_", kind)),
                    ";\n");
  }
  absl::StrAppend(&out, RenderMarker(marker));
  for (const RenderedSet& set : sets) {
    if (set.set->http && set.set->attach.empty()) {
      absl::StrAppend(&out, RenderHttpUpstream(set, marker));
    }
  }
  for (const auto& [address, routes] : RoutesByAddress(sets, true)) {
    std::vector<std::string> hosts = {""};  // unknown hosts
    for (const Route& route : routes) {
      const std::string host = absl::AsciiStrToLower(route.listener.host);
      if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) {
        hosts.push_back(host);
      }
    }
    for (const std::string& host : hosts) {
      absl::StrAppend(&out, RenderHttpServer(routes, host));
    }
  }
  return out + "}\n";
}

std::string RenderStream(const std::vector<RenderedSet>& sets, const NginxMarker& marker) {
  std::string out = "\nstream {\n  proxy_connect_timeout 1s;\n  proxy_timeout 1h;\n";
  for (const RenderedSet& set : sets) {
    if (!set.set->http && set.set->attach.empty()) {
      absl::StrAppend(&out, RenderUpstream(set, "127.0.0.1:1 down"));
    }
  }
  for (const auto& [address, routes] : RoutesByAddress(sets, false)) {
    absl::StrAppend(&out, RenderStreamServer(routes.front(), marker));
  }
  return out + "}\n";
}

}  // namespace

bool WakesByRefusal(const EdgeSet& set) { return set.hold > absl::ZeroDuration() && IsWithoutReplica(set); }

std::string WakeAddress(const RenderedSet& set) {
  const uint64_t hash = Fingerprint(set.backend);
  return absl::StrCat("127.", 64 + hash % 128, ".", (hash >> 8) % 256, ".", 1 + (hash >> 16) % 254);
}

std::string MarkerAnswer(const NginxMarker& marker) {
  return absl::StrCat(marker.name, " ", marker.generation);
}

uint32_t MarkerPortOf(absl::string_view text) {
  const size_t at = text.find(kMarkerListen);
  uint32_t port = 0;
  if (at == absl::string_view::npos) {
    return 0;
  }
  text.remove_prefix(at + sizeof(kMarkerListen) - 1);
  return absl::SimpleAtoi(text.substr(0, text.find(';')), &port) && port < 65536 ? port : 0;
}

std::string NginxSetIdentity(const RenderedSet& set) {
  std::string out = RenderUpstream(set, "none");
  for (const EdgeListener& listener : set.listeners) {
    absl::StrAppend(&out, RenderListen(listener, ""), RenderLocation({&set, listener}), listener.host, "\n",
                    listener.tls_path, "\n");
  }
  return out;
}

std::string WhyNotForNginx(const EdgeListener& listener) {
  const bool plain = std::all_of(listener.host.begin(), listener.host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  });
  return plain ? std::string() : absl::StrCat("host ", listener.host, ": nginx needs a plain name here");
}

std::string UnmetByNginx(const EdgeSet& set) {
  std::string out;
  const auto unmet = [&](absl::string_view what) { absl::StrAppend(&out, out.empty() ? "" : "; ", what); };
  if (set.hold > absl::ZeroDuration()) {
    out =
        "nginx holds no requests: while there is no replica it answers 503 with Retry-After, and that wakes "
        "the service";
  }
  if (set.maxconn > 0) {
    unmet("maxconn is not kept: nginx has no queue and would fail what is over it");
  }
  const EdgeTraffic& traffic = set.traffic;
  if (traffic.sticky == EdgeTraffic::Sticky::kCookie) {
    unmet("sticky: cookie is not kept: this nginx sets none (sticky: source it can)");
  }
  if (traffic.slow_start > absl::ZeroDuration()) {
    unmet("slow_start is not kept: a new replica gets its whole share at once");
  }
  if (!traffic.check.empty()) {
    unmet("check is not kept: nginx asks no replica by itself");
  }
  if (traffic.drain_request || traffic.drain_tunnel) {
    unmet("drain is not kept: nginx closes no single connections");
  }
  if (set.http && traffic.h2) {
    unmet("replicas are spoken to in HTTP/1.1, and not in HTTP/2");
  }
  return out.empty() ? out : absl::StrCat(out, " (edge.haproxy can do this)");
}

std::string RenderNginxConfig(const NginxOptions& options, const std::vector<RenderedSet>& sets,
                              const std::string& stream_module, const NginxMarker& marker) {
  const bool stream = std::any_of(sets.begin(), sets.end(), [](const RenderedSet& set) {
    return !set.set->http && set.set->attach.empty();
  });
  return absl::StrCat("# Written by drover-agent, and written again when anything changes: edits are lost.\n",
                      stream ? stream_module : "",
                      "worker_processes auto;\nworker_rlimit_nofile 65536;\nworker_shutdown_timeout ",
                      NginxTime(OldWorkersMayStay(options.shutdown_timeout, sets)), ";\npid ",
                      NginxQuoted(options.dir + "/nginx.pid"), ";\nerror_log ",
                      NginxQuoted(options.dir + "/nginx.log"),
                      " crit;\nevents { worker_connections 16384; }\n", RenderHttp(options, sets, marker),
                      stream ? RenderStream(sets, marker) : "");
}

std::string RenderNginxInclude(const RenderedSet& set, const NginxMarker& marker) {
  return absl::StrCat("# Written by drover-agent, and written again when anything changes: edits are lost.\n",
                      RenderMarker(marker), RenderNginxLogFormat(set.backend),
                      RenderHttpUpstream(set, marker));
}

std::string NginxAttachSnippet(const std::string& upstream, const std::string& include_dir,
                               uint32_t marker_port) {
  return absl::StrCat(
      "http {\n    include ", include_dir,
      "/*.conf;\n    server {\n        location / {\n            proxy_pass http://", upstream,
      ";\n            ", NginxRequestLogSnippet(upstream, marker_port),
      "  # for the times of requests; repeat an access_log of yours beside it\n        }\n    }\n}\n");
}

}  // namespace drover::agent
