// What makes HAProxy write a line for each request, or for a sample of them where there are many. Pure.
#pragma once

#include <cstddef>
#include <string>

namespace drover::agent {

// Of a frontend: lines go to the unix socket at `path`, of requests that their backend has chosen.
std::string RenderRequestLog(const std::string& path);

// Of one of `backends`: chooses among its requests so many that all of them together write about 500 lines a
// second, and even with many backends each 20 of its own. The share follows the rate by itself, without a
// reload.
std::string RenderRequestSample(size_t backends);

// Of a configuration of somebody else: the lines by which its requests reach a socket of this name.
std::string RequestLogSnippet(const std::string& name);

// Name of the socket for an attached HAProxy of the agent whose folder is `dir`.
std::string RequestLogName(const std::string& dir);

}  // namespace drover::agent
