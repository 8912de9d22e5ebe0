#include "controller/runtime/xds/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace drover::controller {
namespace {

// A response of these holds all that there is: what is not in it is gone for the client.
bool IsWhole(XdsType type) { return type == XdsType::kListener || type == XdsType::kCluster; }

bool SameBodies(const XdsResources& a, const XdsResources& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && SameBody(x.second, y.second);
  });
}

std::shared_ptr<const XdsResource> Get(const XdsResources& resources, const std::string& name) {
  const auto found = resources.find(name);
  return found == resources.end() ? nullptr : found->second;
}

}  // namespace

void XdsSession::Subscribe(XdsType type, const Request& request) {
  Subscription& sub = Of(type);
  std::set<std::string> names(request.resource_names().begin(), request.resource_names().end());
  // Without names, the first request of a stream asks for all; a later one for none.
  const bool first = !std::exchange(sub.asked, true);
  sub.all = IsWhole(type) && (names.erase("*") > 0 || (names.empty() && (first || sub.all)));
  sub.names = std::move(names);
  const auto dropped = [&sub](const auto& entry) { return !sub.all && !sub.names.contains(entry.first); };
  std::erase_if(sub.sent, dropped);
  std::erase_if(sub.accepted, dropped);
}

std::vector<XdsSession::Response> XdsSession::OnRequest(const Request& request, const XdsSnapshot& snapshot) {
  if (node_.empty()) {
    node_ = request.node().id();
  }
  std::vector<Response> out;
  const std::optional<XdsType> type = XdsTypeOf(request.type_url());
  if (!type) {
    return out;
  }
  Subscription& sub = Of(*type);
  // About a response that a newer one has overtaken: the client will answer that, too.
  if (request.response_nonce() != sub.nonce && !request.response_nonce().empty()) {
    return out;
  }
  if (!request.response_nonce().empty()) {
    if (request.has_error_detail()) {
      refusal_ = request.error_detail().message();
    } else {
      refusal_.clear();
      sub.accepted = sub.sent;
      sub.answered = true;
    }
  }
  Subscribe(*type, request);
  Review(*type, snapshot, /*keep=*/false, out);
  return out;
}

std::vector<XdsSession::Response> XdsSession::OnSnapshot(const XdsSnapshot& snapshot) {
  std::vector<Response> out;
  Review(XdsType::kCluster, snapshot, /*keep=*/true, out);
  Review(XdsType::kEndpoints, snapshot, /*keep=*/false, out);
  Review(XdsType::kListener, snapshot, /*keep=*/false, out);
  Review(XdsType::kRoute, snapshot, /*keep=*/false, out);
  Review(XdsType::kCluster, snapshot, /*keep=*/false, out);
  return out;
}

void XdsSession::Review(XdsType type, const XdsSnapshot& snapshot, bool keep, std::vector<Response>& out) {
  Subscription& sub = Of(type);
  if (snapshot.number == 0 || !sub.asked || (!sub.all && sub.names.empty())) {
    return;
  }
  XdsResources wanted;
  for (const auto& [name, resource] : snapshot.of(type)) {
    if (sub.all || sub.names.contains(name)) {
      wanted.emplace(name, resource);
    }
  }
  if (keep || !IsWhole(type)) {
    wanted.insert(sub.sent.begin(), sub.sent.end());
  }
  // The first answer of a kind whose responses are whole says also what there is not.
  const bool first = sub.nonce.empty() && IsWhole(type);
  if (!first && SameBodies(wanted, sub.sent)) {
    sub.sent = std::move(wanted);
    return;
  }
  Response response;
  response.set_type_url(TypeUrl(type));
  response.set_version_info(absl::StrCat(epoch_, ".", snapshot.number));
  for (const auto& [name, resource] : wanted) {
    if (IsWhole(type) || !SameBody(Get(sub.accepted, name), resource)) {
      *response.add_resources() = resource->body;
    }
  }
  sub.answered = false;
  sub.nonce = absl::StrCat(++nonces_);
  response.set_nonce(sub.nonce);
  sub.sent = std::move(wanted);
  out.push_back(std::move(response));
}

uint64_t XdsSession::Accepted(const std::string& name, const XdsSnapshot& snapshot) const {
  const auto accepted = Get(Of(XdsType::kEndpoints).accepted, name);
  const auto current = Get(snapshot.of(XdsType::kEndpoints), name);
  if (accepted == nullptr) {
    return 0;
  }
  // Revisions that say the same to clients are one, unless another is on its way.
  if (Of(XdsType::kEndpoints).answered && SameBody(accepted, current)) {
    return current->revision;
  }
  // A revision that is yet to come belongs to a service that had this name before.
  return current != nullptr && accepted->revision > current->revision ? 0 : accepted->revision;
}

}  // namespace drover::controller
