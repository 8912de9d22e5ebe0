// What concerns several keys of a service: pinning (R7.1), singletons (R7.2), tasks (R7.3), what is
// published (R8.2), and what is possible only once.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

// Binds that hold no data of the service: sockets, clocks, the kernel's own trees.
bool HoldsNoData(absl::string_view path) {
  static const absl::string_view kPaths[] = {"/var/run/docker.sock", "/run/docker.sock", "/etc/localtime",
                                             "/etc/timezone"};
  static const absl::string_view kTrees[] = {"/dev", "/proc", "/sys"};
  return std::find(std::begin(kPaths), std::end(kPaths), path) != std::end(kPaths) ||
         std::any_of(std::begin(kTrees), std::end(kTrees), [&](absl::string_view tree) {
           return path == tree || absl::StartsWith(path, absl::StrCat(tree, "/"));
         });
}

void DerivePinning(ServiceRead& s, Reading& r) {
  for (const ServiceRead::Written& written : s.mounts) {
    const v1::Mount& mount = written.mount;
    *s.spec.mutable_container()->add_mounts() = mount;
    if (mount.read_only()) {
      continue;
    }
    if (mount.type() == v1::Mount::ANONYMOUS) {
      s.spec.add_local_data(absl::StrCat("anonymous volume at ", mount.target()));
    } else if (mount.type() == v1::Mount::VOLUME && !r.volumes[written.source].shared()) {
      s.spec.add_local_data(absl::StrCat("volume ", written.source));
    } else if (mount.type() == v1::Mount::BIND && !HoldsNoData(mount.source())) {
      s.spec.add_local_data(absl::StrCat("bind mount ", mount.source()));
    }
  }
}

std::string PinnedBy(const ServiceRead& s) {
  return absl::StrCat(s.spec.name(), " keeps data on its host (", absl::StrJoin(s.spec.local_data(), ", "),
                      ")");
}

// Why at most one replica may exist; empty: several may.
std::string OnlyOne(const ServiceRead& s) {
  if (!s.spec.local_data().empty() && !s.spec.global()) {
    return PinnedBy(s);
  }
  return s.spec.singleton() ? absl::StrCat(s.spec.name(), " is a singleton") : "";
}

bool Several(const v1::ServiceSpec& spec) {
  return spec.global() || spec.replicas() > 1 || (spec.has_autoscale() && spec.autoscale().max() > 1);
}

void CheckCount(ServiceRead& s, Reading& r) {
  const std::string one = OnlyOne(s);
  const bool pinned = !s.spec.local_data().empty();
  const std::string remedy =
      pinned ? "; mount with :ro what is only read, mark a shared volume under x-volumes, or " : "; ";
  if (!one.empty() && s.spec.has_autoscale()) {
    r.faults.Add(s.At("x-autoscale"),
                 absl::StrCat(one, " and cannot be scaled", remedy, "remove x-autoscale"));
  }
  if (!one.empty() && s.spec.replicas() > 1) {
    r.faults.Add(s.At(s.marks.count("replicas") > 0 ? "replicas" : "scale"),
                 absl::StrCat(one, " and cannot have ", s.spec.replicas(), " replicas", remedy, "write 1"));
  }
  v1::UpdateSpec* update = s.spec.mutable_update();
  if (!one.empty() && update->order() == v1::UpdateSpec::START_FIRST) {
    r.faults.Warn(s.At("order"),
                  absl::StrCat("order: start-first is not honoured: ", one, "; write stop-first"));
  }
  const bool host_port = std::any_of(s.ports.begin(), s.ports.end(),
                                     [](const ServiceRead::Port& port) { return port.spec.host_mode(); });
  const bool name_taken = !s.spec.container().container_name().empty() || host_port;
  // The next replica of a node uses the data of the one before it.
  const bool own_data = s.spec.global() && !s.spec.local_data().empty();
  if (own_data && update->order() == v1::UpdateSpec::START_FIRST) {
    r.faults.Warn(s.At("order"),
                  absl::StrCat("order: start-first is not honoured: ", PinnedBy(s), "; write stop-first"));
  }
  if (!one.empty() || own_data || (name_taken && update->order() == v1::UpdateSpec::ORDER_UNSPECIFIED)) {
    update->set_order(v1::UpdateSpec::STOP_FIRST);
  }
  if (update->ByteSizeLong() == 0) {
    s.spec.clear_update();
  }
}

void CheckTask(ServiceRead& s, Reading& r) {
  if (s.run_written && !s.restart_no && s.marks.count("mode") == 0) {
    r.faults.Add(s.At("x-run"), "x-run belongs to a task; write restart: \"no\" beside deploy");
  }
  if (s.restart_no) {
    s.spec.mutable_task();
  }
  if (!s.spec.has_task()) {
    return;
  }
  if (s.spec.replicas() > 1) {
    s.spec.mutable_task()->set_completions(s.spec.replicas());
  }
  if (s.spec.has_autoscale()) {
    r.faults.Add(s.At("x-autoscale"),
                 absl::StrCat(s.spec.name(), " is a task, which runs once; remove x-autoscale or ",
                              s.restart_no ? "restart: \"no\"" : "mode: replicated-job"));
  }
}

void CheckOnce(ServiceRead& s, Reading& r) {
  if (!Several(s.spec)) {
    return;
  }
  v1::ContainerSpec* c = s.spec.mutable_container();
  if (!c->container_name().empty()) {
    r.faults.Add(s.At("container_name"),
                 "container_name fits one replica only; remove it, replicas are named "
                 "STACK-SERVICE-N");
  }
  if (!c->hostname().empty()) {
    r.faults.Warn(s.At("hostname"), "hostname is not honoured: several replicas would share it; remove it");
    c->clear_hostname();
  }
  for (const v1::NetworkAttachment& network : c->networks()) {
    if (!network.ipv4_address().empty() || !network.ipv6_address().empty()) {
      r.faults.Add(s.At("networks"),
                   "a fixed address fits one replica only; remove ipv4_address and ipv6_address");
    }
  }
}

// R10.1: with x-autoscale, replicas is the first count, within the bounds.
void CheckFirstCount(ServiceRead& s, Reading& r) {
  if (!s.spec.has_autoscale()) {
    return;
  }
  const v1::AutoscaleSpec& autoscale = s.spec.autoscale();
  const uint32_t first = std::max(autoscale.min(), std::min(autoscale.max(), s.spec.replicas()));
  if (s.replicas_written && first != s.spec.replicas()) {
    r.faults.Warn(s.At(s.marks.count("replicas") > 0 ? "replicas" : "scale"),
                  absl::StrCat("the first count ", s.spec.replicas(), " is not honoured: x-autoscale allows ",
                               autoscale.min(), " to ", autoscale.max(), "; write ", first));
  }
  s.spec.set_replicas(s.replicas_written ? first : autoscale.min());
}

void CheckResources(const ServiceRead& s, Reading& r) {
  const v1::ServiceSpec& spec = s.spec;
  auto above = [](int64_t reserved, int64_t limit) { return limit > 0 && reserved > limit; };
  if (above(spec.reserved_cpu_milli(), spec.container().limit_cpu_milli())) {
    r.faults.Add(s.At("resources"), "more CPU is reserved than the limit allows; reserve at most the limit");
  }
  if (above(spec.reserved_memory_bytes(), spec.container().limit_memory_bytes())) {
    r.faults.Add(s.At("resources"),
                 "more memory is reserved than the limit allows; reserve at most the limit");
  }
}

bool IsDatastorePort(uint32_t port) {
  static const uint32_t kPorts[] = {1433, 1521, 2181, 2379, 3306, 4222, 5432,  5672,  5984,  6379,
                                    7687, 8086, 9042, 9092, 9200, 9300, 11211, 26379, 27017, 33060};
  return std::binary_search(std::begin(kPorts), std::end(kPorts), port);
}

// R8.2: what of `ports` is opened, with the reason for what is not.
void PublishPorts(ServiceRead& s, Reading& r) {
  for (ServiceRead::Port& port : s.ports) {
    v1::PortSpec& spec = port.spec;
    const std::string name = absl::StrCat("port ", spec.published() == 0 ? spec.target() : spec.published());
    if (spec.protocol() == v1::PROTOCOL_UDP && !spec.host_mode()) {
      r.faults.Warn(port.mark,
                    absl::StrCat(name,
                                 "/udp is not published: the edge balances TCP only; write the long "
                                 "form with mode: host to bind it on the replica's host"));
      continue;
    }
    if (spec.host_mode() && spec.published() == 0) {
      r.faults.Add(port.mark,
                   "mode: host binds a port of the host, but none is written; add published: PORT");
      continue;
    }
    if (spec.published() == 0) {
      r.faults.Warn(port.mark,
                    absl::StrCat(name, " is not published: no port of the edge is written; write \"PORT:",
                                 spec.target(), "\", or expose it if it is only used inside"));
    } else if (!spec.host_mode() && !port.ingress) {
      const std::string one = OnlyOne(s);
      const bool datastore = IsDatastorePort(spec.target());
      if (!one.empty() || datastore) {
        r.faults.Warn(
            port.mark,
            absl::StrCat(
                name, " is not published: ",
                one.empty() ? absl::StrCat(spec.target(), " is a datastore's port") : one,
                "; write the long form with mode: ingress to publish it",
                absl::StrContains(one, "bind mount") ? ", or mount with :ro what is only read" : ""));
        spec.set_published(0);
      }
    }
    *s.spec.add_ports() = spec;
  }
}

void DeriveRoutedPorts(ServiceRead& s, Reading& r) {
  std::set<uint32_t> routed;
  for (const v1::PortSpec& port : s.spec.ports()) {
    if (!port.host_mode() && port.protocol() == v1::PROTOCOL_TCP) {
      routed.insert(port.target());
    }
  }
  for (const v1::EdgeRoute& edge : s.spec.edges()) {
    if (edge.target() != 0) {
      routed.insert(edge.target());
    }
  }
  // R4.3: an agent on any node measures a queue that lives in this service.
  for (const auto& [name, queue] : r.queues) {
    for (const v1::Endpoint& endpoint : queue.endpoints()) {
      if (endpoint.host() == s.spec.name()) {
        routed.insert(endpoint.port());
      }
    }
  }
  for (uint32_t port : routed) {
    s.spec.add_routed_ports(port);
  }
  const bool one = routed.size() == 1;
  for (int i = 0; i < s.spec.edges_size(); ++i) {
    if (s.spec.edges(i).target() == 0 && !one) {
      r.faults.Add(
          s.edge_marks[static_cast<size_t>(i)],
          absl::StrCat("the edge does not say to which port of the container it leads, and ", s.spec.name(),
                       " has ", routed.empty() ? "none" : "several", "; write `target: PORT`"));
    }
  }
  v1::ReadyCheck* ready = s.spec.has_ready() ? s.spec.mutable_ready() : nullptr;
  const bool http = ready != nullptr && ready->has_http() && ready->http().port() == 0;
  const bool tcp = ready != nullptr && ready->has_tcp() && ready->tcp().port() == 0;
  if ((http || tcp) && !one) {
    r.faults.Add(s.At("x-ready"),
                 absl::StrCat("x-ready does not say which port it asks, and ", s.spec.name(), " has ",
                              routed.empty() ? "none" : "several", "; write `port: PORT`"));
  } else if (http) {
    ready->mutable_http()->set_port(*routed.begin());
  } else if (tcp) {
    ready->mutable_tcp()->set_port(*routed.begin());
  }
}

// Who is measured by the load balancer must be behind one.
void CheckBalancerSignals(const ServiceRead& s, Reading& r) {
  const v1::AutoscaleSpec& autoscale = s.spec.autoscale();
  const bool published =
      std::any_of(s.spec.ports().begin(), s.spec.ports().end(), [](const v1::PortSpec& port) {
        return port.published() != 0 && !port.host_mode() && port.protocol() == v1::PROTOCOL_TCP &&
               !absl::StartsWith(port.host_ip(), "127.");
      });
  const bool by_balancer = std::any_of(autoscale.signals().begin(), autoscale.signals().end(), IsOfBalancer);
  // Nobody who pulls tells how many requests there are.
  const auto pulled = [](const v1::EdgeRoute& edge) { return !edge.pull().empty(); };
  if (by_balancer && !published && std::all_of(s.spec.edges().begin(), s.spec.edges().end(), pulled)) {
    r.faults.Add(s.At("x-autoscale"),
                 absl::StrCat("a signal of ", s.spec.name(),
                              " is measured by the load balancer, which does not lead to it; publish a port, "
                              "`ports: [\"8080:80\"]`, or write x-edge"));
  }
  const bool held = autoscale.hold().seconds() > 0 || autoscale.hold().nanos() > 0;
  if (held && !published && std::all_of(s.spec.edges().begin(), s.spec.edges().end(), pulled)) {
    r.faults.Add(s.At("x-autoscale"),
                 absl::StrCat("hold is for requests through a load balancer, which does not lead to ",
                              s.spec.name(), "; publish a port, `ports: [\"8080:80\"]`, or remove hold"));
  }
  const auto promised = [](const v1::SignalSpec& signal) { return signal.has_latency(); };
  const auto limited = [](const v1::EdgeRoute& edge) { return edge.maxconn() > 0 || !edge.pull().empty(); };
  if (std::any_of(autoscale.signals().begin(), autoscale.signals().end(), promised) &&
      !std::all_of(s.spec.edges().begin(), s.spec.edges().end(), limited)) {
    r.faults.Add(
        s.At("x-autoscale"),
        absl::StrCat("latency counts the requests that wait in the balancer, and nothing waits there "
                     "without maxconn; write in x-edge of ",
                     s.spec.name(), " how many requests a replica serves at a time, `maxconn: 16`"));
  }
  const auto backlog = [](const v1::SignalSpec& signal) { return signal.has_backlog(); };
  if (std::any_of(autoscale.signals().begin(), autoscale.signals().end(), backlog) &&
      s.spec.routed_ports().empty()) {
    r.faults.Add(s.At("x-autoscale"), absl::StrCat("backlog is that of a port, and ", s.spec.name(),
                                                   " has none; publish one, `ports: [\"8080:80\"]`"));
  }
}

// Two services on one listener.
void CheckListeners(const std::vector<ServiceRead>& services, Reading& r) {
  std::map<std::string, std::string> taken;  // listener -> service
  auto take = [&](const std::string& listener, const std::string& service, const Mark& mark) {
    auto [it, fresh] = taken.emplace(listener, service);
    if (!fresh && it->second != service) {
      r.faults.Add(mark, absl::StrCat(listener, " is also published by ", it->second, "; choose another"));
    }
  };
  for (const ServiceRead& s : services) {
    for (const v1::PortSpec& port : s.spec.ports()) {
      if (port.published() != 0 && !port.host_mode()) {
        const std::string ip = port.host_ip().empty() ? "" : absl::StrCat(" of ", port.host_ip());
        take(absl::StrCat("port ", port.published(), ip), s.spec.name(), s.At("ports"));
      }
    }
    for (const v1::EdgeRoute& edge : s.spec.edges()) {
      if (edge.listen() != 0) {
        const std::string host = edge.host().empty() ? "" : absl::StrCat(" for ", edge.host());
        take(absl::StrCat("port ", edge.listen(), host, edge.path()), s.spec.name(), s.At("x-edge"));
      }
      if (!edge.pull().empty() && !(edge.host().empty() && edge.path().empty())) {
        take(absl::StrCat(edge.host(), edge.path(), " at ", edge.pull()), s.spec.name(), s.At("x-edge"));
      }
    }
  }
}

void CheckImage(ServiceRead& s, Reading& r) {
  v1::ContainerSpec* c = s.spec.mutable_container();
  if (c->image().empty()) {
    if (!s.build) {
      r.faults.Add(s.At("image"),
                   absl::StrCat("service \"", s.spec.name(), "\" has no image; write `image: NAME:TAG`"));
      return;
    }
    r.faults.Deploy(s.At("build"), absl::StrCat(s.spec.name(),
                                                " is only built, and a cluster runs images; build and "
                                                "push it, and write `image: NAME:TAG`"));
    c->set_image(absl::StrCat(r.in.project, "-", s.spec.name()));
    return;
  }
  if (s.build) {
    r.faults.Warn(s.At("build"), absl::StrCat("build is not honoured: ", c->image(),
                                              " must exist on the nodes or in a "
                                              "registry; build and push it"));
  }
  const bool good = absl::ascii_isalnum(static_cast<unsigned char>(c->image()[0])) &&
                    std::all_of(c->image().begin(), c->image().end(),
                                [](char ch) {
                                  return absl::ascii_isalnum(static_cast<unsigned char>(ch)) ||
                                         absl::StrContains("._-/:@+", absl::string_view(&ch, 1));
                                }) &&
                    c->image().back() != ':';
  if (!good) {
    r.faults.Add(s.At("image"),
                 absl::StrCat("\"", c->image(), "\" is no image; write NAME:TAG, for example nginx:1.27"));
  }
}

void CheckNetworks(ServiceRead& s, Reading& r) {
  v1::ContainerSpec* c = s.spec.mutable_container();
  if (!c->network_mode().empty() && !c->networks().empty()) {
    r.faults.Add(s.At("network_mode"), "network_mode and networks exclude each other; remove one of them");
  }
  if (c->network_mode().empty() && c->networks().empty()) {
    r.used_networks.insert("default");
    c->add_networks()->set_network(r.networks["default"].engine_name());
  }
}

}  // namespace

void CheckServices(std::vector<ServiceRead>& services, Reading& r) {
  for (ServiceRead& s : services) {
    CheckImage(s, r);
    CheckNetworks(s, r);
    DerivePinning(s, r);
    CheckTask(s, r);
    CheckGlobal(s, r);
    CheckCount(s, r);
    CheckOnce(s, r);
    CheckFirstCount(s, r);
    CheckResources(s, r);
    PublishPorts(s, r);
    DeriveRoutedPorts(s, r);
    CheckBalancerSignals(s, r);
  }
  CheckListeners(services, r);
}

}  // namespace drover::compose
