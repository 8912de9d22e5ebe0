// A StackSpec as YAML for people and as JSON for programs.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "compose/compose.h"
#include "compose/read.h"

namespace drover::compose {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&out, "\\x", absl::BytesToHexString(absl::string_view(&c, 1)));
    } else {
      out += c == '"' || c == '\\' ? absl::StrCat("\\", std::string(1, c)) : std::string(1, c);
    }
  }
  return out + "\"";
}

// Plain where YAML cannot read it as anything else.
std::string Scalar(const std::string& text) {
  const bool plain = !text.empty() &&
                     (absl::ascii_isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/') &&
                     std::all_of(text.begin(), text.end(), [](char c) {
                       return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                              absl::StrContains("_-./@+=", absl::string_view(&c, 1));
                     });
  static const absl::string_view kWords[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  const std::string lower = absl::AsciiStrToLower(text);
  const bool word = std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords);
  return plain && !word ? text : Quoted(text);
}

// Writes set fields in the order of the .proto file, in its own names.
class YamlWriter {
 public:
  std::string Take() { return std::move(out_); }

  void Write(const Message& message, int indent) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    std::sort(fields.begin(), fields.end(),
              [](const FieldDescriptor* a, const FieldDescriptor* b) { return a->index() < b->index(); });
    for (const FieldDescriptor* field : fields) {
      Line(indent, absl::StrCat(field->name(), ":"));
      if (field->is_map()) {
        WriteMap(message, field, indent);
      } else if (field->is_repeated()) {
        WriteList(message, field, indent);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        WriteNested(message.GetReflection()->GetMessage(message, field), indent);
      } else {
        absl::StrAppend(&out_, " ", ScalarOf(message, field, -1));
      }
    }
  }

 private:
  void Line(int indent, absl::string_view text) {
    if (dash_) {
      dash_ = false;
    } else {
      absl::StrAppend(&out_, out_.empty() ? "" : "\n", std::string(static_cast<size_t>(indent), ' '));
    }
    absl::StrAppend(&out_, text);
  }

  void WriteNested(const Message& message, int indent) {
    if (message.GetDescriptor()->full_name() == "google.protobuf.Duration") {
      const auto& duration = static_cast<const google::protobuf::Duration&>(message);
      absl::StrAppend(&out_, " ", absl::FormatDuration(FromProto(duration)));
      return;
    }
    if (message.ByteSizeLong() == 0) {
      out_ += " {}";
      return;
    }
    Write(message, indent + 2);
  }

  void WriteMap(const Message& message, const FieldDescriptor* field, int indent) {
    const Reflection* reflection = message.GetReflection();
    std::map<std::string, std::string> sorted;
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      const Message& entry = reflection->GetRepeatedMessage(message, field, i);
      const auto* type = entry.GetDescriptor();
      sorted[entry.GetReflection()->GetString(entry, type->map_key())] =
          entry.GetReflection()->GetString(entry, type->map_value());
    }
    for (const auto& [key, value] : sorted) {
      Line(indent + 2, absl::StrCat(Scalar(key), ": ", Scalar(value)));
    }
  }

  void WriteList(const Message& message, const FieldDescriptor* field, int indent) {
    const Reflection* reflection = message.GetReflection();
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        Line(indent, absl::StrCat("- ", ScalarOf(message, field, i)));
        continue;
      }
      const Message& item = reflection->GetRepeatedMessage(message, field, i);
      if (const auto* service = dynamic_cast<const v1::ServiceSpec*>(&item)) {
        Line(indent, absl::StrCat("# ready when: ", ReadyText(*service)));
      }
      Line(indent, "- ");
      dash_ = true;
      Write(item, indent + 2);
      dash_ = false;
    }
  }

  // R3.4: the first that exists.
  static std::string ReadyText(const v1::ServiceSpec& service) {
    const auto& test = service.container().healthcheck().test();
    if (service.has_task()) {
      return "never; a task, completed on exit 0";
    }
    if (service.has_ready()) {
      return service.ready().has_http()
                 ? absl::StrCat("HTTP ", service.ready().http().port(), " ", service.ready().http().path())
                 : absl::StrCat("TCP ", service.ready().tcp().port());
    }
    if (!test.empty() && test[0] != "NONE") {
      return "its healthcheck passes";
    }
    if (!service.routed_ports().empty()) {
      return absl::StrCat("port ", service.routed_ports(0), " takes a connection twice");
    }
    return "it has run for 3 s, or the image's own healthcheck passes";
  }

  static std::string ScalarOf(const Message& message, const FieldDescriptor* field, int index) {
    const Reflection* r = message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return (index < 0 ? r->GetBool(message, field) : r->GetRepeatedBool(message, field, index)) ? "true"
                                                                                                    : "false";
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrCat(index < 0 ? r->GetUInt32(message, field)
                                      : r->GetRepeatedUInt32(message, field, index));
      case FieldDescriptor::CPPTYPE_INT32:
        return absl::StrCat(r->GetInt32(message, field));
      case FieldDescriptor::CPPTYPE_INT64:
        return absl::StrCat(r->GetInt64(message, field));
      case FieldDescriptor::CPPTYPE_UINT64:
        return absl::StrCat(r->GetUInt64(message, field));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return absl::StrCat(r->GetDouble(message, field));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return absl::StrCat(r->GetFloat(message, field));
      case FieldDescriptor::CPPTYPE_ENUM:
        return absl::AsciiStrToLower(absl::StripPrefix(r->GetEnum(message, field)->name(), "PROTOCOL_"));
      case FieldDescriptor::CPPTYPE_STRING:
        return Scalar(index < 0 ? r->GetString(message, field) : r->GetRepeatedString(message, field, index));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        break;
    }
    return "";
  }

  std::string out_;
  bool dash_ = false;  // the next line continues one that begins with "- "
};

v1::StackSpec WithoutSecrets(v1::StackSpec spec) {
  for (v1::FileSpec& file : *spec.mutable_files()) {
    if (file.secret()) {
      file.clear_content();
    }
  }
  return spec;
}

}  // namespace

std::string NormalisedYaml(const v1::StackSpec& spec) {
  YamlWriter writer;
  writer.Write(WithoutSecrets(spec), 0);
  return writer.Take() + "\n";
}

std::string NormalisedJson(const v1::StackSpec& spec) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string out;
  DROVER_CHECK(google::protobuf::util::MessageToJsonString(WithoutSecrets(spec), &out, options).ok());
  return out;
}

}  // namespace drover::compose
