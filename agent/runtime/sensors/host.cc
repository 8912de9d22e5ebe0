#include "agent/runtime/sensors/host.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/runtime/sensors/files.h"

namespace drover::agent {
namespace {

// "some avg10=1.23 avg60=…"
std::optional<double> PressureOf(const std::optional<std::string>& text) {
  if (!text) {
    return std::nullopt;
  }
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    double value = 0;
    if (absl::ConsumePrefix(&line, "some avg10=") &&
        absl::SimpleAtod(line.substr(0, line.find(' ')), &value)) {
      return value;
    }
  }
  return std::nullopt;
}

std::optional<Bytes> KibibytesOf(const std::optional<std::string>& text, absl::string_view key) {
  const std::optional<int64_t> value = text ? FieldOf(*text, key) : std::nullopt;
  return value ? std::optional<Bytes>(Bytes(*value * 1024)) : std::nullopt;
}

}  // namespace

HostSensor::HostSensor(std::string proc_root) : proc_root_(std::move(proc_root)) {}

HostUsage HostSensor::Read() {
  HostUsage usage;
  std::optional<Ticks> ticks;
  const std::optional<std::string> stat = ReadFile(proc_root_ + "/stat");
  const std::string text = stat.value_or("");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "cpu")) {
      break;
    }
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words[0] != "cpu") {
      ++usage.cpu_count;
      continue;
    }
    // user nice system idle iowait irq softirq steal; guest time is inside user.
    Ticks sum;
    for (size_t i = 1; i < words.size() && i <= 8; ++i) {
      uint64_t value = 0;
      (void)absl::SimpleAtoi(words[i], &value);
      sum.total += value;
      sum.busy += i == 4 || i == 5 ? 0 : value;
    }
    ticks = sum;
  }
  if (ticks && last_ && ticks->total > last_->total && ticks->busy >= last_->busy) {
    const double share =
        static_cast<double>(ticks->busy - last_->busy) / static_cast<double>(ticks->total - last_->total);
    usage.cpu = MilliCpu(static_cast<int64_t>(share * 1000.0 * usage.cpu_count + 0.5));
  }
  last_ = ticks;

  const std::optional<std::string> memory = ReadFile(proc_root_ + "/meminfo");
  usage.memory_total = KibibytesOf(memory, "MemTotal");
  usage.memory_available = KibibytesOf(memory, "MemAvailable");
  usage.pressure_cpu = PressureOf(ReadFile(proc_root_ + "/pressure/cpu"));
  usage.pressure_memory = PressureOf(ReadFile(proc_root_ + "/pressure/memory"));
  usage.pressure_io = PressureOf(ReadFile(proc_root_ + "/pressure/io"));
  return usage;
}

}  // namespace drover::agent
