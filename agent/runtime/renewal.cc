#include "agent/runtime/renewal.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/files.h"
#include "common/status.h"
#include "pki/certificates.h"

namespace drover::agent {
namespace {

// Looked at so often at least: wall clocks are set.
constexpr absl::Duration kLongestWait = absl::Minutes(10);

}  // namespace

Renewal::Renewal(Options options) : options_(std::move(options)), thread_([this] { Run(); }) {}

Renewal::~Renewal() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Renewal::Take(const v1::Certificate& certificate) {
  {
    const std::lock_guard lock(mutex_);
    answer_ = certificate;
  }
  wake_.notify_all();
}

void Renewal::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    const absl::Time now = absl::Now();
    const absl::Time due = DueAt().value_or(now + kLongestWait);
    absl::Duration wait = due - now;
    if (due <= now) {
      Ask();
      wait = retry_;
    }
    lock.lock();
    wake_.wait_for(lock, absl::ToChronoMilliseconds(std::min(wait, kLongestWait)),
                   [this] { return stop_ || answer_.has_value(); });
    if (const std::optional<v1::Certificate> answer = std::exchange(answer_, std::nullopt);
        answer && !stop_) {
      lock.unlock();
      if (const absl::Status used = Use(*answer); !used.ok()) {
        spdlog::warn("the certificate is not renewed: {}", std::string(used.message()));
      }
      lock.lock();
      // A refusal is not answered by asking at once.
      wake_.wait_for(lock, absl::ToChronoMilliseconds(retry_), [this] { return stop_; });
    }
  }
}

std::optional<absl::Time> Renewal::DueAt() {
  const absl::StatusOr<std::string> identity = ReadWhole(options_.files.cert);
  const absl::StatusOr<pki::CertificateFacts> facts =
      identity.ok() ? pki::FactsOf(*identity) : absl::StatusOr<pki::CertificateFacts>(identity.status());
  if (!facts.ok()) {
    spdlog::error("{}: {}", options_.files.cert, std::string(facts.status().message()));
    return std::nullopt;
  }
  const absl::Duration life = facts->not_after - facts->not_before;
  retry_ = std::clamp(life / 60, absl::Milliseconds(200), kLongestWait);
  if (facts->not_after < absl::Now()) {
    spdlog::error("the certificate ended at {}; join again (--join TOKEN@HOST)",
                  absl::FormatTime(facts->not_after));
  }
  return facts->not_before + life * 2 / 3;
}

void Renewal::Ask() {
  if (key_.empty()) {
    key_ = pki::MakeKey();  // the same until it is answered: the answer may be to an earlier request
  }
  absl::StatusOr<std::string> request = pki::MakeRequest(key_, options_.node.value());
  if (!request.ok()) {
    return;
  }
  v1::AgentMessage message;
  message.mutable_certificate_request()->set_csr(*std::move(request));
  (void)options_.send(std::move(message));
}

absl::Status Renewal::Use(const v1::Certificate& certificate) {
  if (!certificate.error().empty()) {
    return absl::PermissionDeniedError(certificate.error());
  }
  if (key_.empty()) {
    return absl::OkStatus();  // a second answer
  }
  RETURN_IF_ERROR(pki::CheckPair({.certificate = certificate.certificate(), .key = key_}));
  if (pki::KeyHash(certificate.ca()).ok()) {
    RETURN_IF_ERROR(WriteDurably(options_.files.ca, certificate.ca(), 0644));
  }
  RETURN_IF_ERROR(WriteDurably(options_.files.cert, key_ + certificate.certificate(), 0600));
  key_.clear();
  spdlog::info("the certificate is renewed; connecting anew");
  options_.renewed();
  return absl::OkStatus();
}

}  // namespace drover::agent
