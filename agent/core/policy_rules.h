// What the rules of policy.h share. Only for the files that make them up.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "agent/core/policy.h"

namespace drover::agent {

using BuiltIn = absl::Span<const absl::string_view>;

// Some entry of the list, or of the built-in ones that it keeps, is a pattern of `value`.
bool Allows(const AllowList& list, BuiltIn built_in, absl::string_view value);

// "KEY: [default, VALUE]": what to write for `values` to be allowed beside what is.
std::string Advice(absl::string_view key, const AllowList& list, bool has_built_in,
                   const std::vector<std::string>& values);

// Adds a refusal for `value` unless the list allows it; `what` stands before it in the message.
void JudgeValue(const AllowList& list, BuiltIn built_in, absl::string_view key, absl::string_view what,
                absl::string_view value, std::vector<Refusal>& out);

// Bind mounts, named volumes, files on the node, devices.
void JudgePaths(const Policy& policy, const Asked& asked, std::vector<Refusal>& out);

}  // namespace drover::agent
