// The one table of routes: dispatching, 405 answers and /v1/openapi.json come from it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/runtime/access/roles.h"
#include "controller/runtime/http/api.h"
#include "google/protobuf/descriptor.h"

namespace drover::controller {

struct QueryParameter {
  const char* name;
  const char* type;  // JSON schema type
  const char* description;
};

struct Route {
  enum class Answer { kMessage, kEventStream, kMessageOrEventStream, kJson, kText };

  const char* method;
  const char* pattern;  // segments; {name} stands for one segment of any text
  const char* summary;
  ApiHandler handler;
  std::optional<Need> need = std::nullopt;  // absent: kView of a GET, kOperate of the others
  bool scoped = false;  // the handler itself keeps to the caller's stack; else path or query must name it
  const google::protobuf::Descriptor* request = nullptr;   // body; null: none
  const google::protobuf::Descriptor* response = nullptr;  // body, or each event's data; null: text
  Answer answer = Answer::kMessage;
  bool essential = false;    // served also from the reserved threads (R13); writes always are
  bool observation = false;  // also on the listener for monitoring, without a token
  std::vector<QueryParameter> query;
};

Need NeedOf(const Route& route);

const std::vector<Route>& Routes();

struct RouteMatch {
  const Route* route = nullptr;               // null: see `allowed`
  std::map<std::string, std::string> params;  // of the path
  std::vector<std::string> allowed;           // methods that this path has; empty: no such path
};

// HEAD is served as GET.
RouteMatch FindRoute(const std::string& method, const std::string& path);

}  // namespace drover::controller
