#include "agent/runtime/edge/listener_check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/address.h"
#include "agent/runtime/edge/fingerprint.h"

namespace drover::agent {

std::string ListenerCheck::Fault(const EdgeListener& listener) const {
  if (listener.tls_path.empty()) {
    return {};
  }
  const std::string stamp = Stamp(listener.tls_path);
  if (stamp.empty()) {
    return absl::StrCat("certificate ", listener.tls_path, ": ", std::strerror(errno));
  }
  const auto bad = bad_certificates_.find(stamp);
  return bad == bad_certificates_.end() ? std::string() : bad->second;
}

void ListenerCheck::DropImpossible(const std::function<bool(const EdgeListener&)>& held,
                                   std::vector<RenderedSet>& sets) const {
  for (RenderedSet& set : sets) {
    std::vector<EdgeListener> possible;
    for (const EdgeListener& listener : set.listeners) {
      std::string why = Fault(listener);
      if (why.empty() && !held(listener)) {
        why = WhyNotFree(listener);
      }
      if (why.empty()) {
        possible.push_back(listener);
      } else {
        set.error = std::move(why);
      }
    }
    set.listeners = std::move(possible);
  }
}

bool ListenerCheck::DropBlamed(absl::string_view words, std::vector<RenderedSet>& sets) {
  bool dropped = false;
  for (RenderedSet& set : sets) {
    const auto named = [&](const EdgeListener& listener) {
      return !listener.tls_path.empty() && absl::StrContains(words, listener.tls_path);
    };
    const auto it = std::find_if(set.listeners.begin(), set.listeners.end(), named);
    if (it != set.listeners.end()) {
      set.error = std::string(words);
      bad_certificates_[Stamp(it->tls_path)] = set.error;
      set.listeners.erase(std::remove_if(set.listeners.begin(), set.listeners.end(), named),
                          set.listeners.end());
      dropped = true;
    }
  }
  return dropped;
}

std::string CertificateStamps(const std::vector<RenderedSet>& sets) {
  std::string stamps;
  for (const RenderedSet& set : sets) {
    for (const EdgeListener& listener : set.listeners) {
      absl::StrAppend(&stamps, listener.tls_path.empty() ? "" : Stamp(listener.tls_path));
    }
  }
  return stamps;
}

}  // namespace drover::agent
