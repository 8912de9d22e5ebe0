#include "controller/runtime/http/authorize.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "controller/runtime/access/access.h"
#include "pki/token.h"

namespace drover::controller {
namespace {

constexpr size_t kSmallBody = 64 << 10;  // bytes; a message of larger ones is the handler's to tell

// The text after "Bearer "; empty: no token is shown.
std::string BearerOf(const std::string& authorization) {
  absl::string_view text = authorization;
  return absl::ConsumePrefix(&text, "Bearer ") || absl::ConsumePrefix(&text, "bearer ") ? std::string(text)
                                                                                        : "";
}

bool IsLocal(const std::string& address) {
  return absl::StartsWith(address, "127.") || address == "::1" || absl::StartsWith(address, "::ffff:127.");
}

std::string NameWithoutToken(const ApiRequest& request) {
  return IsLocal(request.remote) ? "loopback" : "without a token";
}

bool HasQuery(const Route& route, std::string_view name) {
  return std::any_of(route.query.begin(), route.query.end(),
                     [&](const QueryParameter& query) { return query.name == name; });
}

// Keeps `request` to `stack`; a refusal when it is about another, or about the cluster.
absl::Status KeepTo(const std::string& stack, const Route& route, ApiRequest& request) {
  const auto denied = [&] {
    return absl::PermissionDeniedError(absl::StrCat("this token is for stack ", stack, " only"));
  };
  if (NeedOf(route) == Need::kNothing || route.scoped) {
    return absl::OkStatus();
  }
  if (const auto named = request.params.find("stack"); named != request.params.end()) {
    return named->second == stack ? absl::OkStatus() : denied();
  }
  if (route.observation || !HasQuery(route, "stack")) {
    return denied();
  }
  std::string& asked = request.query["stack"];
  if (!asked.empty() && asked != stack) {
    return denied();
  }
  asked = stack;
  return absl::OkStatus();
}

// "stack shop", "service shop/web": what the path names.
std::string SubjectOf(const ApiRequest& request) {
  const auto param = [&](const char* name) {
    const auto found = request.params.find(name);
    return found == request.params.end() ? std::string() : found->second;
  };
  if (!param("service").empty()) {
    return absl::StrCat("service ", param("stack"), "/", param("service"));
  }
  for (const char* name : {"stack", "node", "token"}) {
    if (!param(name).empty()) {
      return absl::StrCat(name, " ", param(name));
    }
  }
  return "";
}

std::string FieldOf(const std::string& json, const char* field) {
  const auto parsed = nlohmann::json::parse(json.size() > kSmallBody ? "" : json, nullptr, false);
  const bool there = parsed.is_object() && parsed.contains(field) && parsed[field].is_string();
  return there ? parsed[field].get<std::string>() : "";
}

std::string MessageOf(const ApiRequest& request, const ApiResponse& response) {
  if (!response.audit.message.empty()) {
    return response.audit.message;
  }
  const std::string in_query = QueryText(request, "message");
  return in_query.empty() ? FieldOf(request.body, "message") : in_query;
}

// A look at what would happen, not a change.
bool IsDryRun(const ApiRequest& request) {
  const auto parsed =
      nlohmann::json::parse(request.body.size() > kSmallBody ? "" : request.body, nullptr, false);
  for (const char* name : {"dryRun", "dry_run"}) {
    if (parsed.is_object() && parsed.contains(name) && parsed[name] == true) {
      return true;
    }
  }
  return false;
}

// "done", "refused: …", "failed: …"; strangers are denied, whatever it was that they did wrong.
std::string OutcomeOf(const ApiResponse& response, bool stranger) {
  if (response.status < 300) {
    return "done";
  }
  const std::string why = FieldOf(response.body, "message");
  const bool denied = response.status == 401 || response.status == 403 || stranger;
  return absl::StrCat(denied ? "denied" : (response.status < 500 ? "refused" : "failed"), ": ", why);
}

}  // namespace

ApiResponse Authorizer::Deny(const std::string& who, const ApiRequest& request,
                             const absl::Status& why) const {
  access_->audit().Add({.id = 0,
                        .at = absl::Now(),
                        .who = who,
                        .from = request.remote,
                        .action = absl::StrCat(request.method, " ", request.path),
                        .subject = SubjectOf(request),
                        .before = "",
                        .after = "",
                        .message = "",
                        .outcome = absl::StrCat("denied: ", why.message())},
                       api_->loop->Now());
  ApiResponse response = ErrorResponse(why);
  if (response.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  return response;
}

std::optional<ApiResponse> Authorizer::Admit(const Route& route, const std::string& authorization,
                                             ApiRequest& request) const {
  request.caller = {.who = request.remote, .stack = ""};
  const Need need = NeedOf(route);
  if (access_ == nullptr || need == Need::kNothing) {
    return std::nullopt;
  }
  const std::string text = BearerOf(authorization);
  if (text.empty()) {
    if (!token_needed_) {
      return std::nullopt;
    }
    return Deny(NameWithoutToken(request), request,
                absl::UnauthenticatedError("a token is needed; show it as Authorization: Bearer TOKEN"));
  }
  const absl::StatusOr<Grant> grant = access_->tokens().Authenticate(text, absl::Now());
  if (!grant.ok()) {
    const absl::StatusOr<pki::TokenText> parsed = pki::ParseToken(text);
    return Deny(parsed.ok() ? absl::StrCat("token ", parsed->id) : NameWithoutToken(request), request,
                grant.status());
  }
  request.caller = {.who = grant->who(), .stack = grant->stack};
  if (!Allows(grant->role, need)) {
    return Deny(
        grant->who(), request,
        absl::PermissionDeniedError(absl::StrCat("the role ", NameOf(grant->role),
                                                 " may not do this; it needs one that may ", NameOf(need))));
  }
  if (!grant->stack.empty()) {
    if (const absl::Status kept = KeepTo(grant->stack, route, request); !kept.ok()) {
      return Deny(grant->who(), request, kept);
    }
  }
  return std::nullopt;
}

std::optional<ApiResponse> Authorizer::AdmitUnknown(const std::string& authorization,
                                                    const ApiRequest& request) const {
  ApiRequest copy = request;
  Route route;
  route.method = "GET";
  route.scoped = true;
  return Admit(route, authorization, copy);
}

void Authorizer::Audit(const Route& route, const ApiRequest& request, const ApiResponse& response) const {
  if (access_ == nullptr || std::string_view(route.method) == "GET" || response.audit.skipped ||
      (response.status < 300 && IsDryRun(request))) {
    return;
  }
  const AuditNote& note = response.audit;
  const bool named = request.caller.who != request.remote;
  const bool stranger = NeedOf(route) == Need::kNothing;
  access_->audit().Add(
      {.id = 0,
       .at = absl::Now(),
       .who = !note.who.empty() ? note.who : (named ? request.caller.who : NameWithoutToken(request)),
       .from = request.remote,
       .action = absl::StrCat(request.method, " ", request.path),
       .subject = note.subject.empty() ? SubjectOf(request) : note.subject,
       .before = note.before,
       .after = note.after,
       .message = MessageOf(request, response),
       .outcome = OutcomeOf(response, stranger)},
      api_->loop->Now());
}

}  // namespace drover::controller
