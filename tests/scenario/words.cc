#include "tests/scenario/words.h"

#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace drover::controller {

int64_t Number(const std::string& text) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) {
    throw std::invalid_argument(absl::StrCat("not a number: ", text));
  }
  return value;
}

Duration Time(const std::string& text) {
  Duration value;
  if (!absl::ParseDuration(text, &value)) {
    throw std::invalid_argument(absl::StrCat("not a duration: ", text));
  }
  return value;
}

// "key=value", or "key" with an empty value.
std::pair<std::string, std::string> Option(const std::string& word) {
  const size_t at = word.find('=');
  return at == std::string::npos ? std::pair(word, std::string())
                                 : std::pair(word.substr(0, at), word.substr(at + 1));
}

namespace {

void SetShape(ServiceSpec& spec, const std::string& key, const std::string& value) {
  if (key == "replicas") {
    spec.replicas = Number(value);
  } else if (key == "v") {
    spec.spec_hash = absl::StrCat(spec.name, "-", value);
    spec.image = absl::StrCat(spec.name, ":", value);
    spec.image_id = absl::StrCat("sha256:", spec.name, "-", value);
  } else if (key == "cpu") {
    spec.reserved_cpu = MilliCpu(Number(value));
  } else if (key == "pinned") {
    spec.local_data = {"data"};
  } else if (key == "singleton") {
    spec.singleton = true;
  } else if (key == "task") {
    spec.task = true;
  } else if (key == "before") {
    spec.task = spec.before_rollout = true;
  } else if (key == "stop-first") {
    spec.stop_first = true;
  } else if (key == "bin-pack") {
    spec.bin_pack = true;
  } else if (key == "global") {
    spec.global = true;
    spec.replicas = 0;
  } else if (key == "priority") {
    spec.priority = static_cast<int32_t>(Number(value));
  } else if (key == "max-per-node") {
    spec.max_per_node = static_cast<uint32_t>(Number(value));
  } else if (key == "on") {
    const auto [label, wanted] = Option(std::string(absl::StrReplaceAll(value, {{"/", "="}})));
    spec.constraints.push_back({.key = absl::StrCat("node.labels.", label), .equal = true, .value = wanted});
  } else if (key == "spread") {
    spec.spread_over.push_back(absl::StrCat("node.labels.", value));
  } else if (key == "hostport") {
    spec.host_ports.push_back(static_cast<uint32_t>(Number(value)));
  } else if (key == "pull") {
    ListenerSpec route;
    route.pull = value.substr(0, value.find('/'));
    route.pull_delay = Time(value.substr(value.find('/') + 1));
    route.target = 80;
    spec.listeners.push_back(route);
    spec.routed_ports = {80};
  } else if (key == "listen") {
    ListenerSpec listener;
    listener.port = static_cast<uint32_t>(Number(value));
    listener.target = 80;
    listener.http = true;
    spec.listeners.push_back(listener);
    spec.routed_ports = {80};
  } else {
    throw std::invalid_argument(absl::StrCat("unknown setting: ", key));
  }
}

bool SetScaling(ServiceSpec& spec, const std::string& key, const std::string& value) {
  if (key != "scale" && key != "cputarget" && key != "queue" && key != "inflight" && key != "window" &&
      key != "idle" && key != "hold" && key != "dry-run") {
    return false;
  }
  AutoscaleSpec scale = spec.autoscale.value_or(AutoscaleSpec());
  if (key == "scale") {
    const Words range = absl::StrSplit(value, "..");
    scale.min = Number(range.at(0));
    scale.max = Number(range.at(1));
  } else if (key == "window") {
    scale.down.stabilization = Time(value);
  } else if (key == "idle") {
    scale.idle = Time(value);
  } else if (key == "hold") {
    scale.hold = Time(value);
  } else if (key == "dry-run") {
    scale.dry_run = true;
  } else {
    SignalSpec signal;
    if (key == "cputarget") {
      signal.target = static_cast<double>(Number(value));
    } else if (key == "inflight") {
      signal.kind = SignalSpec::Kind::kInFlight;
      signal.target = static_cast<double>(Number(value));
    } else {
      const Words parts = absl::StrSplit(value, '*');
      signal.kind = SignalSpec::Kind::kQueue;
      signal.queue = parts.at(0);
      signal.target = static_cast<double>(Number(parts.at(1)));
    }
    scale.signals.push_back(signal);
  }
  spec.autoscale = scale;
  return true;
}

}  // namespace

ServiceSpec ParseService(const std::string& word) {
  const Words parts = absl::StrSplit(word, ':');
  ServiceSpec spec;
  spec.name = parts[0];
  SetShape(spec, "v", "1");
  if (parts.size() > 1) {
    for (const std::string& setting : Words(absl::StrSplit(parts[1], ','))) {
      const auto [key, value] = Option(setting);
      if (key == "after") {
        const Words dependency = absl::StrSplit(value, '/');
        const std::string& condition = dependency.at(1);
        spec.depends_on.push_back(
            {dependency.at(0), condition == "ready"  ? DependencySpec::Condition::kHealthy
                               : condition == "done" ? DependencySpec::Condition::kCompleted
                                                     : DependencySpec::Condition::kStarted});
      } else if (!SetScaling(spec, key, value)) {
        SetShape(spec, key, value);
      }
    }
  }
  spec.context = absl::StrCat("context of ", spec.spec_hash);
  return spec;
}

ReplicaState ParseState(const std::string& text) {
  for (const ReplicaState state : kAllReplicaStates) {
    if (std::string(ToString(state)) == text) {
      return state;
    }
  }
  throw std::invalid_argument(absl::StrCat("no such state: ", text));
}

ServiceKey ParseKey(const std::string& text) {
  const Words parts = absl::StrSplit(text, '/');
  return {parts.at(0), parts.at(1)};
}

std::string NodeText(const NodeId& id) { return absl::StrReplaceAll(id.value(), {{"node-", ""}}); }

}  // namespace drover::controller
