#include "agent/runtime/edge/arrange.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace drover::agent {
namespace {

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

bool MoreSpecific(const Route& a, const Route& b) {
  const auto key = [](const Route& r) {
    return std::make_tuple(r.listener.host.empty(), -static_cast<int64_t>(r.listener.path.size()),
                           r.listener.host, r.listener.path, r.set->backend);
  };
  return key(a) < key(b);
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

std::string ListenerName(const EdgeListener& listener) {
  return absl::StrCat(listener.bind, ":", listener.port);
}

std::vector<RenderedSet> ArrangeSets(const std::vector<EdgeSet>& sets, const std::string& bind,
                                     const std::string& attach_needs) {
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
      rendered.error = absl::StrCat("attach: ", set->attach, " needs ", attach_needs);
      continue;
    }
    for (EdgeListener listener : set->listeners) {
      if (listener.bind.empty()) {
        listener.bind = bind;
      }
      std::vector<Route>& others = frontends[ListenerName(listener)];
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

Duration OldWorkersMayStay(Duration at_least, const std::vector<RenderedSet>& sets) {
  Duration longest = at_least;
  for (const RenderedSet& rendered : sets) {
    longest = std::max(longest, rendered.set->traffic.timeout + absl::Seconds(10));
  }
  return longest;
}

}  // namespace drover::agent
