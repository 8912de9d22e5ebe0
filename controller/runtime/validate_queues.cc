#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/validate.h"

namespace drover::controller {
namespace {

using Kind = v1::QueueSpec;

constexpr size_t kLongestName = 63;
constexpr int kMostPushed = 100;

// The checks of one queue, each adding to `faults` with its path in front.
class QueueCheck {
 public:
  QueueCheck(const v1::QueueSpec& queue, std::string path, std::vector<std::string>& faults)
      : queue_(queue), path_(std::move(path)), faults_(faults) {}

  void Run() {
    Durations();
    switch (queue_.kind()) {
      case Kind::REDIS_LIST:
      case Kind::REDIS_STREAM:
      case Kind::REDIS_ZSET:
      case Kind::CELERY_REDIS:
      case Kind::RQ:
        Endpoints();
        Files();
        return Require(!queue_.keys().empty(), ".keys", "is empty; name at least one list or queue");
      case Kind::HTTP_JSON:
      case Kind::PROMETHEUS:
        Endpoints();
        Files();
        return Http();
      case Kind::EXTERNAL:
        Endpoints();
        return Files();
      case Kind::PUSHED:
        return Pushed();
      case Kind::KIND_UNSPECIFIED:
        return Add(".kind", "is missing; give for example REDIS_LIST");
      default:
        return Add(".kind", absl::StrCat(Kind::Kind_Name(queue_.kind()),
                                         " is not supported; this version reads REDIS_LIST, REDIS_STREAM, "
                                         "REDIS_ZSET, HTTP_JSON, PROMETHEUS, EXTERNAL and PUSHED"));
    }
  }

 private:
  void Add(absl::string_view field, absl::string_view text) {
    faults_.push_back(absl::StrCat(path_, field, ": ", text));
  }

  void Require(bool fine, absl::string_view field, absl::string_view text) {
    if (!fine) {
      Add(field, text);
    }
  }

  void Endpoints() {
    Require(!queue_.endpoints().empty(), ".endpoints", "is empty; give at least one host and port");
    for (int i = 0; i < queue_.endpoints_size(); ++i) {
      const std::string endpoint = absl::StrCat(".endpoints[", i, "]");
      const v1::Endpoint& server = queue_.endpoints(i);
      Require(!server.host().empty(), endpoint + ".host", "is empty; give a host name or address");
      Require(server.port() >= 1 && server.port() <= 65535, endpoint + ".port", "must be 1 to 65535");
    }
  }

  void Files() {
    const auto absolute = [&](const std::string& file, absl::string_view field) {
      Require(file.empty() || absl::StartsWith(file, "/"), field,
              "must be an absolute path on the node that measures");
    };
    absolute(queue_.password_file(), ".passwordFile");
    absolute(queue_.bearer_token_file(), ".bearerTokenFile");
    absolute(queue_.ca_file(), ".caFile");
  }

  void Http() {
    const absl::string_view scheme = queue_.tls() ? "https://" : "http://";
    const bool plain = std::all_of(queue_.url().begin(), queue_.url().end(),
                                   [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
    Require(absl::StartsWith(queue_.url(), scheme) && plain, ".url",
            absl::StrCat("must be an address that begins with ", scheme, ", as tls says, without spaces"));
    Require(!absl::StrContains(queue_.url(), '@'), ".url",
            "must not name a user or a password; use username and passwordFile");
    Require(!queue_.query().empty(), ".query",
            "is missing; give the query, or the path of the number in the JSON");
    Require(queue_.username().empty() == queue_.password_file().empty(), ".username",
            "and passwordFile belong together; give both or none");
    Require(queue_.bearer_token_file().empty() || queue_.password_file().empty(), ".bearerTokenFile",
            "and passwordFile exclude each other");
  }

  void Pushed() {
    const std::string& name = queue_.pushed();
    const bool usable =
        !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
          return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-_.", c);
        });
    Require(usable, ".pushed", "must be 1 to 63 letters, digits, - _ and .");
  }

  void Durations() {
    const auto within = [&](bool given, const google::protobuf::Duration& value, Duration least,
                            Duration most, absl::string_view field) {
      Require(!given || (IsUsableDuration(value) && ToCore(value) >= least && ToCore(value) <= most), field,
              absl::StrCat("must be ", absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
    };
    within(queue_.has_interval(), queue_.interval(), absl::Milliseconds(100), absl::Minutes(10), ".interval");
    within(queue_.has_timeout(), queue_.timeout(), absl::Milliseconds(100), absl::Minutes(1), ".timeout");
    within(queue_.has_stale_after(), queue_.stale_after(), absl::Seconds(1), absl::Hours(24), ".staleAfter");
  }

  const v1::QueueSpec& queue_;
  const std::string path_;
  std::vector<std::string>& faults_;
};

}  // namespace

void QueueFaults(const v1::StackSpec& spec, std::vector<std::string>& faults) {
  int pushed = 0;
  for (int i = 0; i < spec.queues_size(); ++i) {
    const v1::QueueSpec& queue = spec.queues(i);
    const std::string path =
        queue.name().empty() ? absl::StrCat("queues[", i, "]") : absl::StrCat("queues.", queue.name());
    QueueCheck(queue, path, faults).Run();
    pushed += queue.kind() == v1::QueueSpec::PUSHED ? 1 : 0;
  }
  if (pushed > kMostPushed) {
    faults.push_back(
        absl::StrCat("queues: has ", pushed, " that are pushed; a stack may have ", kMostPushed));
  }
}

}  // namespace drover::controller
