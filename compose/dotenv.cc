#include "compose/dotenv.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace drover::compose {
namespace {

class EnvParser {
 public:
  EnvParser(const std::string& text, const std::shared_ptr<const Source>& source,
            const Environment& environment, bool raw, FaultList& faults)
      : text_(text),
        source_(source),
        seen_(environment),
        environment_(environment),
        raw_(raw),
        faults_(faults) {}

  EnvFile Run() {
    if (absl::StartsWith(text_, "\xEF\xBB\xBF")) {
      pos_ = 3;
    }
    while (pos_ < text_.size()) {
      ReadLine();
    }
    return std::move(out_);
  }

 private:
  char Peek() const { return pos_ < text_.size() ? text_[pos_] : '\0'; }

  Mark Here() const { return {.source = source_, .line = line_, .column = 1}; }

  // The rest of the line, without its end; moves to the next line.
  std::string RestOfLine() {
    size_t end = text_.find('\n', pos_);
    end = end == std::string::npos ? text_.size() : end;
    std::string rest = text_.substr(pos_, end - pos_);
    pos_ = end + 1;
    ++line_;
    if (!rest.empty() && rest.back() == '\r') {
      rest.pop_back();
    }
    return rest;
  }

  void SkipBlanks() {
    while (Peek() == ' ' || Peek() == '\t') {
      ++pos_;
    }
  }

  void ReadLine() {
    SkipBlanks();
    if (Peek() == '#' || Peek() == '\n' || Peek() == '\r' || Peek() == '\0') {
      RestOfLine();
      return;
    }
    if (absl::StartsWith(absl::string_view(text_).substr(pos_), "export ")) {
      pos_ += 7;
      SkipBlanks();
    }
    const Mark mark = Here();
    const size_t end = text_.find_first_of("=:\n", pos_);
    const size_t stop = end == std::string::npos ? text_.size() : end;
    const std::string key(absl::StripAsciiWhitespace(absl::string_view(text_).substr(pos_, stop - pos_)));
    if (key.empty() || key.find_first_of(" \t\"'") != std::string::npos) {
      faults_.Add(mark, absl::StrCat("\"", key, "\" is no variable name; write NAME=value"));
      pos_ = stop;
      RestOfLine();
      return;
    }
    pos_ = stop;
    if (Peek() != '=' && Peek() != ':') {
      RestOfLine();
      out_[key] = std::nullopt;
      return;
    }
    ++pos_;
    const std::string value = raw_ ? RestOfLine() : ReadValue(mark);
    RequireUtf8(key, mark, faults_);
    RequireUtf8(value, mark, faults_);
    Put(key, value);
  }

  void Put(const std::string& key, const std::string& value) {
    out_[key] = value;
    if (environment_.count(key) == 0) {
      seen_[key] = value;
    }
  }

  std::string ReadValue(const Mark& mark) {
    SkipBlanks();
    const char quote = Peek();
    if (quote == '"' || quote == '\'') {
      ++pos_;
      return ReadQuoted(quote, mark);
    }
    std::string value = RestOfLine();
    for (size_t i = 0; i < value.size(); ++i) {
      if (value[i] == '#' && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t')) {
        value.resize(i);
        break;
      }
    }
    absl::StripAsciiWhitespace(&value);
    return Interpolate(value, seen_, mark, faults_);
  }

  std::string ReadQuoted(char quote, const Mark& mark) {
    std::string value;
    while (pos_ < text_.size() && text_[pos_] != quote) {
      if (text_[pos_] == '\n') {
        ++line_;
      }
      if (quote == '"' && text_[pos_] == '\\' && pos_ + 1 < text_.size()) {
        value += Escape(text_[++pos_]);
      } else {
        value += text_[pos_];
      }
      ++pos_;
    }
    if (pos_ >= text_.size()) {
      faults_.Add(mark, absl::StrCat("the value has no closing ", std::string(1, quote), "; add it"));
      return value;
    }
    ++pos_;
    const std::string rest(absl::StripAsciiWhitespace(RestOfLine()));
    if (!rest.empty() && rest[0] != '#') {
      faults_.Add(mark, absl::StrCat("\"", rest, "\" follows the closing quote; put it inside the quotes"));
    }
    return quote == '"' ? Interpolate(value, seen_, mark, faults_) : value;
  }

  static std::string Escape(char c) {
    switch (c) {
      case 'n':
        return "\n";
      case 'r':
        return "\r";
      case 't':
        return "\t";
      case '$':
        return "$$";
      case '"':
      case '\\':
        return std::string(1, c);
      default:
        return std::string("\\") + c;
    }
  }

  const std::string& text_;
  const std::shared_ptr<const Source>& source_;
  Environment seen_;
  const Environment& environment_;
  bool raw_;
  FaultList& faults_;
  EnvFile out_;
  size_t pos_ = 0;
  int line_ = 1;
};

}  // namespace

EnvFile ParseEnvFile(const std::string& text, const std::shared_ptr<const Source>& source,
                     const Environment& environment, bool raw, FaultList& faults) {
  return EnvParser(text, source, environment, raw, faults).Run();
}

}  // namespace drover::compose
