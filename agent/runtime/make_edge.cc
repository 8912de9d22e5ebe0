#include "agent/runtime/make_edge.h"

#include <filesystem>
#include <optional>

#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/nginx/nginx.h"

namespace drover::agent {

absl::StatusOr<std::unique_ptr<Edge>> MakeEdge(const Config& config, const std::string& state_dir) {
  std::error_code error;
  const std::string keeper = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (const std::optional<NginxConfig>& nginx = config.nginx) {
    NginxOptions options;
    options.program = nginx->program;
    options.bind = nginx->bind;
    options.include_dir = nginx->include_dir;
    options.pid_file = nginx->pid_file;
    options.config = nginx->config;
    options.keeper = keeper;
    options.dir = nginx->config_dir.empty() ? state_dir + "/nginx" : nginx->config_dir;
    return MakeNginxEdge(options);
  }
  HaproxyOptions options;
  options.program = config.haproxy->program;
  options.bind = config.haproxy->bind;
  options.attach_socket = config.haproxy->socket;
  options.behind_proxy = config.haproxy->behind_proxy;
  options.keeper = keeper;
  options.dir = config.haproxy->config_dir.empty() ? state_dir + "/haproxy" : config.haproxy->config_dir;
  return MakeHaproxyEdge(options);
}

}  // namespace drover::agent
