// Bytes as the text of a scaling policy: as a file of `drover simulate --policy`, and as the x-autoscale of a
// service in a Compose file. Each is refused with faults, or accepted; what is accepted passes the
// controller's own door (SpecFaults), and the engine decides by it, now and later, within its bounds.
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "compose/compose.h"
#include "controller/core/autoscale/decide.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/validate.h"
#include "tests/fuzz/expect.h"

namespace drover::fuzz {
namespace {

using controller::AutoscaleSpec;
using controller::DecideInput;
using controller::DecideResult;
using controller::Decision;
using controller::ScalingHistory;
using controller::SignalInput;
using controller::SignalSpec;

// A folder of this process for the one file that the Compose reader takes.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "drover-fuzz-XXXXXX").string();
    Expect(mkdtemp(name.data()) != nullptr, "a folder for scratch files can be made", name);
    path_ = name;
  }

  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string Write(const std::string& text) const {
    const std::string file = (path_ / "compose.yaml").string();
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

 private:
  std::filesystem::path path_;
};

SignalInput InputOf(const SignalSpec& signal, double value) {
  SignalInput input;
  switch (signal.kind) {
    case SignalSpec::Kind::kCpu:
    case SignalSpec::Kind::kMemory:
      for (int i = 0; i < 2; ++i) {
        controller::ReplicaUsage& usage = input.replicas.emplace_back();
        usage.ready = true;
        usage.used = value;
        usage.reserved = 1000;
      }
      break;
    case SignalSpec::Kind::kQueue:
      input.total = value;
      input.load.emplace().waiting = value;
      input.load->running = 1;
      break;
    default:
      break;
  }
  return input;
}

void CheckDecision(const AutoscaleSpec& spec, const DecideResult& result, const DecideInput& input) {
  const int64_t floor = std::min(spec.min, spec.idle_replicas.value_or(spec.min));
  Expect(result.decision.desired >= floor && result.decision.desired <= spec.max, "R3.3: min ≤ desired ≤ max",
         controller::ToText(result.decision));
  for (const controller::SignalDecision& signal : result.decision.signals) {
    Expect(std::isfinite(signal.target) && std::isfinite(signal.value.value_or(0)),
           "a decision's figures are finite", controller::ToText(result.decision));
  }
  Expect(!result.due || *result.due >= input.now, "a decision is due now or later");
}

// The engine under the policy, with little and much load, for an hour.
void DecideBy(const AutoscaleSpec& spec) {
  ScalingHistory history;
  DecideInput input;
  input.now = history.since = Instant::FromNanoseconds(1'000'000'000'000);
  input.wall = absl::FromUnixSeconds(1'700'000'000);
  input.service = {"stack", "service"};
  input.spec = &spec;
  input.current = history.count_at_start = spec.min;
  for (const double value : {0.0, 3.0, 1e6, 1.7e308, 0.0, 0.5}) {
    input.signals.clear();
    for (const SignalSpec& signal : spec.signals) {
      input.signals.push_back(InputOf(signal, value));
    }
    input.ready = input.current;
    DecideResult result = controller::Decide(input, std::move(history));
    CheckDecision(spec, result, input);
    history = std::move(result.history);
    input.current = spec.dry_run ? input.current : result.decision.desired;
    input.now = input.now + absl::Minutes(10);
    input.wall += absl::Minutes(10);
  }
}

void CheckAccepted(const v1::StackSpec& spec, absl::string_view where, const std::string& text) {
  const std::vector<std::string> faults = controller::SpecFaults(spec);
  Expect(v1::StackSpec().ParseFromString(spec.SerializeAsString()),
         "what is read can be written and read again", text);
  Expect(faults.empty(), absl::StrCat("what ", where, " accepts, the controller accepts"),
         absl::StrCat(absl::StrJoin(faults, "\n"), "\n", text));
  DecideBy(*controller::ToCore(spec)->services.front().autoscale);
}

void AsPolicyFile(const std::string& text) {
  const absl::StatusOr<v1::AutoscaleSpec> read = compose::ReadAutoscaleFile(text, "policy.yaml");
  if (!read.ok()) {
    Expect(!read.status().message().empty(), "a refusal says why");
    return;
  }
  v1::StackSpec stack;
  stack.set_name("stack");
  v1::ServiceSpec* service = stack.add_services();
  service->set_name("service");
  service->mutable_container()->set_image("image");
  *service->mutable_autoscale() = *read;
  std::set<std::string> queues;
  for (const v1::SignalSpec& signal : read->signals()) {
    if (signal.has_queue() && queues.insert(signal.queue().queue()).second) {
      v1::QueueSpec* queue = stack.add_queues();
      queue->set_name(signal.queue().queue());
      queue->set_kind(v1::QueueSpec::PUSHED);
      queue->set_pushed("depth");
    }
  }
  CheckAccepted(stack, "a policy file", text);
}

void InComposeFile(const std::string& text) {
  static const Scratch scratch;
  const std::string indented =
      absl::StrReplaceAll(text, {{"\r\n", "\n        "}, {"\n", "\n        "}, {"\r", "\n        "}});
  const std::string file = absl::StrCat(
      "name: stack\n"
      "x-queues:\n"
      "  jobs: {redis: \"redis://broker:6379/0\", key: jobs, type: list}\n"
      "  depth: {pushed: depth}\n"
      "services:\n"
      "  service:\n"
      "    image: image\n"
      "    deploy:\n"
      "      x-autoscale:\n        ",
      indented, "\n");
  compose::LoadOptions options;
  options.files = {scratch.Write(file)};
  options.environment = {{"SET", "2"}};
  options.working_dir = std::string(1, '/');
  const compose::LoadResult result = compose::Load(options);
  if (const auto* refused = std::get_if<compose::Refused>(&result)) {
    Expect(!refused->faults.empty(), "a refusal says why");
    return;
  }
  const auto& loaded = std::get<compose::Loaded>(result);
  compose::NormalisedYaml(loaded.spec);
  compose::NormalisedJson(loaded.spec);
  if (loaded.spec.services(0).has_autoscale()) {
    CheckAccepted(loaded.spec, "a Compose file", text);
  }
}

}  // namespace
}  // namespace drover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  drover::fuzz::AsPolicyFile(text);
  drover::fuzz::InComposeFile(text);
  return 0;
}
