// Writes the files that nginx reads. Pure. Each has a server block on the loopback, the marker, that
// answers which generation of the file a worker runs: a reload that nginx refused leaves the old one running
// without a word, so nothing else can tell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/runtime/edge/arrange.h"
#include "agent/runtime/edge/nginx/nginx.h"

namespace drover::agent {

// What its marker is asked and answers.
struct NginxMarker {
  uint32_t port = 0;
  std::string name;        // of the file: several share the port
  std::string generation;  // empty: while the generation itself is computed
};

inline constexpr char kMarkerPath[] = "/drover-generation";
std::string MarkerAnswer(const NginxMarker& marker);
// The port that the marker of a file written earlier has; 0: none.
uint32_t MarkerPortOf(absl::string_view text);

// Whether the set's requests are refused in a way that the agent hears: there is no replica, and it may be at
// zero.
bool WakesByRefusal(const EdgeSet& set);
// The address of the loopback, for this upstream alone as good as always, where that happens.
std::string WakeAddress(const RenderedSet& set);

// What of a set makes it another one for nginx. Equal texts route equally.
std::string NginxSetIdentity(const RenderedSet& set);

// Why nginx cannot have a listener of the set; empty: it can. Hosts must be plain names.
std::string WhyNotForNginx(const EdgeListener& listener);

// What nginx cannot do of what the set asks for; empty: nothing. The set works without it.
std::string UnmetByNginx(const EdgeSet& set);

// The whole nginx.conf of a managed nginx. `stream_module` is the line that loads the stream module;
// empty: it is built in.
std::string RenderNginxConfig(const NginxOptions& options, const std::vector<RenderedSet>& sets,
                              const std::string& stream_module, const NginxMarker& marker);

// The include file of one upstream, for the http block of a foreign configuration.
std::string RenderNginxInclude(const RenderedSet& set, const NginxMarker& marker);

// The lines that a foreign configuration needs for an upstream.
std::string NginxAttachSnippet(const std::string& upstream, const std::string& include_dir,
                               uint32_t marker_port);

}  // namespace drover::agent
