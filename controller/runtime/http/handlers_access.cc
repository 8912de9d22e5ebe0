// Tokens, joining, the audit.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/runtime/access/access.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/history/at.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/validate.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

constexpr uint64_t kAuditShown = 1000;
constexpr uint64_t kMostAuditShown = 10000;

ApiResponse NoTokens() { return ErrorResponse(409, "FailedPrecondition", "this controller keeps no tokens"); }

v1::Token TokenToApi(const TokenRecord& record) {
  v1::Token token;
  token.set_id(record.id);
  token.set_name(record.name);
  token.set_role(NameOf(record.role));
  token.set_stack(record.stack);
  token.set_uses_left(static_cast<uint32_t>(record.uses_left));
  *token.mutable_created_at() = ToProto(record.created_at);
  if (record.expires_at) {
    *token.mutable_expires_at() = ToProto(*record.expires_at);
  }
  if (record.used_at) {
    *token.mutable_used_at() = ToProto(*record.used_at);
  }
  token.set_created_by(record.created_by);
  return token;
}

absl::StatusOr<Tokens::Terms> TermsOf(const Api& api, const ApiRequest& request,
                                      const v1::CreateTokenRequest& body) {
  const std::optional<Role> role = RoleOf(body.role());
  if (!role) {
    return absl::InvalidArgumentError(
        absl::StrCat("role: \"", body.role(), "\" is none of admin, operator, deployer, viewer, node"));
  }
  if (*role == Role::kNode && api.access->membership() == nullptr) {
    return absl::FailedPreconditionError(
        "nodes do not join by token here: agents connect plainly, or by certificates that you gave; without "
        "`tls: off` and `tls: {…}` the controller is its own authority as soon as grpc.listen and "
        "http.listen are beyond loopback (`tls: own`: always)");
  }
  if (*role != Role::kNode && body.uses() > 0) {
    return absl::InvalidArgumentError("uses: is for tokens of nodes");
  }
  Tokens::Terms terms = {.name = body.name(),
                         .role = *role,
                         .stack = body.stack(),
                         .uses = body.uses() == 0 ? 1 : body.uses(),
                         .ttl = {},
                         .created_by = request.caller.who};
  if (body.has_ttl()) {
    if (!IsUsableDuration(body.ttl())) {
      return absl::InvalidArgumentError("ttl: must be more than 0, for example \"3600s\"");
    }
    terms.ttl = ToCore(body.ttl());
  }
  return terms;
}

std::string SummaryOf(const TokenRecord& token) {
  return absl::StrCat(NameOf(token.role), token.stack.empty() ? "" : absl::StrCat(" of stack ", token.stack),
                      token.role == Role::kNode ? absl::StrCat(", ", token.uses_left, " uses") : "",
                      token.expires_at
                          ? absl::StrCat(", until ", absl::FormatTime(*token.expires_at, absl::UTCTimeZone()))
                          : "");
}

}  // namespace

ApiResponse ListTokens(const Api& api, const ApiRequest&) {
  if (api.access == nullptr) {
    return NoTokens();
  }
  v1::ListTokensResponse list;
  for (const TokenRecord& token : api.access->tokens().List()) {
    *list.add_tokens() = TokenToApi(token);
  }
  return JsonResponse(list);
}

ApiResponse CreateToken(const Api& api, const ApiRequest& request) {
  v1::CreateTokenRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  if (api.access == nullptr) {
    return NoTokens();
  }
  const absl::StatusOr<Tokens::Terms> terms = TermsOf(api, request, body);
  if (!terms.ok()) {
    return ErrorResponse(terms.status());
  }
  const absl::StatusOr<Tokens::Created> created = api.access->tokens().Create(*terms, absl::Now());
  if (!created.ok()) {
    return ErrorResponse(created.status());
  }
  v1::CreateTokenResponse answer;
  *answer.mutable_token() = TokenToApi(created->record);
  answer.set_secret(created->text);
  ApiResponse response = JsonResponse(answer);
  response.headers.emplace_back("Cache-Control", "no-store");
  response.audit.subject = absl::StrCat("token ", created->record.id);
  response.audit.after = SummaryOf(created->record);
  return response;
}

ApiResponse DeleteToken(const Api& api, const ApiRequest& request) {
  if (api.access == nullptr) {
    return NoTokens();
  }
  const std::string& id = request.params.at("token");
  std::string before;
  for (const TokenRecord& token : api.access->tokens().List()) {
    before = token.id == id ? SummaryOf(token) : before;
  }
  if (const absl::Status removed = api.access->tokens().Remove(id); !removed.ok()) {
    return ErrorResponse(removed);
  }
  v1::ChangeResponse answer;
  answer.set_message(absl::StrCat("the token ", id, " is worth nothing any more"));
  ApiResponse response = JsonResponse(answer);
  response.audit.before = before;
  return response;
}

ApiResponse PostJoin(const Api& api, const ApiRequest& request) {
  v1::JoinRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  if (api.access == nullptr || api.access->membership() == nullptr) {
    return ErrorResponse(409, "FailedPrecondition", "nodes do not join this cluster by token");
  }
  Membership& members = *api.access->membership();
  std::string who;
  const absl::StatusOr<std::string> certificate =
      members.Join({.token = body.token(), .csr = body.csr(), .node = NodeId(body.node_id())},
                   api.loop->Now(), absl::Now(), who);
  ApiResponse response;
  if (certificate.ok()) {
    v1::JoinResponse answer;
    answer.set_certificate(*certificate);
    answer.set_ca(members.authority().certificate());
    answer.set_cluster_id(api.loop->view()->cluster.value());
    response = JsonResponse(answer);
    response.headers.emplace_back("Drover-Agents-Port",
                                  absl::StrCat(api.agents_port ? api.agents_port() : 0));
    response.audit.after = absl::StrCat("a node named ", body.name());
  } else {
    response = ErrorResponse(certificate.status());
  }
  response.audit.who = who.empty() ? "a stranger" : who;
  response.audit.subject = absl::StrCat("node ", body.node_id());
  return response;
}

ApiResponse GetAudit(const Api& api, const ApiRequest& request) {
  if (api.access == nullptr) {
    return NoTokens();
  }
  AuditLog::Query query;
  if (const std::string since = QueryText(request, "since"); !since.empty()) {
    const absl::StatusOr<absl::Time> from = ParsePastTime(since, absl::Now());
    if (!from.ok()) {
      return ErrorResponse(400, "InvalidArgument", absl::StrCat("?since=: ", from.status().message()));
    }
    query.from = *from;
  }
  const absl::StatusOr<uint64_t> limit = QueryNumber(request, "limit", kAuditShown);
  if (!limit.ok() || *limit < 1 || *limit > kMostAuditShown) {
    return ErrorResponse(400, "InvalidArgument", absl::StrCat("?limit=: must be 1 to ", kMostAuditShown));
  }
  query.limit = *limit;
  query.who = QueryText(request, "who");
  const absl::StatusOr<std::vector<AuditRecord>> found = api.access->audit().Read(query);
  if (!found.ok()) {
    return ErrorResponse(found.status());
  }
  v1::ListAuditResponse list;
  for (const AuditRecord& record : *found) {
    v1::AuditEntry& entry = *list.add_entries();
    entry.set_id(record.id);
    *entry.mutable_at() = ToProto(record.at);
    entry.set_who(record.who);
    entry.set_from(record.from);
    entry.set_action(record.action);
    entry.set_subject(record.subject);
    entry.set_before(record.before);
    entry.set_after(record.after);
    entry.set_message(record.message);
    entry.set_outcome(record.outcome);
  }
  return JsonResponse(list);
}

absl::Status RevokeNode(const Api& api, const NodeId& node) {
  if (api.access == nullptr || api.access->membership() == nullptr) {
    return absl::OkStatus();
  }
  return api.access->membership()->Revoke(node, absl::Now());
}

}  // namespace drover::controller
