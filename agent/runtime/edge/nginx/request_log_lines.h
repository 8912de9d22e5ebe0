// What makes nginx write a line for each request, or for a sample of them where there are many, to UDP on the
// loopback: nginx 1.22 doesn't find a unix socket again that was made anew, and its workers run as another
// user. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace drover::agent {

// Where the lines of the nginx with this marker go: UDP, beside the marker's own.
uint32_t NginxRequestLogPort(uint32_t marker_port);

// Of the http block. `backends` share the log: all of them together write about 500 lines a second, and even
// with many each 20 of its own. Chosen by limit_req in a dry run, which delays and refuses nothing.
std::string RenderNginxRequestLog(uint32_t marker_port, size_t backends);

// Of a location: whose requests these are.
std::string RenderNginxRequestMark(const std::string& backend);

// Of the http block of somebody else: a format for the requests of one upstream, and the line that uses it.
std::string RenderNginxLogFormat(const std::string& upstream);
std::string NginxRequestLogSnippet(const std::string& upstream, uint32_t marker_port);

}  // namespace drover::agent
