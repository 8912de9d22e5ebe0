#include "agent/runtime/hello.h"

#include "absl/strings/str_cat.h"
#include "common/node_attribute.h"

namespace drover::agent {

void AddConfigured(const Config& config, v1::Hello& hello) {
  hello.set_name(config.name);
  hello.mutable_labels()->insert(config.labels.begin(), config.labels.end());
  hello.set_advertise_address(config.advertise_address);
  hello.set_metrics_address(MetricsAddress(config));
  hello.set_port_first(config.port_first);
  hello.set_port_last(config.port_last);
}

void AddEdgeInfo(const Config& config, const std::string& version, v1::Hello& hello) {
  v1::EdgeInfo& edge = *hello.mutable_edge();
  edge.set_kind(config.nginx ? "nginx" : "haproxy");
  edge.set_version(version);
  edge.set_attached(!(config.nginx ? config.nginx->include_dir : config.haproxy->socket).empty());
  edge.set_bind(config.nginx ? config.nginx->bind : config.haproxy->bind);
}

void AddEngineInfo(const docker::EngineVersion& version, const docker::EngineInfo& info, v1::Hello& hello) {
  v1::EngineInfo& engine = *hello.mutable_engine();
  engine.set_version(version.version);
  engine.set_api_version(version.api_version);
  engine.set_kernel(version.kernel);
  engine.set_os(info.operating_system);
  engine.set_cgroup_version(info.cgroup_version);
  google::protobuf::Map<std::string, std::string>& labels = *hello.mutable_labels();
  for (const auto& [name, value] : info.labels) {
    labels[absl::StrCat(kEngineLabel, name)] = value;
  }
  if (!info.os_type.empty()) {
    labels[std::string(kPlatformOs)] = info.os_type;
  }
  if (!info.architecture.empty()) {
    labels[std::string(kPlatformArch)] = info.architecture;
  }
}

}  // namespace drover::agent
