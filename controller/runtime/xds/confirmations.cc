#include "controller/runtime/xds/confirmations.h"

#include <algorithm>
#include <utility>

namespace drover::controller {

void XdsConfirmations::NoteLost(const XdsSession& session, const XdsSnapshot& snapshot, Instant now) {
  Lost lost = {.node = session.node(), .at = now, .accepted = {}};
  for (const std::string& name : session.endpoints()) {
    lost.accepted[name] = session.Accepted(name, snapshot);
  }
  if (!lost.accepted.empty()) {
    lost_.push_back(std::move(lost));
  }
}

void XdsConfirmations::NoteAsked(const XdsSession& session, const std::string& name) {
  for (Lost& lost : lost_) {
    if (lost.node == session.node() && lost.accepted.erase(name) > 0) {
      return;
    }
  }
}

std::vector<std::pair<ServiceKey, uint64_t>> XdsConfirmations::Changed(
    const std::vector<const XdsSession*>& sessions, const XdsSnapshot& snapshot, Instant now) {
  while (!lost_.empty() && now - lost_.front().at >= remembered_) {
    lost_.pop_front();
  }
  std::map<ServiceKey, uint64_t> confirmed;
  if (now - start_ < remembered_) {
    return {};
  }
  std::map<std::string, uint64_t> least;
  const auto lower = [&least](const std::string& name, uint64_t revision) {
    const auto [it, fresh] = least.emplace(name, revision);
    it->second = std::min(it->second, revision);
  };
  for (const XdsSession* session : sessions) {
    for (const std::string& name : session->endpoints()) {
      lower(name, session->Accepted(name, snapshot));
    }
  }
  for (const Lost& lost : lost_) {
    for (const auto& [name, revision] : lost.accepted) {
      lower(name, revision);
    }
  }
  for (const auto& [name, resource] : snapshot.of(XdsType::kEndpoints)) {
    const auto found = least.find(name);
    uint64_t revision = found == least.end() ? resource->revision : found->second;
    // One that is yet to come belongs to a service that had this name before.
    revision = revision > resource->revision ? 0 : revision;
    const auto [it, fresh] = confirmed.emplace(resource->service, revision);
    it->second = std::min(it->second, revision);
  }
  std::vector<std::pair<ServiceKey, uint64_t>> changed;
  for (const auto& [key, revision] : confirmed) {
    const auto told = told_.find(key);
    const bool news = told == told_.end() || told->second != revision;
    if (news && revision != 0) {
      changed.emplace_back(key, revision);
    }
  }
  told_ = std::move(confirmed);
  return changed;
}

}  // namespace drover::controller
