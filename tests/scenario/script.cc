#include "tests/scenario/script.h"

#include <algorithm>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controller/core/availability.h"
#include "tests/scenario/words.h"

namespace drover::controller {
std::string Script::Label(ReplicaId id) {
  auto known = labels_.find(id);
  if (known != labels_.end()) {
    return known->second;
  }
  const auto record = cluster_.store().replicas().find(id);
  if (record == cluster_.store().replicas().end()) {
    return absl::StrCat("id ", id.value());
  }
  std::string label = absl::StrCat(record->second.service.service, "-", record->second.number);
  const int times = used_[label]++;
  if (times > 0) {
    label += static_cast<char>('a' + times);
  }
  labels_[id] = label;
  return label;
}

ReplicaId Script::Find(const std::string& label) const {
  for (const auto& [id, known] : labels_) {
    if (known == label) {
      return id;
    }
  }
  throw std::invalid_argument(absl::StrCat("no replica ", label));
}

FakeReplica& Script::FindReplica(const std::string& label) {
  const ReplicaId id = Find(label);
  for (auto& [name, agent] : cluster_.agents()) {
    if (auto it = agent.replicas.find(id); it != agent.replicas.end()) {
      return it->second;
    }
  }
  throw std::invalid_argument(absl::StrCat("no agent runs ", label));
}

StackSpec Script::ParseStack(const Words& words) const {
  StackSpec spec;
  spec.name = words.at(1);
  for (size_t i = 2; i < words.size(); ++i) {
    if (absl::StartsWith(words[i], "queue:")) {
      const Words parts = absl::StrSplit(words[i], ':');
      QueueSpec queue{.name = parts.at(1), .probe = parts.at(1), .host_service = "", .host_port = 0};
      if (parts.size() > 2) {
        queue.host_service = parts[2];
        queue.host_port = 6379;
      }
      spec.queues.push_back(queue);
    } else {
      spec.services.push_back(ParseService(words[i]));
    }
  }
  std::sort(spec.services.begin(), spec.services.end(),
            [](const ServiceSpec& a, const ServiceSpec& b) { return a.name < b.name; });
  return spec;
}

std::string Script::PrintChange(const StoreChange& change) {
  struct Visitor {
    Script* script;

    std::string operator()(const StackRecord& r) const {
      return absl::StrCat("stack ", r.name, " revision ", r.revision, r.removing ? " removing" : "");
    }

    std::string operator()(const ServiceRecord& r) const {
      std::string text = absl::StrCat("service ", ToString(r.key), " desired ", r.desired);
      const auto add = [&text](bool when, const std::string& what) {
        absl::StrAppend(&text, when ? " " : "", when ? what : "");
      };
      add(r.backend_revision != 0, absl::StrCat("backends ", r.backend_revision));
      add(!r.data_node.value().empty(), absl::StrCat("data on ", NodeText(r.data_node)));
      add(r.task_revision_done != 0, absl::StrCat("task done ", r.task_revision_done));
      add(r.paused, r.pause_down_only ? "paused down" : "paused");
      add(r.held, "held");
      add(!r.failures.empty(), absl::StrCat("failures ", r.failures.size()));
      return text;
    }

    std::string operator()(const ReplicaRecord& r) const {
      std::string text = absl::StrCat("replica ", script->Label(r.id), " ", std::string(ToString(r.state)));
      if (!r.node.value().empty()) {
        absl::StrAppend(&text, " on ", NodeText(r.node));
      }
      for (const PublishedPort& port : r.published) {
        absl::StrAppend(&text, " ", port.container_port, "→", port.host_port);
      }
      absl::StrAppend(&text, r.reason.empty() ? "" : " (", r.reason, r.reason.empty() ? "" : ")");
      absl::StrAppend(&text, r.forced ? " forced" : "", r.operator_change ? " by operator" : "",
                      r.superseded ? " superseded" : "");
      return text;
    }

    std::string operator()(const NodeRecord& r) const {
      return absl::StrCat("node ", NodeText(r.id), " revision ", r.revision,
                          r.availability == NodeAvailability::kActive ? "" : ", ", AvailabilityText(r));
    }

    std::string operator()(const ClusterRecord& r) const {
      return absl::StrCat(r.frozen ? absl::StrCat("cluster frozen: ", r.frozen_note) : "cluster not frozen",
                          r.removed_nodes.empty() ? "" : ", without ",
                          absl::StrJoin(r.removed_nodes, ", ", [](std::string* out, const RemovedNode& node) {
                            absl::StrAppend(out, NodeText(node.id));
                          }));
    }

    std::string operator()(const DeleteStack& d) const { return absl::StrCat("delete stack ", d.name); }

    std::string operator()(const DeleteService& d) const {
      return absl::StrCat("delete service ", ToString(d.key));
    }

    std::string operator()(const DeleteReplica& d) const {
      return absl::StrCat("delete replica ", script->Label(d.id));
    }

    std::string operator()(const DeleteNode& d) const { return absl::StrCat("delete node ", NodeText(d.id)); }
  };

  return std::visit(Visitor{this}, change);
}

std::string Script::PrintOrder(const Order& order) {
  struct Visitor {
    Script* script;

    std::string operator()(const Welcome& w) const {
      return absl::StrCat("welcome, epoch ", w.epoch.value(), w.settled ? "" : ", not settled");
    }

    std::string operator()(const Refuse& r) const { return absl::StrCat("refused: ", r.message); }

    std::string operator()(const Assignment& a) const {
      std::vector<std::string> parts;
      for (const RunReplica& run : a.run) {
        parts.push_back(absl::StrCat("run ", script->Label(run.id), run.quiet ? " quiet" : ""));
      }
      for (const RemoveReplica& remove : a.remove) {
        parts.push_back(absl::StrCat("remove ", script->Label(remove.id), " (", remove.reason, ")"));
      }
      for (const ReplicaId id : a.forget) {
        parts.push_back(absl::StrCat("forget ", script->Label(id)));
      }
      std::sort(parts.begin(), parts.end());
      const std::string base =
          a.base_revision.value() == 0 ? "full" : absl::StrCat("on ", a.base_revision.value());
      return absl::StrCat("assignment ", a.epoch.value(), ".", a.revision.value(), " ", base, ": ",
                          parts.empty() ? "nothing" : absl::StrJoin(parts, ", "));
    }

    std::string operator()(const ProbeAssignment& p) const {
      std::vector<std::string> parts;
      for (const Probe& probe : p.probes) {
        parts.push_back(
            absl::StrCat(probe.probe, " term ", probe.term & 0xFFFFFF,
                         probe.host.empty() ? "" : absl::StrCat(" at ", probe.host, ":", probe.port),
                         probe.standby ? " standby" : ""));
      }
      return absl::StrCat("probes: ", parts.empty() ? "none" : absl::StrJoin(parts, ", "));
    }

    std::string operator()(const BackendSets& b) const {
      std::vector<std::string> parts;
      for (const BackendSet& set : b.sets) {
        std::vector<std::string> backends;
        for (const Backend& backend : set.backends) {
          backends.push_back(absl::StrCat(script->Label(backend.replica), backend.drain ? " drain" : ""));
        }
        std::sort(backends.begin(), backends.end());
        parts.push_back(absl::StrCat(
            ToString(set.service), ":", set.target, " revision ", set.revision.value(), " slots ", set.slots,
            set.hold > absl::ZeroDuration() ? absl::StrCat(" hold ", absl::FormatDuration(set.hold)) : "",
            " [", absl::StrJoin(backends, ", "), "]"));
      }
      return absl::StrCat("backends: ", parts.empty() ? "none" : absl::StrJoin(parts, "; "));
    }
  };

  return absl::StrCat(NodeText(order.node), " ← ", std::visit(Visitor{this}, order.body));
}

std::string Script::PrintReply(const Reply& reply) {
  std::string text = reply.status.ok() ? absl::StrCat("reply: ", reply.message)
                                       : absl::StrCat("reply: ", reply.status.ToString());
  static constexpr const char* kWords[] = {"create", "replace", "update", "remove"};
  for (const PlanChange& change : reply.plan.changes) {
    absl::StrAppend(&text, "\nplan: ", kWords[static_cast<size_t>(change.action)], " ", change.service, ": ",
                    absl::StrJoin(change.details, ", "));
  }
  for (const NodeMove& move : reply.moves) {
    absl::StrAppend(&text, "\nmove: ", Label(move.replica),
                    move.to.value().empty() ? absl::StrCat(move.stays ? " stays: " : " is stuck: ", move.why)
                                            : absl::StrCat(" → ", NodeText(move.to)));
  }
  return text;
}

std::string Script::Print(const Ready& ready, const std::string& prefix) {
  std::vector<std::string> lines;
  std::vector<std::string> changes;
  for (const StoreChange& change : ready.changes) {
    changes.push_back(absl::StrCat("store: ", PrintChange(change)));
  }
  std::sort(changes.begin(), changes.end());
  lines.insert(lines.end(), changes.begin(), changes.end());
  for (const Order& order : ready.orders) {
    lines.push_back(PrintOrder(order));
  }
  for (const Reply& reply : ready.replies) {
    lines.push_back(PrintReply(reply));
  }
  for (const EventRecord& event : ready.events) {
    lines.push_back(absl::StrCat("event: ", event.reason, ": ", event.message));
  }
  std::string text;
  for (const std::string& line : lines) {
    absl::StrAppend(&text, prefix, line, "\n");
  }
  return text;
}

std::string Script::Operate(const Words& words) {
  const std::string& verb = words[0];
  const RequestId request(++requests_);
  const Instant now = cluster_.now();
  const absl::Time wall = cluster_.wall();
  if (verb == "apply" || verb == "plan") {
    ApplyStack apply;
    apply.now = now;
    apply.wall = wall;
    apply.request = request;
    apply.spec = ParseStack(words);
    apply.dry_run = verb == "plan";
    apply.who = "eve";
    cluster_.Step(apply);
  } else if (verb == "down") {
    cluster_.Step(RemoveStack{now, request, words.at(1), words.size() > 2, "", "eve"});
  } else if (verb == "scale") {
    ScaleService scale{now, wall, request, ParseKey(words.at(1)), Number(words.at(2)), {}, false, "", "eve"};
    if (words.size() > 3) {
      scale.forever = words[3] == "forever";
      if (!scale.forever) {
        scale.hold = Time(Option(words[3]).second);
      }
    }
    cluster_.Step(scale);
  } else if (verb == "pause") {
    cluster_.Step(PauseService{now, wall, request, ParseKey(words.at(1)), {}, words.size() > 2, "", "eve"});
  } else {
    cluster_.Step(ResumeService{now, request, ParseKey(words.at(1)), "", "eve"});
  }
  return Print(cluster_.Take(), "");
}

std::string Script::OfAgent(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "node") {
    FakeAgent& agent = cluster_.AddAgent(words.at(1));
    for (size_t i = 2; i < words.size(); ++i) {
      const auto [key, value] = Option(words[i]);
      if (key == "cpu") {
        agent.capacity.cpu = MilliCpu(Number(value));
      } else if (key == "edge") {
        agent.edge = true;
      } else if (key == "label") {
        const Words label = absl::StrSplit(value, '/');
        agent.labels.emplace_back(label.at(0), label.at(1));
      } else if (key == "auto") {
        agent.auto_start = true;
      } else if (key == "epoch") {
        agent.highest_epoch = Epoch(static_cast<uint64_t>(Number(value)));
      } else if (key == "cluster") {
        agent.cluster = ClusterId(value);
      } else if (key == "zone") {
        agent.labels.emplace_back(key, value);
      } else {
        throw std::invalid_argument(absl::StrCat("unknown setting: ", key));
      }
    }
    return "";
  }
  std::string text;
  for (size_t i = 1; i < words.size(); ++i) {
    FakeAgent& agent = cluster_.agent(words[i]);
    if (verb == "connect") {
      cluster_.Connect(agent);
    } else if (verb == "disconnect") {
      cluster_.Disconnect(agent);
    } else if (verb == "silence") {
      agent.speaks = false;
    } else if (verb == "speak") {
      agent.speaks = true;
    } else if (verb == "stick") {
      agent.edge_applies = false;
    } else if (verb == "unstick") {
      agent.edge_applies = true;
    } else {
      cluster_.Report(agent);
    }
    text += Print(cluster_.Take(), "");
  }
  return text;
}

std::string Script::OfReplica(const Words& words) {
  const std::string& verb = words[0];
  if (verb == "held") {
    cluster_.agent(words.at(1)).waiting = Number(words.at(2));
    return "";
  }
  if (verb == "inflight") {
    cluster_.agent(words.at(1)).in_flight[Find(words.at(2))] = Number(words.at(3));
    return "";
  }
  if (verb == "gone") {
    for (size_t i = 1; i < words.size(); ++i) {
      for (auto& [name, agent] : cluster_.agents()) {
        agent.replicas.erase(Find(words[i]));
      }
    }
    return "";
  }
  FakeReplica& replica = FindReplica(words.at(1));
  if (verb == "cpu") {
    replica.cpu_milli = Number(words.at(2));
  } else if (verb == "busy") {
    replica.busy = Number(words.at(2));
  } else if (verb == "address") {
    replica.detail.address = words.at(2);
  } else {
    replica.state = ParseState(words.at(2));
    for (size_t i = 3; i < words.size(); ++i) {
      const auto [key, value] = Option(words[i]);
      if (key == "exit") {
        replica.detail.exit_code = static_cast<int32_t>(Number(value));
      } else if (key == "health") {
        replica.detail.health = value;
      } else if (key == "reason") {
        replica.detail.reason = value;
      } else {
        replica.detail.message = value;
      }
    }
  }
  return "";
}

std::string Script::Pass(const Words& words) {
  std::string text;
  const Instant start = cluster_.now();
  cluster_.Pass(Time(words.at(1)), [&](const Ready& ready) {
    const Duration after = cluster_.now() - start;
    text += Print(ready, absl::StrFormat("+%.1fs ", absl::ToDoubleSeconds(after)));
  });
  return text;
}

std::string Script::Execute(const Words& words) {
  const std::string& verb = words.at(0);
  static const std::set<std::string> kOperators = {"apply", "plan", "down", "scale", "pause", "resume"};
  static const std::set<std::string> kReplicas = {"replica", "cpu",  "busy",   "inflight",
                                                  "held",    "gone", "address"};
  static const std::set<std::string> kAgents = {"node",  "connect", "disconnect", "silence",
                                                "speak", "report",  "stick",      "unstick"};
  static const std::set<std::string> kNodes = {"cordon", "uncordon", "drain", "maintenance", "rm"};
  if (kOperators.contains(verb)) {
    return Operate(words);
  }
  if (kNodes.contains(verb)) {
    return ChangeNodes(words);
  }
  if (verb == "freeze" || verb == "unfreeze") {
    return Freeze(words);
  }
  if (kReplicas.contains(verb)) {
    return OfReplica(words);
  }
  if (kAgents.contains(verb)) {
    return OfAgent(words);
  }
  if (verb == "pass") {
    return Pass(words);
  }
  if (verb == "show") {
    return Show();
  }
  if (verb == "fetch") {
    return Fetch(words);
  }
  if (verb == "why") {
    Pass({"pass", "100ms"});
    return Why(ParseKey(words.at(1)));
  }
  if (verb == "depth") {
    for (auto& [name, agent] : cluster_.agents()) {
      agent.depth[words.at(1)] = static_cast<double>(Number(words.at(2)));
    }
    return "";
  }
  if (verb == "restart") {
    cluster_.Restart(words.size() > 1);
    return Print(cluster_.Take(), "");
  }
  if (verb == "store") {
    cluster_.Step(StoreHealth{cluster_.now(), words.at(1) == "up", "disk full"});
    return Print(cluster_.Take(), "");
  }
  if (verb == "found") {
    FoundReplica found;
    found.id = ReplicaId(static_cast<uint64_t>(Number(words.at(2))));
    found.cluster = ClusterId("c1");
    found.stack = "old";
    found.service = "thing";
    found.name = absl::StrCat("old-thing-", words.at(2));
    cluster_.agent(words.at(1)).foreign.push_back(found);
    return "";
  }
  throw std::invalid_argument(absl::StrCat("unknown command: ", verb));
}

std::string Script::Run(const std::string& text) {
  std::string result;
  for (const std::string& line : Words(absl::StrSplit(text, '\n'))) {
    if (absl::StartsWith(line, "> ")) {
      absl::StrAppend(&result, line, "\n");
      try {
        result += Execute(absl::StrSplit(line.substr(2), ' ', absl::SkipEmpty()));
      } catch (const std::exception& error) {
        absl::StrAppend(&result, "error: ", error.what(), "\n");
      }
    } else if (line.empty() || line[0] == '#') {
      absl::StrAppend(&result, line, "\n");
    }
  }
  while (absl::EndsWith(result, "\n\n")) {
    result.pop_back();
  }
  return result;
}

}  // namespace drover::controller
