#include "agent/runtime/agent.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/capacity.h"
#include "agent/runtime/clock.h"
#include "agent/runtime/convert.h"
#include "agent/runtime/edge_runner.h"
#include "agent/runtime/executor.h"
#include "agent/runtime/foreign.h"
#include "agent/runtime/hello.h"
#include "agent/runtime/host_facts.h"
#include "agent/runtime/host_policy.h"
#include "agent/runtime/host_resources.h"
#include "agent/runtime/link.h"
#include "agent/runtime/make_edge.h"
#include "agent/runtime/metrics.h"
#include "agent/runtime/policy_review.h"
#include "agent/runtime/prepare.h"
#include "agent/runtime/probe_target.h"
#include "agent/runtime/readiness.h"
#include "agent/runtime/registries.h"
#include "agent/runtime/renewal.h"
#include "agent/runtime/requests.h"
#include "agent/runtime/samples.h"
#include "agent/runtime/sensors/prober.h"
#include "agent/runtime/state_dir.h"
#include "agent/runtime/watcher.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr Duration kStuckAfter = absl::Seconds(5);
constexpr Duration kCapacityEvery = absl::Seconds(20);
// How long a start waits for the engine's first answers; without them it goes on (R3.8).
constexpr Duration kFirstAnswers = absl::Seconds(2);
constexpr size_t kNoticesKept = 1000;  // while no controller takes them

}  // namespace

class Agent::Impl {
 public:
  Impl(const Config& config, std::unique_ptr<StateDir> state, StateDir::Node node)
      : config_(config),
        state_(std::move(state)),
        node_(std::move(node)),
        engine_(config.docker_socket),
        policy_(config.policy, {config.port_first, config.port_last}, &engine_) {}

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    if (capacity_thread_.joinable()) {
      capacity_thread_.join();
    }
    if (std::shared_ptr<Link> stream = link()) {
      stream->Stop();
    }
    renewal_.reset();
    requests_.reset();
    watcher_.reset();
    readiness_.reset();
    // The core goes before its executor: what still ends finds no loop and is dropped; the next start
    // sees it in the engine.
    std::unique_ptr<Loop> loop;
    {
      std::lock_guard lock(loop_mutex_);
      loop = std::move(loop_);
    }
    loop.reset();
    executor_.reset();
    edge_.reset();
    prober_.reset();
    metrics_.reset();
  }

  absl::Status Start() {
    ASSIGN_OR_RETURN(HeldAssignment held, state_->LoadHeld());
    spdlog::info("node {} ({}), state in {}, cluster {}", node_.id.value(), config_.name, state_->path(),
                 held.cluster.value().empty() ? "not joined yet" : held.cluster.value());
    metrics_ = std::make_unique<Metrics>([this] { return ReadMetrics(); });
    if (!config_.metrics_listen.empty()) {
      RETURN_IF_ERROR(metrics_->Listen(config_.metrics_listen));
    }
    RETURN_IF_ERROR(StartEdge());
    started_ = Now();
    capacity_thread_ = std::thread([this] { WatchCapacity(); });
    RETURN_IF_ERROR(WaitForEngine());
    prober_ = std::make_unique<Prober>(
        ProberOptions{.notify = [this] { ReportNow(); },
                      .allowed = [this](const v1::QueueSpec& queue) { return policy_.MayProbe(queue); }});
    resources_ = std::make_unique<HostResources>(
        HostResourcesOptions{state_->path() + "/files", absl::StrCat("/run/drover-agent/", node_.id.value()),
                             config_.address_pool, config_.address_pool_subnet},
        &engine_);
    readiness_ = std::make_unique<Readiness>([this](ReplicaId id, bool ready, std::string detail) {
      Post(ReadyProbed{Now(), id, ready, std::move(detail)});
    });
    CoreOptions core;
    core.boot_id = BootId();
    core.parallel_actions = 2 * std::max(1u, std::thread::hardware_concurrency());
    // One for each action that the core may have under way: none ever waits for a long stop.
    StartExecutor(core.parallel_actions + core.parallel_pulls + core.parallel_stops);
    StartLoop(core, held);
    StartWatcher();
    StartRequests();
    StartRenewal();
    StartLink();
    return absl::OkStatus();
  }

 private:
  // ---- starting ----------------------------------------------------------------------------------

  absl::Status StartEdge() {
    if (!config_.haproxy && !config_.nginx) {
      return absl::OkStatus();
    }
    absl::StatusOr<std::unique_ptr<Edge>> edge = MakeEdge(config_, state_->path());
    if (!edge.ok()) {
      return Annotate(edge.status(), config_.nginx ? "edge.nginx" : "edge.haproxy");
    }
    edge_ = std::make_unique<EdgeRunner>(
        *std::move(edge), [this] { ReportNow(); },
        [this](const std::string& certificate) { return policy_.MayServe(certificate); });
    return absl::OkStatus();
  }

  void StartExecutor(uint32_t threads) {
    ExecutorOptions options;
    options.threads = threads;
    options.node_name = config_.name;
    options.advertise_address = config_.advertise_address;
    options.policy = &policy_;
    options.registries = [this] { return RegistriesOf(config_); };
    options.notice = [this](Notice notice) { TakeNotice(std::move(notice)); };
    options.done = [this](ActionDone done, Action::Kind kind) {
      metrics_->CountAction(kind, done.status.ok(), done.took);
      if (!done.status.ok()) {
        spdlog::warn("{}{}{}", done.reason, done.reason.empty() ? "" : ": ",
                     std::string(done.status.message()));
      }
      Post(std::move(done));
    };
    executor_ = std::make_unique<Executor>(std::move(options), &engine_, resources_.get(), &calls_);
  }

  void StartLoop(const CoreOptions& options, const HeldAssignment& held) {
    Loop::Hooks hooks;
    hooks.store = [this](const HeldAssignment& next) { return state_->StoreHeld(next); };
    hooks.act = [this](Action action, std::shared_ptr<const v1::ServiceContext> service, Epoch epoch,
                       ClusterId cluster) {
      executor_->Submit({std::move(action), std::move(service), epoch, std::move(cluster)});
    };
    hooks.publish = [this](std::shared_ptr<const Snapshot> snapshot, bool report_now) {
      TakeSnapshot(std::move(snapshot), report_now);
    };
    hooks.notice = [this](Notice notice) { TakeNotice(std::move(notice)); };
    hooks.need_full = [this] { AskForFull(); };
    auto loop = std::make_unique<Loop>(options, held, std::move(hooks));
    std::lock_guard lock(loop_mutex_);
    loop_ = std::move(loop);
  }

  void StartWatcher() {
    WatcherOptions options;
    options.post = [this](Event event) { Post(std::move(event)); };
    options.ours = [this](ReplicaId id) { return executor_->Ends(id); };
    options.connected = [this](const docker::EngineVersion& version) {
      spdlog::info("docker {} answers on {}, API {}", version.version, config_.docker_socket,
                   version.api_version);
      int minor = 41;
      (void)absl::SimpleAtoi(version.api_version.substr(2), &minor);
      executor_->SetApiMinor(minor);
      std::lock_guard lock(mutex_);
      version_ = version;
      reachable_ = true;
      wake_.notify_all();
    };
    options.away = [this](const absl::Status& status) {
      std::lock_guard lock(mutex_);
      if (reachable_ || !told_away_) {
        spdlog::error("{}; what runs goes on, nothing is started or stopped until it is back",
                      std::string(status.message()));
      }
      told_away_ = true;
      reachable_ = false;
    };
    watcher_ = std::make_unique<Watcher>(std::move(options), &engine_);
  }

  void StartRequests() {
    RequestsOptions options;
    options.snapshot = [this] { return snapshot(); };
    options.policy = &policy_;
    options.registries = [this] { return RegistriesOf(config_); };
    if (edge_ != nullptr) {
      options.check_edge = [this](uint32_t set) { return edge_->Check(set); };
    }
    options.send = [this](v1::AgentMessage message) {
      std::shared_ptr<Link> stream = link();
      return stream != nullptr && stream->Send(std::move(message));
    };
    requests_ = std::make_unique<Requests>(std::move(options), &engine_);
  }

  void StartRenewal() {
    if (!config_.tls || config_.tls->server_name.empty()) {
      return;  // the certificate is somebody else's care
    }
    Renewal::Options options;
    options.files = *config_.tls;
    options.node = node_.id;
    options.send = [this](v1::AgentMessage message) {
      std::shared_ptr<Link> stream = link();
      return stream != nullptr && stream->TrySend(std::move(message));
    };
    options.renewed = [this] {
      if (std::shared_ptr<Link> stream = link()) {
        stream->Reconnect();
      }
    };
    renewal_ = std::make_unique<Renewal>(std::move(options));
  }

  void StartLink() {
    LinkOptions options;
    options.controllers = config_.controllers;
    options.tls = config_.tls;
    options.hello = [this] { return MakeHello(); };
    options.collect = [this](bool regular) { return Collect(regular); };
    options.welcome = [this](const v1::Welcome& welcome) {
      spdlog::info("connected to the controller of cluster {}, epoch {}", welcome.cluster_id(),
                   welcome.epoch());
      connected_ = true;
      last_trouble_.clear();
      Post(ControllerConnected{Now(), ClusterId(welcome.cluster_id()), Epoch(welcome.epoch())});
    };
    options.message = [this](const v1::ControllerMessage& message) { TakeMessage(message); };
    options.disconnected = [this](const std::string& why) {
      requests_->CancelAll();
      if (connected_.exchange(false)) {
        Post(ControllerDisconnected{Now()});
      }
      if (why != last_trouble_) {
        spdlog::warn("{}; trying again, everything here goes on", why);
        last_trouble_ = why;
      }
    };
    auto stream = std::make_shared<Link>(std::move(options));
    std::lock_guard lock(link_mutex_);
    link_ = std::move(stream);
  }

  // ---- what the core says ----------------------------------------------------------------------------

  void TakeSnapshot(std::shared_ptr<const Snapshot> snapshot, bool report_now) {
    std::vector<ProbeTarget> targets;
    for (const ReplicaStatus& status : snapshot->replicas) {
      auto service = snapshot->services.find(status.spec_hash);
      if (!status.probe_ready || service == snapshot->services.end()) {
        continue;
      }
      if (std::optional<ProbeTarget> target = TargetOf(status, *service->second, config_.advertise_address)) {
        targets.push_back(*std::move(target));
      }
    }
    if (targets != targets_) {
      targets_ = targets;
      readiness_->SetTargets(std::move(targets));
    }
    review_.See(snapshot);
    {
      std::lock_guard lock(mutex_);
      snapshot_ = std::move(snapshot);
    }
    if (report_now) {
      ReportNow();
    }
  }

  void TakeNotice(Notice notice) {
    spdlog::log(notice.warning ? spdlog::level::warn : spdlog::level::info, "{}: {}", notice.reason,
                notice.message);
    {
      std::lock_guard lock(mutex_);
      if (notices_.size() < kNoticesKept) {
        notices_.emplace_back(std::move(notice), Now());
      }
    }
    ReportNow();
  }

  void AskForFull() {
    std::shared_ptr<const Snapshot> now = snapshot();
    v1::AgentMessage message;
    message.mutable_need_full()->set_what(v1::NeedFull::ASSIGNMENT);
    message.mutable_need_full()->set_epoch(now->epoch.value());
    message.mutable_need_full()->set_revision(now->revision.value());
    if (std::shared_ptr<Link> stream = link()) {
      stream->TrySend(std::move(message));
    }
  }

  // ---- what the controller says --------------------------------------------------------------------

  void TakeMessage(const v1::ControllerMessage& message) {
    Post(ControllerHeard{Now()});
    switch (message.message_case()) {
      case v1::ControllerMessage::kAssignment:
        Post(AssignmentReceived{Now(), AssignmentFromWire(message.assignment())});
        break;
      case v1::ControllerMessage::kProbes:
        prober_->SetProbes({message.probes().probes().begin(), message.probes().probes().end()});
        break;
      case v1::ControllerMessage::kBackends:
        if (edge_ != nullptr) {
          edge_->SetDesired({message.backends().epoch(), message.backends().revision()},
                            EdgeSetsFromWire(message.backends()));
        }
        break;
      case v1::ControllerMessage::kImageRequest:
        requests_->Image(message.image_request());
        break;
      case v1::ControllerMessage::kLogRequest:
        requests_->Log(message.log_request());
        break;
      case v1::ControllerMessage::kExecRequest:
        requests_->Exec(message.exec_request());
        break;
      case v1::ControllerMessage::kCancel:
        requests_->Cancel(message.cancel().request());
        break;
      case v1::ControllerMessage::kFiles:
        if (absl::Status kept = resources_->KeepSecrets(message.files()); !kept.ok()) {
          TakeNotice({"SecretNotKept", std::string(kept.message()), ReplicaId(), true});
        }
        break;
      case v1::ControllerMessage::kEdgeCheck:
        requests_->CheckEdge(message.edge_check());
        break;
      case v1::ControllerMessage::kCertificate:
        if (renewal_ != nullptr) {
          renewal_->Take(message.certificate());
        }
        break;
      case v1::ControllerMessage::kHeartbeat:
      case v1::ControllerMessage::kWelcome:
      case v1::ControllerMessage::kRefuse:
      case v1::ControllerMessage::MESSAGE_NOT_SET:
        break;
    }
  }

  // ---- what the controller is told -----------------------------------------------------------------

  v1::Hello MakeHello() {
    WaitForFirstList();
    std::shared_ptr<const Snapshot> now = snapshot();
    v1::Hello hello;
    hello.set_cluster_id(now->cluster.value());
    AddConfigured(config_, hello);
    hello.set_boot_id(BootId());
    hello.set_protocol_min(v1::PROTOCOL_VERSION_1);
    hello.set_protocol_max(v1::PROTOCOL_VERSION_1);
    hello.set_version(DROVER_VERSION);
    hello.set_highest_epoch(now->highest_epoch.value());
    hello.set_applied_epoch(now->epoch.value());
    hello.set_applied_revision(now->revision.value());
    if (edge_ != nullptr) {
      AddEdgeInfo(config_, edge_->Describe(), hello);
    }
    hello.set_boottime_ns(Now().nanoseconds());
    std::lock_guard lock(mutex_);
    for (const auto& [id, container] : found_) {
      *hello.add_found() = FoundToWire(container);
    }
    hello.set_node_id(node_.id.value());
    hello.set_engine_id(node_.engine_id);
    *hello.mutable_capacity() = CapacityOf(config_, whole_, foreign_);
    AddEngineInfo(version_, info_, hello);
    return hello;
  }

  // On the link's writing thread.
  ReportInput Collect(bool regular) {
    ReportInput input;
    input.snapshot = snapshot();
    if (regular) {
      input.samples = samples_.Read(*input.snapshot);
    }
    input.queues = prober_->Samples();
    if (edge_ != nullptr) {
      input.edge = edge_->state();
    }
    input.stuck = calls_.LongerThan(kStuckAfter);
    std::lock_guard lock(mutex_);
    if (regular) {
      input.host = samples_.ReadHost(containers_);
    }
    input.capacity = CapacityOf(config_, whole_, foreign_);
    input.notices.assign(notices_.begin(), notices_.end());
    notices_.clear();
    input.now = Now();
    return input;
  }

  Metrics::Now ReadMetrics() {
    Metrics::Now now;
    for (const ReplicaStatus& status : snapshot()->replicas) {
      ++now.replicas[status.state];
    }
    now.engine_errors = engine_.errors();
    if (std::shared_ptr<Link> stream = link()) {
      Link::Stats stats = stream->stats();
      now.reports = stats.reports;
      now.connects = stats.connects;
      now.connected = stats.connected;
    }
    std::lock_guard lock(mutex_);
    now.engine_reachable = reachable_;
    return now;
  }

  // ---- the host ------------------------------------------------------------------------------------

  // The start fails when the engine says in time that this is another host's state.
  absl::Status WaitForEngine() {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, absl::ToChronoMilliseconds(kFirstAnswers), [this] { return bound_.has_value(); });
    return bound_.value_or(absl::OkStatus());
  }

  // So that a first Hello is complete where the engine answers; nothing waits for one that does not.
  void WaitForFirstList() {
    std::unique_lock lock(mutex_);
    Duration left = std::max(absl::ZeroDuration(), started_ + kFirstAnswers - Now());
    wake_.wait_for(lock, absl::ToChronoMilliseconds(left), [this] { return stop_ || found_known_; });
  }

  // Keeps what a Hello says of containers: asking the engine then could keep us from the controller.
  void NoteFound(const Event& event) {
    std::lock_guard lock(mutex_);
    if (const auto* listed = std::get_if<EngineListed>(&event)) {
      found_.clear();
      for (const Container& container : listed->containers) {
        found_[container.id] = container;
      }
      found_known_ = true;
      wake_.notify_all();
    } else if (const auto* changed = std::get_if<ContainerChanged>(&event)) {
      if (changed->container) {
        found_[changed->container->id] = *changed->container;
      } else {
        std::erase_if(found_, [&](const auto& entry) { return entry.second.replica == changed->replica; });
      }
    }
  }

  absl::Status TakeEngineInfo(const docker::EngineInfo& info) {
    ASSIGN_OR_RETURN(StateDir::Node node, state_->BindNode(config_.node_id, info.id));
    std::lock_guard lock(mutex_);
    node_ = node;
    info_ = info;
    whole_ = {MilliCpu(int64_t{info.cpus} * 1000), Bytes(info.memory_bytes)};
    return absl::OkStatus();
  }

  void WatchCapacity() {
    ForeignWatch others(&engine_);
    while (true) {
      absl::StatusOr<docker::EngineInfo> info = engine_.Info();
      absl::Status bound = info.ok() ? TakeEngineInfo(*info) : absl::OkStatus();
      if (!bound.ok()) {
        TakeNotice({"EngineChanged", std::string(bound.message()), ReplicaId(), true});
      }
      {
        std::lock_guard lock(mutex_);
        bound_ = std::move(bound);
      }
      wake_.notify_all();
      absl::StatusOr<std::vector<Foreign>> foreign = others.Read(Now());
      std::unique_lock lock(mutex_);
      if (foreign.ok()) {
        foreign_ = *std::move(foreign);
        containers_ = static_cast<uint32_t>(foreign_.size() + (snapshot_ ? snapshot_->replicas.size() : 0));
      }
      wake_.wait_for(lock, absl::ToChronoMilliseconds(kCapacityEvery), [this] { return stop_; });
      if (stop_) {
        return;
      }
    }
  }

  void Post(Event event) {
    NoteFound(event);
    std::lock_guard lock(loop_mutex_);
    if (loop_ != nullptr) {
      loop_->Post(std::move(event));
    }
  }

  void ReportNow() {
    if (std::shared_ptr<Link> stream = link()) {
      stream->ReportNow();
    }
  }

  std::shared_ptr<Link> link() const {
    std::lock_guard lock(link_mutex_);
    return link_;
  }

  std::shared_ptr<const Snapshot> snapshot() const {
    std::lock_guard lock(mutex_);
    return snapshot_;
  }

  const Config config_;
  std::unique_ptr<StateDir> state_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  StateDir::Node node_;
  docker::Client engine_;
  const HostPolicy policy_;
  docker::EngineVersion version_;
  docker::EngineInfo info_;
  Resources whole_ = WholeHost();
  std::vector<Foreign> foreign_;
  uint32_t containers_ = 0;
  bool reachable_ = false;
  bool told_away_ = false;
  Instant started_;
  std::optional<absl::Status> bound_;       // what the engine's first answer meant for the node's identity
  std::map<std::string, Container> found_;  // by container id
  bool found_known_ = false;
  std::shared_ptr<const Snapshot> snapshot_ = std::make_shared<Snapshot>();
  std::deque<std::pair<Notice, Instant>> notices_;

  std::vector<ProbeTarget> targets_;  // on the loop's thread
  std::atomic<bool> connected_{false};
  std::string last_trouble_;  // on the link's reading thread
  Samples samples_;           // on the link's writing thread
  Calls calls_;

  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<EdgeRunner> edge_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<HostResources> resources_;
  std::unique_ptr<Readiness> readiness_;
  std::unique_ptr<Executor> executor_;
  std::mutex loop_mutex_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<Renewal> renewal_;
  mutable std::mutex link_mutex_;
  std::shared_ptr<Link> link_;
  std::thread capacity_thread_;
  PolicyReview review_{&policy_, &calls_, [this](Notice notice) { TakeNotice(std::move(notice)); }};
};

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Agent::~Agent() = default;

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(const Config& given) {
  ASSIGN_OR_RETURN(std::unique_ptr<StateDir> state, StateDir::Open(given.state_dir));
  ASSIGN_OR_RETURN(StateDir::Node node, state->BindNode(given.node_id, ""));
  ASSIGN_OR_RETURN(const Config config, Prepare(given, node.id));
  auto impl = std::make_unique<Impl>(config, std::move(state), std::move(node));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Agent>(new Agent(std::move(impl)));
}

}  // namespace drover::agent
