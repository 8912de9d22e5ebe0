#include "controller/runtime/access/server_certificate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/status.h"
#include "pki/openssl.h"

namespace drover::controller {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN CERTIFICATE-----";

// The certificates after the first in `pem`.
std::vector<pki::CertificatePtr> ChainOf(const std::string& pem) {
  std::vector<pki::CertificatePtr> chain;
  size_t at = pem.find(kBegin.data(), 0, kBegin.size());
  while (at != std::string::npos) {
    at = pem.find(kBegin.data(), at + kBegin.size(), kBegin.size());
    if (at != std::string::npos) {
      chain.push_back(pki::ReadCertificate(pem.substr(at)));
    }
  }
  return chain;
}

}  // namespace

struct ServerCertificate::Loaded {
  pki::CertificatePtr certificate;
  pki::KeyPtr key;
  std::vector<pki::CertificatePtr> chain;
};

ServerCertificate::ServerCertificate() = default;
ServerCertificate::~ServerCertificate() = default;

absl::StatusOr<std::unique_ptr<ServerCertificate>> ServerCertificate::OfAuthority(Own own, absl::Time now) {
  std::unique_ptr<ServerCertificate> out(new ServerCertificate());
  const std::string file = own.authority->directory() + "/server.pem";
  out->files_ = {.certificate = file,
                 .key = file,
                 .ca = own.authority->certificate_file(),
                 .reread = std::clamp(own.life / 20, absl::Seconds(1), absl::Minutes(1))};
  out->own_ = std::move(own);
  RETURN_IF_ERROR(out->Refresh(now));
  return out;
}

absl::StatusOr<std::unique_ptr<ServerCertificate>> ServerCertificate::OfFiles(const TlsFiles& files) {
  std::unique_ptr<ServerCertificate> out(new ServerCertificate());
  out->files_ = files;
  ASSIGN_OR_RETURN(const TlsContents contents, ReadTlsFiles(files));
  RETURN_IF_ERROR(out->Load({.certificate = contents.certificate, .key = contents.key}));
  return out;
}

absl::Status ServerCertificate::Load(const pki::Identity& identity) {
  RETURN_IF_ERROR(pki::CheckPair(identity));
  auto loaded = std::make_shared<Loaded>();
  loaded->certificate = pki::ReadCertificate(identity.certificate);
  loaded->key = pki::ReadKey(identity.key);
  loaded->chain = ChainOf(identity.certificate);
  const std::lock_guard lock(mutex_);
  loaded_ = std::move(loaded);
  text_ = identity.certificate + identity.key;
  return absl::OkStatus();
}

// Not yet two thirds old, for all names, of this authority.
bool ServerCertificate::IsGood(const pki::Identity& identity, absl::Time now) const {
  const absl::StatusOr<pki::CertificateFacts> facts = pki::FactsOf(identity.certificate);
  if (!facts.ok() || !pki::CheckPair(identity).ok() ||
      !absl::EndsWith(identity.certificate, own_.authority->certificate())) {
    return false;
  }
  const bool named = std::all_of(own_.names.begin(), own_.names.end(), [&](const std::string& name) {
    return std::find(facts->names.begin(), facts->names.end(), name) != facts->names.end();
  });
  return named && facts->not_before <= now && facts->not_after - now > own_.life / 3 &&
         facts->not_after - now <= own_.life;
}

absl::Status ServerCertificate::RefreshOwn(absl::Time now) {
  pki::Identity identity;
  if (const absl::StatusOr<std::string> stored = ReadWhole(files_.certificate); stored.ok()) {
    identity = {.certificate = *stored, .key = *stored};
  }
  if (!IsGood(identity, now)) {
    ASSIGN_OR_RETURN(const pki::Identity fresh, own_.authority->IssueForServer(own_.names, now, own_.life));
    // One file, so that whoever reads it has a pair.
    const std::string text = fresh.key + fresh.certificate;
    RETURN_IF_ERROR(WriteDurably(files_.certificate, text, 0600));
    identity = {.certificate = text, .key = text};
  }
  return Load(identity);
}

absl::Status ServerCertificate::Refresh(absl::Time now) {
  if (own_.authority != nullptr) {
    return RefreshOwn(now);
  }
  ASSIGN_OR_RETURN(const TlsContents contents, ReadTlsFiles(files_));
  {
    const std::lock_guard lock(mutex_);
    if (contents.certificate + contents.key == text_) {
      return absl::OkStatus();
    }
  }
  return Load({.certificate = contents.certificate, .key = contents.key});
}

int ServerCertificate::Choose(SSL* ssl, void* argument) {
  auto* self = static_cast<ServerCertificate*>(argument);
  std::shared_ptr<const Loaded> loaded;
  {
    const std::lock_guard lock(self->mutex_);
    loaded = self->loaded_;
  }
  if (SSL_use_certificate(ssl, loaded->certificate.get()) != 1 ||
      SSL_use_PrivateKey(ssl, loaded->key.get()) != 1) {
    return 0;
  }
  SSL_clear_chain_certs(ssl);
  for (const pki::CertificatePtr& one : loaded->chain) {
    if (one != nullptr && SSL_add1_chain_cert(ssl, one.get()) != 1) {
      return 0;
    }
  }
  return 1;
}

void ServerCertificate::Serve(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cert_cb(context, Choose, this);
}

}  // namespace drover::controller
