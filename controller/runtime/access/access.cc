#include "controller/runtime/access/access.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/files.h"
#include "common/status.h"
#include "controller/runtime/logger.h"

namespace drover::controller {
namespace {

constexpr size_t kMostAddresses = 32;

// Name and addresses of this host, for clients that compare them with what they dialled.
std::vector<std::string> HostNames() {
  std::vector<std::string> names;
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0') {
    names.emplace_back(name);
  }
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) {
    return names;
  }
  for (const ifaddrs* one = interfaces; one != nullptr && names.size() < kMostAddresses;
       one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_LOOPBACK)) {
      continue;
    }
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof(text));
    names.emplace_back(text);
  }
  freeifaddrs(interfaces);
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessControl>> AccessControl::Open(Options options) {
  std::unique_ptr<AccessControl> out(new AccessControl(std::move(options)));
  RETURN_IF_ERROR(out->OpenAll());
  out->thread_ = std::thread([raw = out.get()] { raw->KeepCertificate(); });
  return out;
}

AccessControl::~AccessControl() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

absl::Status AccessControl::OpenAll() {
  const absl::Time now = absl::Now();
  if (options_.own_authority) {
    ASSIGN_OR_RETURN(authority_, Authority::Open(options_.state_dir + "/ca", now));
    ServerCertificate::Own own = {
        .authority = &*authority_, .names = options_.names, .life = options_.certificate_life};
    const std::vector<std::string> host = HostNames();
    own.names.insert(own.names.end(), host.begin(), host.end());
    ASSIGN_OR_RETURN(certificate_, ServerCertificate::OfAuthority(std::move(own), now));
  } else if (options_.files) {
    ASSIGN_OR_RETURN(certificate_, ServerCertificate::OfFiles(*options_.files));
  }
  ASSIGN_OR_RETURN(store_, AccessStore::Open(options_.state_dir + "/access.db"));
  ASSIGN_OR_RETURN(tokens_, Tokens::Open(store_.get(), authority_ ? authority_->pin() : "", now));
  if (authority_) {
    Membership::Options membership;
    membership.certificate_life = options_.certificate_life;
    ASSIGN_OR_RETURN(membership_, Membership::Open(membership, &*authority_, store_.get(), tokens_.get()));
  }
  AuditLog::Options audit;
  audit.keep = options_.audit_keep;
  ASSIGN_OR_RETURN(audit_, AuditLog::Open(options_.state_dir + "/audit.db", audit));
  return options_.tokens_needed ? MakeFirstToken() : absl::OkStatus();
}

absl::Status AccessControl::MakeFirstToken() {
  const std::string file = options_.state_dir + "/admin.token";
  if (access(file.c_str(), F_OK) == 0) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Tokens::Created created, tokens_->Create({.name = "first admin",
                                                                   .role = Role::kAdmin,
                                                                   .stack = "",
                                                                   .uses = 0,
                                                                   .ttl = {},
                                                                   .created_by = "the controller"},
                                                                  absl::Now()));
  RETURN_IF_ERROR(WriteDurably(file, created.text + "\n", 0600));
  Log(LogLevel::kInfo, "callers need a token; a first one of role admin is in a file", {{"file", file}});
  return absl::OkStatus();
}

void AccessControl::KeepCertificate() {
  const Duration often = std::clamp(options_.certificate_life / 20, absl::Seconds(1), absl::Minutes(1));
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, absl::ToChronoMilliseconds(often), [this] { return stopping_; })) {
    if (certificate_ == nullptr) {
      continue;
    }
    if (const absl::Status status = certificate_->Refresh(absl::Now()); !status.ok()) {
      Log(LogLevel::kWarning, "the controller's certificate can't be renewed",
          {{"reason", std::string(status.message())}});
    }
  }
}

}  // namespace drover::controller
