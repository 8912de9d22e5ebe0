#include "agent/runtime/join.h"

#include <google/protobuf/util/json_util.h>
#include <httplib.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/clock.h"
#include "agent/runtime/membership.h"
#include "common/address.h"
#include "common/files.h"
#include "common/status.h"
#include "drover/v1/api.pb.h"
#include "pki/certificates.h"
#include "pki/pin.h"

namespace drover::agent {
namespace {

using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageToJsonString;

constexpr uint32_t kDefaultAgentsPort = 7400;
constexpr time_t kAnswerSeconds = 10;
constexpr Duration kFirstPause = absl::Milliseconds(500);
constexpr Duration kLongestPause = absl::Seconds(8);

struct Answer {
  v1::JoinResponse response;
  uint32_t agents_port = kDefaultAgentsPort;
};

absl::Status Refused(const httplib::Response& response, const std::string& where) {
  v1::ApiError error;
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;
  const bool told = JsonStringToMessage(response.body, &error, lenient).ok() && !error.message().empty();
  const std::string text = absl::StrCat("joining at ", where, ": ",
                                        told ? error.message() : absl::StrCat("HTTP ", response.status));
  const bool later = response.status == 429 || response.status >= 500;
  return later ? absl::UnavailableError(text) : absl::PermissionDeniedError(text);
}

absl::StatusOr<Answer> Ask(const JoinTarget& target, const v1::JoinRequest& request) {
  const std::string where = HostPort(target.host, static_cast<uint32_t>(target.port));
  httplib::SSLClient client(target.host, target.port);
  pki::Pin pin = {.hash = target.token.pin, .refused = false, .certificate = ""};
  client.enable_server_certificate_verification(false);  // by the library's rules; ours follow
  pki::TrustPinned(client.ssl_context(), &pin);
  client.set_connection_timeout(kAnswerSeconds);
  client.set_read_timeout(kAnswerSeconds);
  std::string body;
  (void)MessageToJsonString(request, &body);
  const httplib::Result result = client.Post("/v1/join", body, "application/json");
  if (!result) {
    if (pin.refused) {
      return absl::PermissionDeniedError(
          absl::StrCat("who answers at ", where,
                       " is not the cluster that made this token; the token was not sent there"));
    }
    return absl::UnavailableError(
        absl::StrCat("no controller answers at ", where, " (", httplib::to_string(result.error()), ")"));
  }
  if (result->status != 200) {
    return Refused(*result, where);
  }
  Answer answer;
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;
  if (!JsonStringToMessage(result->body, &answer.response, lenient).ok()) {
    return absl::PermissionDeniedError(absl::StrCat("the answer of ", where, " is not understood"));
  }
  uint32_t port = 0;
  if (absl::SimpleAtoi(result->get_header_value("Drover-Agents-Port"), &port) && port > 0 && port < 65536) {
    answer.agents_port = port;
  }
  return answer;
}

absl::StatusOr<Answer> AskUntil(const JoinTarget& target, const v1::JoinRequest& request, Instant end) {
  Duration pause = kFirstPause;
  while (true) {
    absl::StatusOr<Answer> answer = Ask(target, request);
    if (!absl::IsUnavailable(answer.status()) || Now() + pause > end) {
      return answer;
    }
    spdlog::warn("{}; trying again", std::string(answer.status().message()));
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(pause));
    pause = std::min(2 * pause, kLongestPause);
  }
}

// True: this token has done its work already.
absl::StatusOr<bool> IsJoined(const JoinTarget& target, const std::string& state_dir) {
  ASSIGN_OR_RETURN(const std::optional<Membership> membership, LoadMembership(state_dir));
  if (!membership) {
    return false;
  }
  ASSIGN_OR_RETURN(const std::string ca, ReadWhole(membership->files.ca));
  const absl::StatusOr<std::string> hash = pki::KeyHash(ca);
  if (!hash.ok() || !absl::StartsWith(*hash, target.token.pin)) {
    return absl::FailedPreconditionError(absl::StrCat(
        state_dir, ": belongs to a node of another cluster; start with an empty state_dir to join this one"));
  }
  ASSIGN_OR_RETURN(const std::string identity, ReadWhole(membership->files.cert));
  ASSIGN_OR_RETURN(const pki::CertificateFacts facts, pki::FactsOf(identity));
  return membership->token_id == target.token.id && facts.not_after > absl::Now();
}

}  // namespace

absl::StatusOr<JoinTarget> ParseJoin(const std::string& text) {
  const size_t at = text.find('@');
  if (at == std::string::npos || at + 1 == text.size()) {
    return absl::InvalidArgumentError("--join: write TOKEN@HOST or TOKEN@HOST:7401");
  }
  JoinTarget out;
  out.text = text.substr(0, at);
  absl::StatusOr<pki::TokenText> token = pki::ParseToken(out.text);
  if (!token.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--join: ", token.status().message(), " --node"));
  }
  out.token = *std::move(token);
  if (out.token.pin.empty()) {
    return absl::InvalidArgumentError(
        "--join: this token says nothing of its cluster's key; it is not for nodes");
  }
  out.host = text.substr(at + 1);
  if (auto address = SplitAddress(out.host); address.ok()) {
    out.host = address->first;
    out.port = static_cast<int>(address->second);
  } else if (out.host.find_first_of(":/@ ") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--join: \"", out.host, "\" is not HOST or HOST:PORT, such as controller1 or 10.0.0.1:7401"));
  }
  return out;
}

absl::Status JoinCluster(const JoinTarget& target, const JoinOptions& options) {
  ASSIGN_OR_RETURN(const bool joined, IsJoined(target, options.state_dir));
  if (joined) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string key, PendingKey(options.state_dir));
  v1::JoinRequest request;
  ASSIGN_OR_RETURN(*request.mutable_csr(), pki::MakeRequest(key, options.node.value()));
  request.set_token(target.text);
  request.set_node_id(options.node.value());
  request.set_name(options.name);
  ASSIGN_OR_RETURN(const Answer answer, AskUntil(target, request, Now() + options.patience));
  const absl::StatusOr<std::string> ca = pki::KeyHash(answer.response.ca());
  if (!ca.ok() || !absl::StartsWith(*ca, target.token.pin) ||
      !pki::CheckPair({.certificate = answer.response.certificate(), .key = key}).ok()) {
    return absl::PermissionDeniedError("the controller's answer holds no certificate for this host's key");
  }
  Membership membership;
  membership.controllers = {HostPort(target.host, answer.agents_port)};
  membership.token_id = target.token.id;
  membership.cluster_id = answer.response.cluster_id();
  RETURN_IF_ERROR(StoreMembership(options.state_dir, membership, key + answer.response.certificate(),
                                  answer.response.ca()));
  ForgetPendingKey(options.state_dir);
  spdlog::info("joined cluster {} as node {}", membership.cluster_id, options.node.value());
  return absl::OkStatus();
}

}  // namespace drover::agent
