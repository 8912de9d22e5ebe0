#include <openssl/sha.h>

#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/convert_internal.h"
#include "controller/runtime/validate.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace drover::controller {
namespace {

// A scrape that Prometheus answers from is seldom younger than some seconds; the others are asked for what
// they know now.
Duration IntervalOf(const v1::QueueSpec& queue) {
  if (queue.has_interval()) {
    return ToCore(queue.interval());
  }
  switch (queue.kind()) {
    case v1::QueueSpec::PROMETHEUS:
      return absl::Seconds(5);
    case v1::QueueSpec::HTTP_JSON:
    case v1::QueueSpec::EXTERNAL:
      return absl::Seconds(1);
    default:
      return absl::Milliseconds(100);
  }
}

Duration TimeoutOf(const v1::QueueSpec& queue) {
  if (queue.has_timeout()) {
    return ToCore(queue.timeout());
  }
  switch (queue.kind()) {
    case v1::QueueSpec::PROMETHEUS:
    case v1::QueueSpec::HTTP_JSON:
    case v1::QueueSpec::EXTERNAL:
      return absl::Seconds(2);
    default:
      return absl::Seconds(1);
  }
}

QueueSpec Translate(const v1::QueueSpec& queue, const v1::StackSpec& stack) {
  QueueSpec out;
  out.name = queue.name();
  out.interval = IntervalOf(queue);
  out.timeout = TimeoutOf(queue);
  if (queue.kind() == v1::QueueSpec::PUSHED) {
    out.pushed = queue.pushed();
    out.stale_after = queue.has_stale_after() ? ToCore(queue.stale_after()) : out.stale_after;
    return out;
  }
  v1::QueueSpec probe = queue;
  *probe.mutable_timeout() = ToProto(out.timeout);
  out.probe = Deterministic(probe);
  for (const v1::Endpoint& endpoint : queue.endpoints()) {
    const bool own = std::any_of(stack.services().begin(), stack.services().end(),
                                 [&](const v1::ServiceSpec& s) { return s.name() == endpoint.host(); });
    if (own) {
      out.host_service = endpoint.host();
      out.host_port = endpoint.port();
      break;
    }
  }
  return out;
}

template <typename List>
void SortByName(List* list) {
  std::sort(list->begin(), list->end(), [](const auto& a, const auto& b) { return a.name() < b.name(); });
}

}  // namespace

std::string Deterministic(const google::protobuf::Message& message) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    // Maps have no order of their own; hashes and comparisons of bytes need one.
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return out;
}

std::string Sha256Hex(absl::string_view data) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), SHA256_DIGEST_LENGTH));
}

Duration ToCore(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

google::protobuf::Duration ToProto(Duration duration) {
  google::protobuf::Duration out;
  Duration rest;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return out;
}

absl::Time ToCore(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp out;
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
    return out;
  }
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

absl::StatusOr<StackSpec> ToCore(const v1::StackSpec& spec) {
  const std::vector<std::string> faults = SpecFaults(spec);
  if (!faults.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(faults, "\n"));
  }
  return TranslateChecked(spec);
}

StackSpec TranslateChecked(const v1::StackSpec& spec) {
  v1::StackSpec sorted = spec;
  SortByName(sorted.mutable_services());
  SortByName(sorted.mutable_queues());
  SortByName(sorted.mutable_volumes());
  SortByName(sorted.mutable_networks());
  SortByName(sorted.mutable_files());
  StackSpec out;
  out.name = sorted.name();
  for (const v1::ServiceSpec& service : sorted.services()) {
    out.services.push_back(TranslateService(service, sorted));
  }
  for (const v1::QueueSpec& queue : sorted.queues()) {
    out.queues.push_back(Translate(queue, sorted));
  }
  out.source = Deterministic(sorted);
  return out;
}

absl::StatusOr<v1::StackSpec> ShownSpec(const std::string& source) {
  v1::StackSpec spec;
  if (!spec.ParseFromString(source)) {
    return absl::DataLossError("the stack's stored spec can't be read");
  }
  for (v1::FileSpec& file : *spec.mutable_files()) {
    if (file.secret()) {
      file.clear_content();
    }
  }
  return spec;
}

}  // namespace drover::controller
