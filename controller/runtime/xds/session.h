// One client's side of the aggregated discovery protocol, state of the world: what it asked for, what it was
// told, what it accepted. No I/O: requests and snapshots in, responses out.
//
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/runtime/xds/resources.h"
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace drover::controller {

class XdsSession {
 public:
  using Request = envoy::service::discovery::v3::DiscoveryRequest;
  using Response = envoy::service::discovery::v3::DiscoveryResponse;

  // `epoch` begins each version, so that those of two controllers differ.
  explicit XdsSession(uint64_t epoch) : epoch_(epoch) {}

  // An acceptance, a refusal or a subscription. What it calls for, in the order of sending; nothing while the
  // snapshot is number 0.
  std::vector<Response> OnRequest(const Request& request, const XdsSnapshot& snapshot);

  // What a newer snapshot changes for this client. What is new comes before what refers to it, what goes
  // after (make before break).
  std::vector<Response> OnSnapshot(const XdsSnapshot& snapshot);

  // As in the first request that names it; empty: never named.
  const std::string& node() const { return node_; }

  // Endpoints that it asks for.
  const std::set<std::string>& endpoints() const { return Of(XdsType::kEndpoints).names; }

  // Of endpoints that it asks for: the newest revision that it accepted; 0: none.
  uint64_t Accepted(const std::string& name, const XdsSnapshot& snapshot) const;

  // Why it refused the newest response of some type; empty: it did not.
  const std::string& refusal() const { return refusal_; }

 private:
  struct Subscription {
    bool asked = false;
    bool all = false;  // listeners and clusters only
    std::set<std::string> names;
    std::string nonce;     // of the newest response; empty: none yet
    XdsResources sent;     // what the client has when it accepts that
    bool answered = true;  // the newest response was accepted
    XdsResources accepted;
  };

  const Subscription& Of(XdsType type) const { return subscriptions_.at(static_cast<size_t>(type)); }

  Subscription& Of(XdsType type) { return subscriptions_.at(static_cast<size_t>(type)); }

  void Subscribe(XdsType type, const Request& request);
  // With `keep`, what is to go stays for now.
  void Review(XdsType type, const XdsSnapshot& snapshot, bool keep, std::vector<Response>& out);

  const uint64_t epoch_;
  std::string node_;
  std::string refusal_;
  uint64_t nonces_ = 0;
  std::array<Subscription, kXdsTypes> subscriptions_;
};

}  // namespace drover::controller
