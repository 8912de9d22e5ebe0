#include "compose/interpolate.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace drover::compose {
namespace {

bool IsNameStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }

bool IsNameChar(char c) { return IsNameStart(c) || absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// Recursive descent over one text.
class Expander {
 public:
  Expander(const std::string& text, const Environment& environment, const Mark& mark, FaultList& faults)
      : text_(text), environment_(environment), mark_(mark), faults_(faults) {}

  std::string Run() {
    std::string out = Expand(false, true);
    return failed_ ? text_ : out;
  }

 private:
  bool at_end() const { return pos_ >= text_.size(); }

  void Fail(absl::string_view message) {
    if (!failed_) {
      faults_.Add(mark_, message);
    }
    failed_ = true;
    pos_ = text_.size();
  }

  // Up to the end, or inside braces up to the closing one (left in place). `live`: false for the
  // branch of a default that is not taken, whose unset variables are nobody's business.
  std::string Expand(bool braced, bool live) {
    std::string out;
    while (!at_end()) {
      const char c = text_[pos_];
      if (braced && c == '}') {
        return out;
      }
      if (c != '$') {
        out += c;
        ++pos_;
        continue;
      }
      ++pos_;
      if (!at_end() && text_[pos_] == '$') {
        out += '$';
        ++pos_;
      } else if (!at_end() && text_[pos_] == '{') {
        ++pos_;
        out += Braced(live);
      } else if (!at_end() && IsNameStart(text_[pos_])) {
        out += Value(Name(), live);
      } else {
        Fail(absl::StrCat("\"$\" without a variable name in \"", text_,
                          "\"; write $$ for a dollar sign, or ${NAME}"));
      }
    }
    if (braced) {
      Fail(absl::StrCat("\"${\" without \"}\" in \"", text_, "\"; close the variable with \"}\""));
    }
    return out;
  }

  std::string Name() {
    const size_t start = pos_;
    while (!at_end() && IsNameChar(text_[pos_])) {
      ++pos_;
    }
    return text_.substr(start, pos_ - start);
  }

  const std::string* Lookup(const std::string& name) const {
    auto it = environment_.find(name);
    return it == environment_.end() ? nullptr : &it->second;
  }

  std::string Value(const std::string& name, bool live) {
    if (const std::string* value = Lookup(name)) {
      return *value;
    }
    if (live) {
      faults_.Warn(mark_, absl::StrCat("variable ", name,
                                       " is not set and reads as empty; set it in the "
                                       "environment or .env, or write ${",
                                       name, ":-default}"));
    }
    return "";
  }

  std::string Braced(bool live) {
    if (at_end() || !IsNameStart(text_[pos_])) {
      Fail(absl::StrCat("\"${\" without a variable name in \"", text_, "\"; write ${NAME} or $$"));
      return "";
    }
    const std::string name = Name();
    const bool colon = !at_end() && text_[pos_] == ':';
    if (colon) {
      ++pos_;
    }
    const char op = at_end() ? '\0' : text_[pos_];
    if (!colon && op == '}') {
      ++pos_;
      return Value(name, live);
    }
    if (op == '\0') {
      Fail(absl::StrCat("\"${\" without \"}\" in \"", text_, "\"; close the variable with \"}\""));
      return "";
    }
    if (op != '-' && op != '?' && op != '+') {
      Fail(absl::StrCat(
          "unknown form of ${", name, "…} in \"", text_,
          "\"; known are ${V:-default}, ${V:?message} and ${V:+replacement}, also without \":\""));
      return "";
    }
    ++pos_;
    const std::string* value = Lookup(name);
    const bool set = value != nullptr && !(colon && value->empty());
    const bool word_taken = op == '+' ? set : !set;
    std::string word = Expand(true, live && word_taken);
    ++pos_;
    if (op == '?' && !set && live && !failed_) {
      Fail(absl::StrCat("variable ", name, " must be set", word.empty() ? "" : ": ", word, "; set ", name,
                        " in the environment or .env"));
    }
    if (op == '+') {
      return set ? word : "";
    }
    return set ? *value : word;
  }

  const std::string& text_;
  const Environment& environment_;
  const Mark& mark_;
  FaultList& faults_;
  size_t pos_ = 0;
  bool failed_ = false;
};

}  // namespace

std::string Interpolate(const std::string& text, const Environment& environment, const Mark& mark,
                        FaultList& faults) {
  if (text.find('$') == std::string::npos) {
    return text;
  }
  std::string expanded = Expander(text, environment, mark, faults).Run();
  RequireUtf8(expanded, mark, faults);
  return expanded;
}

void InterpolateTree(Node& node, const Environment& environment, FaultList& faults) {
  if (node.is_scalar()) {
    node.text = Interpolate(node.text, environment, node.mark, faults);
  }
  for (Node& item : node.items) {
    InterpolateTree(item, environment, faults);
  }
  for (Entry& entry : node.entries) {
    InterpolateTree(entry.value, environment, faults);
  }
}

}  // namespace drover::compose
