#include "controller/runtime/access/tokens.h"

#include <openssl/crypto.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "pki/certificates.h"
#include "pki/token.h"

namespace drover::controller {
namespace {

constexpr Duration kNodeTtl = absl::Hours(24);
constexpr Duration kUsedResolution = absl::Minutes(1);
constexpr Duration kShownAfterEnd = absl::Hours(24 * 7);
constexpr size_t kLongestName = 64;
constexpr int64_t kMostUses = 100'000;

Grant GrantOf(const TokenRecord& token) {
  return {.id = token.id, .name = token.name, .role = token.role, .stack = token.stack};
}

bool SameHash(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool IsPrintable(const std::string& text) {
  return text.find_first_of("\r\n\t\x1b", 0, 4) == std::string::npos;
}

absl::Status CheckTerms(const Tokens::Terms& terms) {
  if (terms.name.size() > kLongestName || !IsPrintable(terms.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("name: must be one line of at most ", kLongestName, " characters"));
  }
  if (!terms.stack.empty() && (terms.role != Role::kViewer && terms.role != Role::kDeployer)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "stack: only a viewer or a deployer can be for one stack; the role is ", NameOf(terms.role)));
  }
  if (terms.role == Role::kNode && (terms.uses < 1 || terms.uses > kMostUses)) {
    return absl::InvalidArgumentError(absl::StrCat("uses: must be 1 to ", kMostUses));
  }
  if (terms.ttl && *terms.ttl <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("ttl: must be more than 0");
  }
  return absl::OkStatus();
}

}  // namespace

std::string Grant::who() const {
  return name.empty() ? absl::StrCat("token ", id) : absl::StrCat(name, " (", id, ")");
}

absl::StatusOr<std::unique_ptr<Tokens>> Tokens::Open(AccessStore* store, std::string pin, absl::Time now) {
  if (const absl::Status dropped = store->DropEnded(now - kShownAfterEnd); absl::IsDataLoss(dropped)) {
    return dropped;
  }
  std::unique_ptr<Tokens> out(new Tokens(store, std::move(pin)));
  ASSIGN_OR_RETURN(std::vector<TokenRecord> stored, store->Tokens());
  for (TokenRecord& token : stored) {
    out->tokens_.emplace(token.id, token);
  }
  return out;
}

absl::StatusOr<Tokens::Created> Tokens::Create(const Terms& terms, absl::Time now) {
  RETURN_IF_ERROR(CheckTerms(terms));
  const pki::TokenText text = pki::MakeToken(pin_);
  const bool node = terms.role == Role::kNode;
  TokenRecord record = {.id = text.id,
                        .hash = pki::Sha256(text.secret),
                        .name = terms.name,
                        .role = terms.role,
                        .stack = terms.stack,
                        .uses_left = node ? terms.uses : 0,
                        .created_at = now,
                        .expires_at = {},
                        .used_at = {},
                        .created_by = terms.created_by};
  if (terms.ttl || node) {
    record.expires_at = now + terms.ttl.value_or(kNodeTtl);
  }
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(store_->PutToken(record));
  tokens_[record.id] = record;
  return Created{.record = std::move(record), .text = pki::Format(text)};
}

std::vector<TokenRecord> Tokens::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<TokenRecord> out;
  for (const auto& [id, token] : tokens_) {
    out.push_back(token);
  }
  return out;
}

absl::Status Tokens::Remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (tokens_.count(id) == 0) {
    return absl::NotFoundError(absl::StrCat("no token \"", id, "\"; `drover token ls` shows them"));
  }
  RETURN_IF_ERROR(store_->RemoveToken(id));
  tokens_.erase(id);
  return absl::OkStatus();
}

absl::StatusOr<const TokenRecord*> Tokens::FindLocked(absl::string_view text, absl::Time now) const {
  const absl::StatusOr<pki::TokenText> parsed = pki::ParseToken(text);
  if (!parsed.ok()) {
    return absl::UnauthenticatedError(parsed.status().message());
  }
  const auto found = tokens_.find(parsed->id);
  if (found == tokens_.end() || !SameHash(found->second.hash, pki::Sha256(parsed->secret))) {
    return absl::UnauthenticatedError(absl::StrCat("the token ", parsed->id, " is not known here"));
  }
  const TokenRecord& token = found->second;
  if (token.expires_at && *token.expires_at <= now) {
    return absl::UnauthenticatedError(
        absl::StrCat("the token ", token.id, " was good until ", absl::FormatTime(*token.expires_at)));
  }
  return &token;
}

absl::StatusOr<Grant> Tokens::Authenticate(absl::string_view text, absl::Time now) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const TokenRecord* found, FindLocked(text, now));
  TokenRecord& token = tokens_[found->id];
  if (!token.used_at || now - *token.used_at > kUsedResolution) {
    token.used_at = now;
    // For people only: nobody is refused because it can't be written.
    store_->PutToken(token).IgnoreError();
  }
  return GrantOf(token);
}

absl::StatusOr<Grant> Tokens::CheckJoin(absl::string_view text, bool again, absl::Time now) const {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const TokenRecord* token, FindLocked(text, now));
  if (token->role != Role::kNode) {
    return absl::PermissionDeniedError(absl::StrCat("the token ", token->id, " is of role ",
                                                    NameOf(token->role),
                                                    ", not for nodes; make one with "
                                                    "`drover token create --node`"));
  }
  if (token->uses_left < 1 && !again) {
    return absl::PermissionDeniedError(absl::StrCat("the token ", token->id, " is used up"));
  }
  return GrantOf(*token);
}

absl::Status Tokens::UseForJoin(const std::string& id, bool again, const CertificateRecord& certificate,
                                absl::Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = tokens_.find(id);
  if (found == tokens_.end() || (found->second.uses_left < 1 && !again)) {
    return absl::PermissionDeniedError(absl::StrCat("the token ", id, " is used up"));
  }
  TokenRecord token = found->second;
  token.uses_left -= again ? 0 : 1;
  token.used_at = now;
  RETURN_IF_ERROR(store_->PutJoin(token, certificate));
  found->second = std::move(token);
  return absl::OkStatus();
}

}  // namespace drover::controller
