// The OpenAPI 3.0 description of the API, made from the table of routes and the protobuf descriptors,
// so that it cannot differ from what is served.
#pragma once

#include <string>

namespace drover::controller {

// Made once.
const std::string& OpenApiJson();

}  // namespace drover::controller
