#include "simulate/trace.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status.h"

namespace drover::simulate {
namespace {

struct Line {
  size_t number = 0;
  std::vector<std::string> fields;
};

absl::Status Fault(const std::string& file, size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ": ", what));
}

absl::StatusOr<std::string> ReadFile(const std::string& file) {
  std::ifstream in(file);
  if (!in || std::filesystem::is_directory(file)) {
    return absl::NotFoundError(absl::StrCat(file, ": cannot be read; name a file that exists"));
  }
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The lines below the header `titles`, without comments and blank lines.
absl::StatusOr<std::vector<Line>> Rows(const std::string& text, const std::string& file,
                                       const std::string& titles) {
  const std::vector<std::string> columns = absl::StrSplit(titles, ',');
  std::vector<Line> rows;
  bool header = false;
  size_t number = 0;
  for (absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line[0] == '#') {
      continue;
    }
    Line row{.number = number, .fields = absl::StrSplit(line, ',')};
    for (std::string& field : row.fields) {
      absl::StripAsciiWhitespace(&field);
    }
    if (!header) {
      if (row.fields != columns) {
        return Fault(file, number,
                     absl::StrCat("the titles are \"", line, "\"; they must be \"", titles, "\""));
      }
      header = true;
      continue;
    }
    if (row.fields.size() != columns.size()) {
      return Fault(file, number,
                   absl::StrCat(row.fields.size(), " fields; a line has ", columns.size(), ": ", titles));
    }
    rows.push_back(std::move(row));
  }
  if (!header) {
    return Fault(file, number,
                 absl::StrCat("no titles; the first line that is no comment is \"", titles, "\""));
  }
  return rows;
}

}  // namespace

absl::StatusOr<Trace> ParseTrace(const std::string& text, const std::string& file) {
  ASSIGN_OR_RETURN(const std::vector<Line> rows, Rows(text, file, "t_seconds,arrivals"));
  if (rows.size() < 2) {
    return Fault(file, 1, "fewer than two bins; the length of a bin is the difference of two times");
  }
  Trace trace{.name = std::filesystem::path(file).stem().string(), .bin_s = 0, .counts = {}};
  double first = 0;
  for (const Line& row : rows) {
    double at = 0;
    int64_t count = 0;
    if (!absl::SimpleAtod(row.fields[0], &at) || !std::isfinite(at)) {
      return Fault(file, row.number,
                   absl::StrCat("t_seconds is \"", row.fields[0], "\"; it must be a number"));
    }
    if (!absl::SimpleAtoi(row.fields[1], &count) || count < 0) {
      return Fault(file, row.number,
                   absl::StrCat("arrivals is \"", row.fields[1], "\"; it must be a whole number, 0 or more"));
    }
    const size_t index = trace.counts.size();
    first = index == 0 ? at : first;
    trace.bin_s = index == 1 ? at - first : trace.bin_s;
    if (index == 1 && trace.bin_s <= 0) {
      return Fault(file, row.number, "times do not ascend; each bin starts after the one before");
    }
    const double expected = first + trace.bin_s * static_cast<double>(index);
    if (std::abs(at - expected) > 1e-6 * trace.bin_s) {
      return Fault(file, row.number,
                   absl::StrCat("t_seconds is ", at, "; the bin after the one before starts at ", expected,
                                " (bins are ", trace.bin_s, " s, none is left out)"));
    }
    trace.counts.push_back(count);
  }
  return trace;
}

absl::StatusOr<Trace> ReadTrace(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  return ParseTrace(text, file);
}

absl::StatusOr<std::map<std::string, TraceParams>> ParseParams(const std::string& text,
                                                               const std::string& file) {
  ASSIGN_OR_RETURN(const std::vector<Line> rows, Rows(text, file, "trace,service_s,thin,slo_wait_s"));
  std::map<std::string, TraceParams> all;
  for (const Line& row : rows) {
    TraceParams params;
    if (!absl::SimpleAtod(row.fields[1], &params.service_s) || !(params.service_s > 0)) {
      return Fault(file, row.number,
                   absl::StrCat("service_s is \"", row.fields[1], "\"; it must be seconds, more than 0"));
    }
    if (!absl::SimpleAtoi(row.fields[2], &params.thin) || params.thin < 1) {
      return Fault(file, row.number,
                   absl::StrCat("thin is \"", row.fields[2], "\"; it must be a whole number, 1 or more"));
    }
    if (!absl::SimpleAtod(row.fields[3], &params.slo_wait_s) || !(params.slo_wait_s >= 0)) {
      return Fault(file, row.number,
                   absl::StrCat("slo_wait_s is \"", row.fields[3], "\"; it must be seconds, 0 or more"));
    }
    if (!all.emplace(row.fields[0], params).second) {
      return Fault(file, row.number, absl::StrCat("a second line for ", row.fields[0], "; one line a trace"));
    }
  }
  return all;
}

absl::StatusOr<std::map<std::string, TraceParams>> ReadParams(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  return ParseParams(text, file);
}

Trace Thinned(const Trace& trace, int64_t n) {
  Trace thinned = trace;
  int64_t sum = 0;
  for (int64_t& count : thinned.counts) {
    const int64_t before = sum / n;
    sum += count;
    count = sum / n - before;
  }
  return thinned;
}

}  // namespace drover::simulate
