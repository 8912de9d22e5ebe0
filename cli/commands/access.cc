// token create, token ls, token rm, audit.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

struct TokenFlags {
  bool node = false;
  std::string role;
  std::string stack;
  std::string name;
  uint32_t uses = 0;
  std::string ttl;
  std::string message;
  bool json = false;
};

std::string WhenText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M", FromProto(time), absl::LocalTimeZone());
}

// What is left of a token's time.
std::string EndText(const v1::Token& token) {
  if (!token.has_expires_at()) {
    return "never";
  }
  const absl::Duration left = FromProto(token.expires_at()) - absl::Now();
  return left <= absl::ZeroDuration() ? "ended" : absl::StrCat("in ", ShortDuration(left));
}

// HOST[:PORT] of the controller as --join wants it.
std::string JoinAddress(const std::string& address) {
  const size_t scheme = address.find("://");
  std::string host = scheme == std::string::npos ? address : address.substr(scheme + 3);
  while (!host.empty() && host.back() == '/') {
    host.pop_back();
  }
  return host;
}

void PrintCreated(const Session& session, const v1::CreateTokenResponse& created) {
  const v1::Token& token = created.token();
  if (token.role() == "node") {
    session.out() << "On the host that joins (" << token.uses_left()
                  << (token.uses_left() == 1 ? " host" : " hosts") << ", ends " << EndText(token) << "):\n\n"
                  << "  drover-agent --join " << created.secret() << "@"
                  << JoinAddress(session.client().address()) << "\n";
  } else {
    session.out() << created.secret() << "\n";
    session.err() << "Shown this once. Use it with: export DROVER_TOKEN=…\n";
  }
}

int TokenCreate(const Session& session, const TokenFlags& flags) {
  if (flags.node != flags.role.empty()) {
    return session.Fail("give one of --node and --role admin|operator|deployer|viewer");
  }
  v1::CreateTokenRequest request;
  request.set_role(flags.node ? "node" : flags.role);
  request.set_stack(flags.stack);
  request.set_name(flags.name);
  request.set_uses(flags.uses);
  request.set_message(flags.message);
  if (!flags.ttl.empty()) {
    const auto ttl = ParseFlagDuration("--ttl", flags.ttl);
    if (!ttl.ok()) {
      return session.Fail(ttl.status());
    }
    *request.mutable_ttl() = ToProto(*ttl);
  }
  v1::CreateTokenResponse created;
  if (absl::Status sent = session.client().Send("POST", "/v1/tokens", &request, &created); !sent.ok()) {
    return session.Fail(sent);
  }
  if (flags.json) {
    session.PrintJson(created);
  } else {
    PrintCreated(session, created);
  }
  return kOk;
}

int TokenLs(const Session& session, bool json) {
  return session.Show<v1::ListTokensResponse>("/v1/tokens", json, [&](const v1::ListTokensResponse& list) {
    Table table({{"ID"},
                 {"NAME"},
                 {"ROLE"},
                 {"STACK"},
                 {"USES LEFT", Table::Align::kRight},
                 {"ENDS"},
                 {"USED"},
                 {"MADE BY"}},
                session.color());
    for (const v1::Token& token : list.tokens()) {
      table.AddRow({token.id(), token.name(), token.role(), token.stack(),
                    token.role() == "node" ? absl::StrCat(token.uses_left()) : "", EndText(token),
                    token.has_used_at()
                        ? absl::StrCat(ShortDuration(absl::Now() - FromProto(token.used_at())), " ago")
                        : "",
                    token.created_by()});
    }
    session.out() << table.ToText();
  });
}

int TokenRm(const Session& session, const std::string& id, const std::string& message) {
  v1::ChangeResponse response;
  const std::string path = absl::StrCat("/v1/tokens/", id, Query({{"message", message}}));
  if (absl::Status sent = session.client().Send("DELETE", path, nullptr, &response); !sent.ok()) {
    return session.Fail(sent);
  }
  session.out() << response.message() << "\n";
  return kOk;
}

std::string ChangeText(const v1::AuditEntry& entry) {
  const bool both = !entry.before().empty() && !entry.after().empty();
  return absl::StrCat(entry.before(), both ? " → " : "", entry.after());
}

void PrintAudit(const Session& session, const v1::ListAuditResponse& list) {
  Table table({{"WHEN"}, {"WHO"}, {"FROM"}, {"ACTION"}, {"CHANGE"}, {"OUTCOME"}, {"MESSAGE"}},
              session.color());
  for (const v1::AuditEntry& entry : list.entries()) {
    const bool done = entry.outcome() == "done";
    table.AddRow({WhenText(entry.at()), entry.who(), entry.from(), entry.action(), ChangeText(entry),
                  done ? entry.outcome() : Paint(entry.outcome(), Color::kRed, session.color()),
                  entry.message()});
  }
  session.out() << table.ToText();
}

void AddTokenCreate(Verbs below, Session& session) {
  auto flags = std::make_shared<TokenFlags>();
  CLI::App* verb = below.Add("create", "make a token",
                             "drover token create --node --uses 5 --ttl 1h\n"
                             "  drover token create --role deployer --stack shop --name ci\n"
                             "  drover token create --role viewer --name grafana --ttl 90d",
                             [flags, &session] { return TokenCreate(session, *flags); });
  verb->add_flag("--node", flags->node, "with which hosts join the cluster");
  verb->add_option("--role", flags->role, "admin, operator, deployer or viewer")
      ->check(CLI::IsMember({"admin", "operator", "deployer", "viewer"}))
      ->type_name("ROLE");
  verb->add_option("--stack", flags->stack, "sees and changes this stack only (deployer, viewer)");
  verb->add_option("--name", flags->name, "whose it is, for lists and the audit");
  verb->add_option("--uses", flags->uses, "so many hosts may join with it (1)");
  verb->add_option("--ttl", flags->ttl, "good for so long (--node: 24h; else for ever)");
  verb->add_option("-m,--message", flags->message, "why, for the audit");
  AddOutputOption(verb, &flags->json);
}

}  // namespace

void AddAccessVerbs(Verbs verbs) {
  Session& session = verbs.session();
  CLI::App* token = verbs.app().add_subcommand("token", "make, list and remove tokens");
  token->require_subcommand(1);
  Verbs below = verbs.Below(token);
  AddTokenCreate(below, session);

  auto json = std::make_shared<bool>(false);
  CLI::App* verb = below.Add("ls", "list tokens, without their secrets", "drover token ls",
                             [json, &session] { return TokenLs(session, *json); });
  AddOutputOption(verb, json.get());

  auto id = std::make_shared<std::string>();
  auto message = std::make_shared<std::string>();
  verb = below.Add("rm", "remove a token: whoever bears it gets nothing any more",
                   "drover token rm 0123456789ab",
                   [id, message, &session] { return TokenRm(session, *id, *message); });
  verb->add_option("ID", *id, "as `drover token ls` shows it")->required()->type_name("");
  verb->add_option("-m,--message", *message, "why, for the audit");

  auto since = std::make_shared<std::string>();
  auto who = std::make_shared<std::string>();
  auto limit = std::make_shared<std::string>();
  verb = verbs.Add("audit", "show who changed what, and who was denied it", "drover audit --since 24h",
                   [since, who, limit, json, &session] {
                     const std::string path = absl::StrCat(
                         "/v1/audit", Query({{"since", *since}, {"who", *who}, {"limit", *limit}}));
                     return session.Show<v1::ListAuditResponse>(
                         path, *json, [&](const v1::ListAuditResponse& list) { PrintAudit(session, list); });
                   });
  verb->add_option("--since", *since, "from then on: how long ago (10m, 7d), or RFC 3339");
  verb->add_option("--who", *who, "only of whom this is part of the name");
  verb->add_option("--limit", *limit, "at most so many (1000)");
  AddOutputOption(verb, json.get());
}

}  // namespace drover::cli
