// `why` as text: declared in controller/core/view.h. Plain, aligned, one screen.
#include "controller/core/autoscale/explain.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/wish.h"
#include "controller/core/view.h"

namespace drover::controller {
namespace {

// Columns on the screen, not bytes.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

using Row = std::vector<std::string>;

// Columns two blanks apart, each line indented by two; the last column is as long as it is.
void AppendTable(std::string& text, const char* title, const std::vector<Row>& rows) {
  if (rows.empty()) {
    return;
  }
  absl::StrAppend(&text, "\n", title, "\n");
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, "  ", row[i], std::string(widths[i] - Width(row[i]), ' '));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
}

std::string Age(Duration age) {
  if (age < absl::Milliseconds(100)) {
    return "now";
  }
  return absl::StrCat(absl::FormatDuration(absl::Trunc(age, absl::Milliseconds(100))), " ago");
}

std::string Measured(const SignalDecision& signal) {
  if (!signal.value) {
    return "unknown";
  }
  const std::string number = FormatNumber(*signal.value);
  return signal.unit == "%" ? absl::StrCat(number, " %") : number;
}

Row SignalRow(const SignalDecision& signal, const std::string& winner) {
  Row row = {signal.name, Measured(signal),
             absl::StrCat("target ", FormatNumber(signal.target), " ", signal.unit)};
  if (!signal.value) {
    row.insert(row.end(), {"", "no wish", signal.unknown_reason});
    return row;
  }
  row.insert(row.end(), {Age(signal.age), signal.wish ? absl::StrCat("wants ", *signal.wish) : "no wish",
                         signal.formula});
  if (signal.name == winner) {
    absl::StrAppend(&row.back(), "  <- decides");
  }
  return row;
}

std::vector<Row> SignalRows(const Decision& decision) {
  std::vector<Row> rows;
  for (const SignalDecision& signal : decision.signals) {
    rows.push_back(SignalRow(signal, decision.winner));
  }
  return rows;
}

std::vector<Row> StepRows(const Decision& decision) {
  std::vector<Row> rows;
  for (const Clamp& clamp : decision.clamps) {
    rows.push_back({clamp.name, absl::StrCat(clamp.before, " -> ", clamp.after), clamp.detail});
  }
  return rows;
}

std::vector<Row> ChoiceRows(const Decision& decision) {
  std::vector<Row> rows;
  for (const Choice& choice : decision.choices) {
    const std::string node = choice.node.value().empty() ? "" : absl::StrCat("on ", choice.node.value());
    rows.push_back({choice.action, ToString(choice.replica), node, choice.why});
  }
  return rows;
}

// "queue thumbs wants 12; " when that is not what came out.
std::string Wanted(const Decision& decision) {
  for (const SignalDecision& signal : decision.signals) {
    if (signal.name == decision.winner && signal.wish && *signal.wish != decision.desired) {
      return absl::StrCat(signal.name, " wants ", *signal.wish, "; ");
    }
  }
  return "";
}

// What settled it: the last step, else the winning formula, else the first unknown signal.
std::string Cause(const Decision& decision) {
  if (!decision.clamps.empty()) {
    return absl::StrCat(Wanted(decision), decision.clamps.back().detail);
  }
  for (const SignalDecision& signal : decision.signals) {
    if (!decision.winner.empty() && signal.name == decision.winner) {
      return absl::StrCat(signal.name, ": ", signal.formula);
    }
    if (decision.winner.empty() && !signal.value) {
      return absl::StrCat(signal.name, ": ", signal.unknown_reason);
    }
  }
  return "";
}

}  // namespace

std::string Summary(const Decision& decision) {
  std::string text = decision.desired == decision.current
                         ? absl::StrCat("stays at ", decision.current)
                         : absl::StrCat(decision.current, " -> ", decision.desired);
  absl::StrAppend(&text, ": ", decision.reason);
  if (const std::string cause = Cause(decision); !cause.empty()) {
    absl::StrAppend(&text, " (", cause, ")");
  }
  return text;
}

std::string ToText(const Decision& decision) {
  std::string text = absl::StrCat(ToString(decision.service), " ", Summary(decision), "\n");
  absl::StrAppend(&text, "at ", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", decision.at, absl::UTCTimeZone()),
                  "\n");

  AppendTable(text, "signals", SignalRows(decision));
  AppendTable(text, "steps", StepRows(decision));
  AppendTable(text, "replicas", ChoiceRows(decision));
  std::vector<Row> rows;
  for (const std::string& line : decision.blocked) {
    rows.push_back({line});
  }
  AppendTable(text, "blocked", rows);
  rows.clear();
  for (const Condition& condition : decision.conditions) {
    rows.push_back({condition.type, condition.holds ? "True" : "False", condition.reason, condition.message});
  }
  AppendTable(text, "conditions", rows);
  return text;
}

}  // namespace drover::controller
