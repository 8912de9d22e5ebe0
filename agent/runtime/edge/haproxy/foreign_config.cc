#include "agent/runtime/edge/haproxy/foreign_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/runtime/edge/haproxy/plan.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr std::array<absl::string_view, 16> kSectionKinds = {
    "global",  "defaults", "frontend", "backend", "listen",   "peers",       "resolvers",   "userlist",
    "mailers", "program",  "ring",     "cache",   "fcgi-app", "http-errors", "log-forward", "crt-store"};

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// A time in milliseconds, a bare number being one; anything else as it is.
std::string CanonicalWord(const std::string& word) {
  constexpr std::array<std::pair<absl::string_view, uint64_t>, 5> kUnits = {
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  for (const auto& [unit, milliseconds] : kUnits) {
    absl::string_view digits = word;
    uint32_t number = 0;
    if (absl::ConsumeSuffix(&digits, unit) && absl::SimpleAtoi(digits, &number)) {
      return absl::StrCat(number * milliseconds);
    }
  }
  return word;
}

bool SameWords(const ConfigWords& a, const ConfigWords& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const std::string& x, const std::string& y) {
    return CanonicalWord(x) == CanonicalWord(y);
  });
}

// `words` stand in `line` one after the other.
bool Contains(const ConfigWords& line, const ConfigWords& words) {
  for (size_t i = 0; i + words.size() <= line.size(); ++i) {
    const auto at = line.begin() + static_cast<ptrdiff_t>(i);
    if (SameWords({at, at + static_cast<ptrdiff_t>(words.size())}, words)) {
      return true;
    }
  }
  return false;
}

bool IsOwnServer(const ConfigWords& line) {
  return line.size() > 1 &&
         ((line[0] == "server-template" && line[1] == "drv") || (line[0] == "server" && IsSlotName(line[1])));
}

// Whether two links of /proc lead to the same thing.
bool SameLink(const std::string& a, const std::string& b) {
  std::error_code error;
  const auto one = std::filesystem::read_symlink(a, error);
  return !error && one == std::filesystem::read_symlink(b, error) && !error;
}

// The files that a command line names with -f, a folder standing for its *.cfg.
std::vector<std::string> ConfigFiles(const std::vector<std::string>& words, const std::string& cwd) {
  std::vector<std::string> files;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "-f") {
      continue;
    }
    const std::filesystem::path path = std::filesystem::path(cwd) / words[i + 1];
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path.string());
      continue;
    }
    std::set<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
      if (entry.path().extension() == ".cfg") {
        inside.insert(entry.path().string());
      }
    }
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

}  // namespace

ConfigWords SplitConfigLine(absl::string_view line) {
  ConfigWords words;
  std::string word;
  bool inside = false;  // a word has begun, perhaps an empty quoted one
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote != '\'' && c == '\\' && i + 1 < line.size()) {
      word.push_back(line[++i]);
      inside = true;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      inside = true;
    } else if (quote == 0 && c == '#') {
      break;
    } else if (quote == 0 && IsBlank(c)) {
      if (inside) {
        words.push_back(std::move(word));
        word.clear();
      }
      inside = false;
    } else {
      word.push_back(c);
      inside = true;
    }
  }
  if (inside) {
    words.push_back(std::move(word));
  }
  return words;
}

ForeignConfig::ForeignConfig(absl::string_view text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ConfigWords words = SplitConfigLine(line);
    if (words.empty()) {
      continue;
    }
    if (std::find(kSectionKinds.begin(), kSectionKinds.end(), words[0]) != kSectionKinds.end()) {
      Section section{.kind = words[0], .name = words.size() > 1 ? words[1] : "", .from = "", .lines = {}};
      for (size_t i = 1; i + 1 < words.size(); ++i) {
        section.from = words[i] == "from" ? words[i + 1] : section.from;
      }
      sections_.push_back(std::move(section));
    } else if (!sections_.empty()) {
      sections_.back().lines.push_back(std::move(words));
    }
  }
}

bool ForeignConfig::GlobalHas(const ConfigWords& line) const {
  return std::any_of(sections_.begin(), sections_.end(), [&](const Section& section) {
    return section.kind == "global" &&
           std::find(section.lines.begin(), section.lines.end(), line) != section.lines.end();
  });
}

size_t ForeignConfig::FindBackend(const std::string& name) const {
  size_t i = 0;
  while (i < sections_.size() &&
         ((sections_[i].kind != "backend" && sections_[i].kind != "listen") || sections_[i].name != name)) {
    ++i;
  }
  return i;
}

bool ForeignConfig::BackendHas(const std::string& backend, const ConfigWords& line) const {
  const size_t at = FindBackend(backend);
  return at < sections_.size() &&
         std::any_of(sections_[at].lines.begin(), sections_[at].lines.end(),
                     [&](const ConfigWords& other) { return SameWords(other, line); });
}

bool ForeignConfig::ServersHave(const std::string& backend, const ConfigWords& words) const {
  const size_t at = FindBackend(backend);
  bool by_default = false;
  for (const ConfigWords& line : at < sections_.size() ? sections_[at].lines : std::vector<ConfigWords>()) {
    by_default = by_default || (line[0] == "default-server" && Contains(line, words));
    if (IsOwnServer(line) && !by_default && !Contains(line, words)) {
      return false;
    }
  }
  return true;
}

std::vector<size_t> ForeignConfig::DefaultsOf(size_t section) const {
  std::vector<size_t> out;
  for (std::string from = sections_[section].from;;) {
    size_t found = sections_.size();
    for (size_t i = 0; i < section; ++i) {
      const bool defaults = sections_[i].kind == "defaults";
      found = defaults && (from.empty() || sections_[i].name == from) ? i : found;
    }
    if (found == sections_.size()) {
      return out;
    }
    out.push_back(found);
    from = sections_[found].from;
    section = found;
    if (from.empty()) {
      return out;  // defaults take nothing from others unless they say so
    }
  }
}

bool ForeignConfig::OptionIsOn(const std::string& backend, const std::string& option) const {
  const size_t at = FindBackend(backend);
  if (at == sections_.size()) {
    return false;
  }
  std::vector<size_t> order = {at};
  for (const size_t defaults : DefaultsOf(at)) {
    order.push_back(defaults);
  }
  for (const size_t section : order) {
    const auto& lines = sections_[section].lines;
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
      const size_t no = line->front() == "no" ? 1 : 0;
      if (line->size() > no + 1 && (*line)[no] == "option" && (*line)[no + 1] == option) {
        return no == 0;
      }
    }
  }
  return false;
}

absl::StatusOr<std::string> ReadForeignConfig(int64_t pid, int64_t started) {
  const std::string proc = absl::StrCat("/proc/", pid);
  const absl::StatusOr<std::string> line = ReadWholeFile(proc + "/cmdline");
  const std::vector<std::string> words = absl::StrSplit(line.value_or(""), '\0');
  if (!absl::StrContains(words.front(), "haproxy")) {
    return absl::NotFoundError("its process is not one of this host's");
  }
  if (!SameLink(proc + "/ns/mnt", "/proc/self/ns/mnt")) {
    return absl::NotFoundError("its files are not those of this host");
  }
  std::error_code error;
  const std::string cwd = std::filesystem::read_symlink(proc + "/cwd", error).string();
  const std::vector<std::string> files = ConfigFiles(words, cwd);
  if (files.empty()) {
    return absl::NotFoundError("its command line names no file");
  }
  std::string text;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const std::string part, ReadWholeFile(file));

    struct stat info {};

    if (stat(file.c_str(), &info) == 0 && info.st_mtim.tv_sec > started + 1) {
      return absl::FailedPreconditionError(
          absl::StrCat(file, " was changed after HAProxy read it; reload HAProxy, then check again"));
    }
    absl::StrAppend(&text, part, "\n");
  }
  return text;
}

}  // namespace drover::agent
