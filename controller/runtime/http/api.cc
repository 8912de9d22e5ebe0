#include "controller/runtime/http/api.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "drover/v1/api.pb.h"
#include "google/protobuf/util/json_util.h"

namespace drover::controller {
namespace {

struct ErrorKind {
  int status;
  const char* code;
};

ErrorKind KindOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return {400, "InvalidArgument"};
    case absl::StatusCode::kOutOfRange:
      return {400, "OutOfRange"};
    case absl::StatusCode::kUnauthenticated:
      return {401, "Unauthenticated"};
    case absl::StatusCode::kPermissionDenied:
      return {403, "PermissionDenied"};
    case absl::StatusCode::kNotFound:
      return {404, "NotFound"};
    case absl::StatusCode::kAlreadyExists:
      return {409, "AlreadyExists"};
    case absl::StatusCode::kAborted:
      return {409, "Aborted"};
    case absl::StatusCode::kFailedPrecondition:
      return {409, "FailedPrecondition"};
    case absl::StatusCode::kResourceExhausted:
      return {429, "ResourceExhausted"};
    case absl::StatusCode::kUnimplemented:
      return {501, "Unimplemented"};
    case absl::StatusCode::kUnavailable:
      return {503, "Unavailable"};
    case absl::StatusCode::kDeadlineExceeded:
      return {504, "DeadlineExceeded"};
    default:
      return {500, "Internal"};
  }
}

}  // namespace

std::optional<Gate::Ticket> Gate::Enter() {
  if (++open_ > limit_) {
    --open_;
    return std::nullopt;
  }
  return Ticket(this);
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  // Fails only for Any and for timestamps out of range, which convert.h does not make.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

ApiResponse JsonResponse(const google::protobuf::Message& message) {
  ApiResponse response;
  response.body = ToJson(message);
  return response;
}

ApiResponse ErrorResponse(int status, absl::string_view code, absl::string_view message) {
  v1::ApiError error;
  error.set_code(code.data(), code.size());
  error.set_message(message.data(), message.size());
  ApiResponse response = JsonResponse(error);
  response.status = status;
  if (status == 503 || status == 429) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

ApiResponse ErrorResponse(const absl::Status& status) {
  const ErrorKind kind = KindOf(status.code());
  return ErrorResponse(kind.status, kind.code, status.message());
}

absl::Status ParseBody(const ApiRequest& request, google::protobuf::Message* message) {
  if (request.body.empty()) {
    return absl::OkStatus();
  }
  const auto parsed = google::protobuf::util::JsonStringToMessage(request.body, message);
  if (parsed.ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the body is not a ", message->GetDescriptor()->name(),
                   " in JSON (see /v1/openapi.json): ", std::string(parsed.message())));
}

std::string QueryText(const ApiRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

absl::StatusOr<uint64_t> QueryNumber(const ApiRequest& request, const std::string& name, uint64_t otherwise) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) {
    return otherwise;
  }
  uint64_t number = 0;
  if (!absl::SimpleAtoi(found->second, &number)) {
    return absl::InvalidArgumentError(
        absl::StrCat("?", name, "=", found->second, ": must be a whole number, 0 or more"));
  }
  return number;
}

absl::StatusOr<bool> QueryFlag(const ApiRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  if (found == request.query.end() || found->second == "false" || found->second == "0") {
    return false;
  }
  if (found->second.empty() || found->second == "true" || found->second == "1") {
    return true;
  }
  return absl::InvalidArgumentError(absl::StrCat("?", name, "=", found->second, ": must be true or false"));
}

}  // namespace drover::controller
