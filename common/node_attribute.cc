#include "common/node_attribute.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace drover {
namespace {

constexpr absl::string_view kAttributes =
    "node.labels.NAME, node.hostname, node.id, node.platform.os, node.platform.arch or engine.labels.NAME";

bool IsLabelName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' || c == '/';
  });
}

// Is a label's full name: prefix and a name. Its fault goes to `fault` when only the name is wrong.
bool IsLabel(absl::string_view text, std::string* fault) {
  for (absl::string_view prefix : {kNodeLabel, kEngineLabel}) {
    if (absl::StartsWith(text, prefix)) {
      if (!IsLabelName(text.substr(prefix.size()))) {
        *fault = absl::StrCat("\"", text, "\" names no label; write ", prefix, "NAME");
      }
      return true;
    }
  }
  return false;
}

absl::Status CheckAttribute(absl::string_view text) {
  std::string fault;
  if (IsLabel(text, &fault)) {
    return fault.empty() ? absl::OkStatus() : absl::InvalidArgumentError(fault);
  }
  if (text == "node.id" || text == "node.hostname" || text == kPlatformOs || text == kPlatformArch) {
    return absl::OkStatus();
  }
  if (text == "node.role") {
    return absl::InvalidArgumentError(
        "node.role is not known: no node is a manager, each one may run replicas; give the nodes that are "
        "meant a label in agent.yaml and write node.labels.NAME");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is nothing that a node has; write ", kAttributes));
}

}  // namespace

absl::StatusOr<Constraint> ParseConstraint(absl::string_view text) {
  const size_t equal = text.find("==");
  const size_t differs = text.find("!=");
  const size_t at = std::min(equal, differs);
  if (at == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no constraint; write ATTRIBUTE == VALUE or ATTRIBUTE != VALUE"));
  }
  const absl::string_view attribute = absl::StripAsciiWhitespace(text.substr(0, at));
  const absl::string_view value = absl::StripAsciiWhitespace(text.substr(at + 2));
  if (absl::Status known = CheckAttribute(attribute); !known.ok()) {
    return known;
  }
  if (value.empty() || absl::StrContains(value, "==") || absl::StrContains(value, "!=") || value[0] == '=') {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" compares with no value; write ", attribute,
                     at == equal ? " == " : " != ", "VALUE, one constraint an entry"));
  }
  return Constraint{.attribute = std::string(attribute), .equal = at == equal, .value = std::string(value)};
}

absl::Status CheckSpread(absl::string_view text) {
  std::string fault;
  if (!IsLabel(text, &fault)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is no label to spread over; write node.labels.NAME, such as "
                     "node.labels.zone (over single nodes replicas are spread without a word)"));
  }
  return fault.empty() ? absl::OkStatus() : absl::InvalidArgumentError(fault);
}

}  // namespace drover
