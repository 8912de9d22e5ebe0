// The primitives with which the schema reads a tree: one table of keys per map, each key with its
// handler, and typed scalars. What does not fit is a fault with the nearest thing that would.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "compose/node.h"
#include "google/protobuf/duration.pb.h"

namespace drover::compose {

struct Key {
  absl::string_view name;
  std::function<void(const Entry&)> handle;
};

// Calls the handler of every key of `node`. An unknown key is a fault naming the nearest known one,
// except `x-…`. `what` names the map: "service \"web\"". A null node is an empty map. False: it is no map,
// and that was said.
bool ReadMap(const Node& node, absl::string_view what, const std::vector<Key>& keys, FaultList& faults);

// The candidate most like `word`; empty when nothing is near.
std::string Nearest(absl::string_view word, const std::vector<absl::string_view>& candidates);

// Typed scalars; nullopt after adding a fault.
std::optional<std::string> ReadText(const Node& node, FaultList& faults);
std::optional<bool> ReadBool(const Node& node, FaultList& faults);
std::optional<int64_t> ReadInt(const Node& node, int64_t min, int64_t max, FaultList& faults);
std::optional<double> ReadNumber(const Node& node, FaultList& faults);
std::optional<double> ReadPercent(const Node& node, FaultList& faults);
std::optional<int64_t> ReadBytes(const Node& node, FaultList& faults);
std::optional<int64_t> ReadMilliCpu(const Node& node, FaultList& faults);
std::optional<absl::Duration> ReadDuration(const Node& node, FaultList& faults);
// One of `words`; returns its index.
std::optional<size_t> ReadWord(const Node& node, const std::vector<absl::string_view>& words,
                               FaultList& faults);

// A scalar or a list of scalars.
std::vector<std::string> ReadTexts(const Node& node, FaultList& faults);

struct KeyValue {
  std::string key;
  std::optional<std::string> value;  // nullopt: the key alone, or null
  Mark mark;
};

// A map of scalars or a list of "K=V"; the last of a list wins.
std::vector<KeyValue> ReadKeyValues(const Node& node, FaultList& faults);

// A command: a list, or text split like a shell would.
std::vector<std::string> ReadCommand(const Node& node, FaultList& faults);

google::protobuf::Duration ToProto(absl::Duration duration);
absl::Duration FromProto(const google::protobuf::Duration& duration);

}  // namespace drover::compose
