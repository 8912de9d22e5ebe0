// The configuration as written: every scalar by its key path, with its place, nothing interpreted.
// Parse makes it from YAML; Validate (config.h) makes the checked form of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace drover::controller::raw {

// A scalar and where it stands.
struct Value {
  std::string text;
  std::string place;  // "FILE:LINE:COLUMN", or the flag: "--state-dir"
};

struct Config {
  std::map<std::string, Value> values;  // key path ("grpc.listen", "webhooks.0.url") → value
  std::vector<std::string> faults;      // found while reading, each with its place
};

// Reads YAML. Unknown keys are faults with the nearest known name, so are keys given twice and values
// that are no scalars. `file` is for messages. Never throws.
Config Parse(const std::string& text, const std::string& file);

// Every key path that exists, sorted; [] stands for the number of a list's item.
std::vector<std::string> KnownKeys();

}  // namespace drover::controller::raw
