// What the source files of validate.h share; not for others.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "drover/v1/cluster.pb.h"

namespace drover::controller {

using Faults = std::vector<std::string>;

// "FIELD.PATH: what is wrong; what would be right"
inline void Add(Faults& faults, absl::string_view path, absl::string_view text) {
  faults.push_back(absl::StrCat(path, ": ", text));
}

inline bool IsPort(uint32_t port) { return port >= 1 && port <= 65535; }

// Listeners of all services share the edges' ports.
class Listeners {
 public:
  // `route` is empty for a listener that takes everything.
  void Add(const std::string& path, const std::string& bind, uint32_t port, const std::string& route,
           Faults& faults);

 private:
  std::map<std::tuple<uint32_t, std::string, std::string>, std::string> taken_;
  std::map<std::pair<uint32_t, std::string>, std::pair<bool, std::string>> routed_;
};

// Ports and edges of one service.
void CheckPorts(const v1::ServiceSpec& service, const std::string& path, Listeners& listeners,
                Faults& faults);

}  // namespace drover::controller
