#include "cli/client.h"

#include <google/protobuf/util/json_util.h>
#include <httplib.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "drover/v1/api.pb.h"
#include "pki/pin.h"
#include "pki/token.h"

namespace drover::cli {
namespace {

using google::protobuf::Message;

constexpr time_t kConnectSeconds = 5;
constexpr time_t kAnswerSeconds = 120;    // `up` resolves images
constexpr time_t kStreamSeconds = 86400;  // silence on a stream

std::string TransportError(httplib::Error error, const std::string& address) {
  const std::string said = httplib::to_string(error);
  if (error == httplib::Error::SSLServerVerification || error == httplib::Error::SSLLoadingCerts) {
    return absl::StrCat("the certificate of ", address, " is not trusted (", said,
                        "); set DROVER_CACERT=FILE to the authority that signed it");
  }
  if (error == httplib::Error::Read || error == httplib::Error::Write) {
    return absl::StrCat("the connection to the controller at ", address, " broke (", said,
                        "); try again, and see `drover ls` for what was done");
  }
  const bool refused = error == httplib::Error::Connection;
  return absl::StrCat("no controller answers at ", address, refused ? "" : absl::StrCat(" (", said, ")"),
                      "; start one (`drover dev`), or set DROVER_ADDR=http://HOST:7401");
}

absl::Status HttpError(int status, const std::string& body, const std::string& address) {
  v1::ApiError error;
  std::string message;
  if (FromJson(body, &error).ok() && !error.message().empty()) {
    message = error.message();
  } else {
    message = absl::StrCat("HTTP ", status, " from ", address, "; is it a Drover controller?");
  }
  switch (status) {
    case 401:
      return absl::UnauthenticatedError(absl::StrCat(message, "; set DROVER_TOKEN"));
    case 403:
      return absl::PermissionDeniedError(message);
    case 404:
      return absl::NotFoundError(message);
    case 503:
      return absl::UnavailableError(message);
    default:
      return absl::FailedPreconditionError(message);
  }
}

// What a token says of its cluster's key; empty: nothing.
std::string PinOf(const std::string& token) {
  const absl::StatusOr<pki::TokenText> parsed = pki::ParseToken(token);
  return parsed.ok() ? parsed->pin : "";
}

// A client, and what it believes: the file of DROVER_CACERT, else the cluster that the token is of, else the
// system's authorities.
struct Connection {
  explicit Connection(const Client::Options& options) : client(options.address) {
    client.set_connection_timeout(kConnectSeconds);
    client.set_read_timeout(kAnswerSeconds);
    client.set_tcp_nodelay(true);
    pin.hash = PinOf(options.token);
    if (!options.ca_cert.empty()) {
      client.set_ca_cert_path(options.ca_cert.c_str());
    } else if (!pin.hash.empty() && client.ssl_context() != nullptr) {
      client.enable_server_certificate_verification(false);  // by the library's rules; ours follow
      pki::TrustPinned(client.ssl_context(), &pin);
    }
  }

  // Why no answer came.
  absl::Status Fault(httplib::Error error, const std::string& address) const {
    if (pin.refused) {
      return absl::UnavailableError(
          absl::StrCat("who answers at ", address,
                       " is not the cluster that the token is of; the token was not sent there. Set "
                       "DROVER_TOKEN to one of "
                       "that cluster, or DROVER_CACERT=FILE to the authority that signed its certificate"));
    }
    return absl::UnavailableError(TransportError(error, address));
  }

  pki::Pin pin;
  httplib::Client client;
};

httplib::Request MakeRequest(const Client::Options& options, const std::string& method,
                             const std::string& path, const Message* body) {
  httplib::Request request;
  request.method = method;
  request.path = path;
  if (!options.token.empty()) {
    request.set_header("Authorization", "Bearer " + options.token);
  }
  if (body != nullptr) {
    request.body = ToJson(*body);
    request.set_header("Content-Type", "application/json");
  }
  return request;
}

absl::Status CheckAddress(const std::string& address) {
  if (absl::StartsWith(address, "http://") || absl::StartsWith(address, "https://")) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("DROVER_ADDR is \"", address, "\"; write http://HOST:7401 or https://HOST:7401"));
}

}  // namespace

bool SseParser::Feed(const std::string& piece, const std::function<bool(const std::string& data)>& on_data) {
  rest_ += piece;
  size_t start = 0;
  for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', start)) {
    absl::string_view line = absl::string_view(rest_).substr(start, end - start);
    start = end + 1;
    absl::ConsumeSuffix(&line, "\r");
    if (absl::ConsumePrefix(&line, "data:")) {
      absl::ConsumePrefix(&line, " ");
      absl::StrAppend(&data_, data_.empty() ? "" : "\n", line);
    } else if (line.empty() && !data_.empty()) {
      const std::string data = std::move(data_);
      data_.clear();
      if (!on_data(data)) {
        return false;
      }
    }
  }
  rest_.erase(0, start);
  return true;
}

std::string Query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [key, value] : parameters) {
    if (value.empty()) {
      continue;
    }
    absl::StrAppend(&out, out.empty() ? "?" : "&", key, "=");
    for (char c : value) {
      const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                         absl::StrContains("-_.~", absl::string_view(&c, 1));
      if (plain) {
        out += c;
      } else {
        absl::StrAppend(&out, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
      }
    }
  }
  return out;
}

absl::Status Client::Get(const std::string& path, Message* response) const {
  return Send("GET", path, nullptr, response);
}

absl::Status Client::Send(const std::string& method, const std::string& path, const Message* body,
                          Message* response) const {
  if (absl::Status status = CheckAddress(options_.address); !status.ok()) {
    return status;
  }
  Connection connection(options_);
  const auto result = connection.client.send(MakeRequest(options_, method, path, body));
  if (!result) {
    return connection.Fault(result.error(), options_.address);
  }
  if (result->status < 200 || result->status > 299) {
    return HttpError(result->status, result->body, options_.address);
  }
  return response == nullptr ? absl::OkStatus() : FromJson(result->body, response);
}

absl::Status Client::Stream(const StreamRequest& stream,
                            const std::function<bool(const std::string& data)>& on_data) const {
  if (absl::Status status = CheckAddress(options_.address); !status.ok()) {
    return status;
  }
  Connection connection(options_);
  httplib::Client& client = connection.client;
  client.set_read_timeout(kStreamSeconds);
  httplib::Request request =
      MakeRequest(options_, stream.body == nullptr ? "GET" : "POST", stream.path, stream.body);
  request.set_header("Accept", "text/event-stream");
  if (!stream.last_event_id.empty()) {
    request.set_header("Last-Event-ID", stream.last_event_id);
  }
  int status = 0;
  std::string error_body;
  bool stopped = false;
  SseParser parser;
  request.response_handler = [&](const httplib::Response& response) {
    status = response.status;
    return true;
  };
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    if (status != 200) {
      error_body.append(data, size);
      return true;
    }
    stopped = !parser.Feed(std::string(data, size), on_data);
    return !stopped;
  };
  const auto result = client.send(request);
  if (!result && !stopped) {
    return connection.Fault(result.error(), options_.address);
  }
  return status == 200 ? absl::OkStatus() : HttpError(status, error_body, options_.address);
}

std::string ToJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string out;
  if (!google::protobuf::util::MessageToJsonString(message, &out, options).ok()) {
    return "{}\n";
  }
  return out;
}

absl::Status FromJson(const std::string& json, Message* message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(json, message, options);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the answer is no ", message->GetDescriptor()->name(),
                                                   " (", std::string(status.message()),
                                                   "); is DROVER_ADDR a Drover controller of this version?"));
  }
  return absl::OkStatus();
}

}  // namespace drover::cli
