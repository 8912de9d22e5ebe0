#include "controller/runtime/http/openapi.h"

#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/runtime/http/routes.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

using Json = nlohmann::ordered_json;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

// "drover.v1.Node.Status" -> "Node.Status".
std::string SchemaName(absl::string_view full_name) {
  constexpr absl::string_view kPackage = "drover.v1.";
  return std::string(full_name.substr(0, kPackage.size()) == kPackage ? full_name.substr(kPackage.size())
                                                                      : full_name);
}

Json Reference(absl::string_view full_name) {
  return {{"$ref", absl::StrCat("#/components/schemas/", SchemaName(full_name))}};
}

Json EnumSchema(const EnumDescriptor& type) {
  Json values = Json::array();
  for (int i = 0; i < type.value_count(); ++i) {
    values.push_back(type.value(i)->name());
  }
  return {{"type", "string"}, {"enum", values}};
}

// protobuf's JSON mapping of a single value.
Json ValueSchema(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
      return {{"type", "integer"}};
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return {{"type", "string"}, {"format", "int64"}};
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {{"type", "number"}};
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES ? Json{{"type", "string"}, {"format", "byte"}}
                                                         : Json{{"type", "string"}};
    case FieldDescriptor::CPPTYPE_ENUM:
      return Reference(field.enum_type()->full_name());
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  const std::string& type = field.message_type()->full_name();
  if (type == "google.protobuf.Duration") {
    return {{"type", "string"}, {"example", "1.5s"}};
  }
  if (type == "google.protobuf.Timestamp") {
    return {{"type", "string"}, {"format", "date-time"}};
  }
  return Reference(type);
}

Json FieldSchema(const FieldDescriptor& field) {
  if (field.is_map()) {
    return {{"type", "object"}, {"additionalProperties", ValueSchema(*field.message_type()->map_value())}};
  }
  if (field.is_repeated()) {
    return {{"type", "array"}, {"items", ValueSchema(field)}};
  }
  return ValueSchema(field);
}

// `type` and everything that it refers to.
void AddSchema(const Descriptor& type, Json& schemas) {
  const std::string name = SchemaName(type.full_name());
  if (schemas.contains(name)) {
    return;
  }
  schemas[name] = Json::object();
  Json properties = Json::object();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    properties[field.json_name()] = FieldSchema(field);
    const FieldDescriptor& value = field.is_map() ? *field.message_type()->map_value() : field;
    if (value.enum_type() != nullptr) {
      schemas[SchemaName(value.enum_type()->full_name())] = EnumSchema(*value.enum_type());
    }
    if (value.message_type() != nullptr && value.message_type()->file()->package() == "drover.v1") {
      AddSchema(*value.message_type(), schemas);
    }
  }
  schemas[name] = {{"type", "object"}, {"properties", properties}};
}

Json Content(const char* type, Json schema) { return {{type, {{"schema", std::move(schema)}}}}; }

Json AnswerContent(const Route& route) {
  Json content = Json::object();
  const Json schema =
      route.response == nullptr ? Json{{"type", "string"}} : Reference(route.response->full_name());
  switch (route.answer) {
    case Route::Answer::kMessage:
      content.update(Content("application/json", schema));
      break;
    case Route::Answer::kEventStream:
      content.update(Content("text/event-stream", schema));
      break;
    case Route::Answer::kJson:
      content.update(Content("application/json", Json::object()));
      break;
    case Route::Answer::kMessageOrEventStream:
      content.update(Content("application/json", schema));
      content.update(Content("text/event-stream", Reference(v1::Event::descriptor()->full_name())));
      break;
    case Route::Answer::kText:
      content.update(Content("text/plain", schema));
      break;
  }
  return content;
}

Json Parameters(const Route& route) {
  Json parameters = Json::array();
  for (const absl::string_view segment : absl::StrSplit(route.pattern, '/')) {
    if (segment.size() > 2 && segment.front() == '{') {
      parameters.push_back({{"name", std::string(segment.substr(1, segment.size() - 2))},
                            {"in", "path"},
                            {"required", true},
                            {"schema", {{"type", "string"}}}});
    }
  }
  for (const QueryParameter& query : route.query) {
    parameters.push_back({{"name", query.name},
                          {"in", "query"},
                          {"description", query.description},
                          {"schema", {{"type", query.type}}}});
  }
  return parameters;
}

Json Operation(const Route& route) {
  Json operation = {{"summary", route.summary}, {"parameters", Parameters(route)}};
  if (route.request != nullptr) {
    operation["requestBody"] = {
        {"content", Content("application/json", Reference(route.request->full_name()))}};
  }
  operation["responses"] = {
      {"200", {{"description", "done"}, {"content", AnswerContent(route)}}},
      {"default",
       {{"description", "refused; the message says why and what would be right"},
        {"content", Content("application/json", Reference(v1::ApiError::descriptor()->full_name()))}}}};
  return operation;
}

std::string Make() {
  Json paths = Json::object();
  Json schemas = Json::object();
  AddSchema(*v1::ApiError::descriptor(), schemas);
  AddSchema(*v1::Event::descriptor(), schemas);
  for (const Route& route : Routes()) {
    paths[route.pattern][absl::AsciiStrToLower(route.method)] = Operation(route);
    for (const Descriptor* type : {route.request, route.response}) {
      if (type != nullptr) {
        AddSchema(*type, schemas);
      }
    }
  }
  const Json api = {{"openapi", "3.0.3"},
                    {"info", {{"title", "Drover controller"}, {"version", DROVER_VERSION}}},
                    {"paths", paths},
                    {"components", {{"schemas", schemas}}}};
  return api.dump(1);
}

}  // namespace

const std::string& OpenApiJson() {
  static const std::string* const json = new std::string(Make());
  return *json;
}

}  // namespace drover::controller
