#include "agent/runtime/sensors/http_probe.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/runtime/sensors/files.h"
#include "agent/runtime/sensors/http_answer.h"
#include "common/address.h"

namespace drover::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kLargestAnswer = 1 << 20;

struct Answer {
  int status = 0;  // 0: none, see error
  std::string body;
  std::string location;  // of a redirect
  std::string error;
};

// The path and query of an address, "/" where it has none.
std::string TargetOf(absl::string_view url) {
  const size_t authority = url.find("://") + 3;
  const size_t slash = url.find_first_of("/?#", authority);
  absl::string_view target = slash == absl::string_view::npos ? "/" : url.substr(slash);
  target = target.substr(0, target.find('#'));
  return absl::StartsWith(target, "/") ? std::string(target) : absl::StrCat("/", target);
}

std::string Escaped(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(u) || absl::StrContains("-_.~", c)) {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "%%%02X", u);
    }
  }
  return out;
}

std::string RequestTarget(const v1::QueueSpec& queue, Duration timeout) {
  std::string target = TargetOf(queue.url());
  if (queue.kind() != v1::QueueSpec::PROMETHEUS) {
    return target;
  }
  target = target.substr(0, target.find('?'));
  absl::string_view base = target;
  absl::ConsumeSuffix(&base, "/");
  return absl::StrCat(base, "/api/v1/query?query=", Escaped(queue.query()),
                      "&timeout=", absl::ToInt64Milliseconds(timeout), "ms");
}

// A secret from a file, without the newline that editors leave.
absl::StatusOr<std::string> SecretOf(absl::string_view key, const std::string& path) {
  const std::optional<std::string> content = ReadFile(path);
  if (!content) {
    return absl::NotFoundError(
        absl::StrCat(key, " ", path, ": cannot be read; put the file on this node, readable by the agent"));
  }
  std::string secret(absl::StripAsciiWhitespace(*content));
  const bool plain = std::all_of(secret.begin(), secret.end(),
                                 [](char c) { return !absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
  if (secret.empty() || !plain) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, " ", path, secret.empty() ? ": is empty" : ": is more than one line"));
  }
  return secret;
}

absl::StatusOr<httplib::Headers> HeadersOf(const v1::QueueSpec& queue) {
  httplib::Headers headers = {{"Accept", "application/json"}};
  if (!queue.bearer_token_file().empty()) {
    const absl::StatusOr<std::string> token = SecretOf("bearer_token_file", queue.bearer_token_file());
    if (!token.ok()) {
      return token.status();
    }
    headers.emplace("Authorization", absl::StrCat("Bearer ", *token));
  } else if (!queue.password_file().empty()) {
    const absl::StatusOr<std::string> password = SecretOf("password_file", queue.password_file());
    if (!password.ok()) {
      return password.status();
    }
    headers.insert(httplib::make_basic_authentication_header(queue.username(), *password));
  }
  return headers;
}

std::string ServerName(const v1::QueueSpec& queue) {
  const absl::string_view what = queue.kind() == v1::QueueSpec::PROMETHEUS ? "prometheus" : "http";
  const v1::Endpoint& server = queue.endpoints(0);
  return absl::StrCat(what, " ", server.host(), ":", server.port());
}

// Why a status other than 200 is no answer, and what to do about it.
std::string StatusError(const v1::QueueSpec& queue, const Answer& answer) {
  const std::string status = absl::StrCat("HTTP ", answer.status);
  switch (answer.status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return absl::StrCat(status, " to ", answer.location,
                          ", redirects are not followed; write that address");
    case 401:
    case 403:
      return absl::StrCat(status, queue.bearer_token_file().empty() && queue.password_file().empty()
                                      ? "; write bearer_token_file, or username and password_file"
                                      : "; the server does not take what the credentials file holds");
    case 404:
      return absl::StrCat(status, "; the address is wrong behind the host");
    default:
      break;
  }
  const std::string words =
      queue.kind() == v1::QueueSpec::PROMETHEUS ? PrometheusError(answer.body) : std::string();
  return words.empty() ? status : absl::StrCat(status, ": ", words);
}

}  // namespace

class HttpSource::Client {
 public:
  Client(const v1::QueueSpec& queue, Duration timeout)
      : client_(Origin(queue)), timeout_(timeout), tls_(queue.tls()) {
    const std::string written = HostOf(queue.url());
    const std::string& address = queue.endpoints(0).host();
    if (written != address) {  // a service of the stack (R4.3); the Host header stays as written
      client_.set_hostname_addr_map({{written, address}});
    }
    const auto limit = std::chrono::microseconds(absl::ToInt64Microseconds(timeout));
    client_.set_connection_timeout(limit);
    client_.set_read_timeout(limit);
    client_.set_write_timeout(limit);
    client_.set_keep_alive(true);
    client_.set_url_encode(false);
    if (!queue.ca_file().empty()) {
      client_.set_ca_cert_path(queue.ca_file());
    }
  }

  Answer Get(const std::string& target, const httplib::Headers& headers) {
    Answer answer;
    bool too_large = false;
    const Clock::time_point end = Clock::now() + std::chrono::nanoseconds(absl::ToInt64Nanoseconds(timeout_));
    const httplib::Result result = client_.Get(target, headers, [&](const char* data, size_t size) {
      too_large = answer.body.size() + size > kLargestAnswer;
      if (too_large || Clock::now() > end) {
        return false;
      }
      answer.body.append(data, size);
      return true;
    });
    if (result) {
      answer.status = result->status;
      answer.location = result->get_header_value("Location");
    } else {
      answer.error = too_large ? absl::StrCat("the answer is larger than ", kLargestAnswer, " bytes")
                               : ErrorText(result.error(), Clock::now() >= end);
    }
    return answer;
  }

  void Stop() { client_.stop(); }

 private:
  static std::string HostOf(absl::string_view url) {
    absl::string_view host = url.substr(url.find("://") + 3);
    host = host.substr(0, host.find_first_of("/?#"));
    if (absl::ConsumePrefix(&host, "[")) {
      return std::string(host.substr(0, host.find(']')));
    }
    return std::string(host.substr(0, host.find(':')));
  }

  static std::string Origin(const v1::QueueSpec& queue) {
    return absl::StrCat(queue.tls() ? "https" : "http", "://",
                        HostPort(HostOf(queue.url()), queue.endpoints(0).port()));
  }

  std::string ErrorText(httplib::Error error, bool late) const {
    const std::string limit = absl::FormatDuration(timeout_);
    switch (error) {
      case httplib::Error::Connection:
        return late ? absl::StrCat("no connection within ", limit)
                    : std::string(
                          "connection refused, or no such host; is it running, and reached from "
                          "this node?");
      case httplib::Error::ConnectionTimeout:
        return absl::StrCat("no connection within ", limit);
      case httplib::Error::SSLConnection:
        return "TLS: no handshake; does this port speak TLS?";
      case httplib::Error::SSLLoadingCerts:
        return "TLS: ca_file cannot be read";
      case httplib::Error::SSLServerVerification:
        return "TLS: the certificate is not from a known authority or for another name; write ca_file: PATH";
      default:
        return late ? absl::StrCat("no whole answer within ", limit, "; raise timeout, or make it quicker")
                    : absl::StrCat("the connection broke (", httplib::to_string(error), ")",
                                   tls_ ? "" : "; does this port speak plain HTTP?");
    }
  }

  httplib::Client client_;
  Duration timeout_;
  bool tls_;
};

HttpSource::HttpSource(Duration timeout) : timeout_(timeout) {}

HttpSource::~HttpSource() = default;

std::shared_ptr<HttpSource::Client> HttpSource::ClientOf(const v1::QueueSpec& queue) {
  std::string wanted = queue.SerializeAsString();
  const std::lock_guard lock(mutex_);
  if (aborted_) {
    return nullptr;
  }
  if (client_ == nullptr || made_for_ != wanted) {
    client_ = std::make_shared<Client>(queue, TimeoutOf(queue, timeout_));
    made_for_ = std::move(wanted);
  }
  return client_;
}

QueueReading HttpSource::ReadOne(const v1::QueueSpec& queue) {
  if (queue.endpoints().empty() || !absl::StrContains(queue.url(), "://")) {
    return UnknownReading(absl::StrCat("queue ", queue.name(), ": no address"));
  }
  const std::string name = ServerName(queue);
  const auto unknown = [&](absl::string_view why) { return UnknownReading(absl::StrCat(name, ": ", why)); };
  const absl::StatusOr<httplib::Headers> headers = HeadersOf(queue);
  if (!headers.ok()) {
    return unknown(headers.status().message());
  }
  const std::shared_ptr<Client> client = ClientOf(queue);
  if (client == nullptr) {
    return unknown("the agent is stopping");
  }
  const Answer answer = client->Get(RequestTarget(queue, TimeoutOf(queue, timeout_)), *headers);
  if (!answer.error.empty()) {
    return unknown(answer.error);
  }
  if (answer.status != 200) {
    return unknown(StatusError(queue, answer));
  }
  const absl::StatusOr<double> value = queue.kind() == v1::QueueSpec::PROMETHEUS
                                           ? NumberInPrometheus(answer.body)
                                           : NumberInJson(answer.body, queue.query());
  if (!value.ok()) {
    return unknown(value.status().message());
  }
  if (*value < 0) {
    return unknown(absl::StrCat("the value is ", *value, ", below 0; a signal is 0 or more"));
  }
  return KnownReading(*value);
}

std::vector<QueueReading> HttpSource::Read(const std::vector<const v1::Probe*>& probes) {
  std::vector<QueueReading> readings;
  for (const v1::Probe* probe : probes) {
    readings.push_back(ReadOne(probe->queue()));
  }
  return readings;
}

void HttpSource::Abort() {
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  if (client_ != nullptr) {
    client_->Stop();
  }
}

}  // namespace drover::agent
