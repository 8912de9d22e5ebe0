#include "agent/runtime/engine_actions.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/runtime/clock.h"
#include "agent/runtime/docker/create_body.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr int kNamesTried = 20;
constexpr Duration kPullIdle = absl::Minutes(2);    // longest silence of a pull
constexpr Duration kAfterKill = absl::Seconds(30);  // a killed process that is still there is the kernel's
constexpr Duration kHookLimit = absl::Minutes(1);
constexpr Duration kEngineGrace = absl::Seconds(10);  // Docker's own default
constexpr Duration kWaitSlice = absl::Seconds(2);
constexpr int32_t kLogLines = 20;
constexpr size_t kLogBytes = 8192;

bool IsUp(const Container& container) {
  return container.status == Container::Status::kRunning || container.status == Container::Status::kPaused ||
         container.status == Container::Status::kRestarting;
}

// The exact image to start.
std::string ImageOf(const Executor::Job& job) {
  if (!job.action.image_id.empty()) {
    return job.action.image_id;
  }
  const v1::ContainerSpec& spec = job.service->container();
  return spec.image_id().empty() ? spec.image() : spec.image_id();
}

// 0 in the action: the container's own (R5.2: never KILL before it is over).
Duration GraceOf(const Executor::Job& job, const docker::Inspected& container) {
  if (job.action.grace > absl::ZeroDuration()) {
    return job.action.grace;
  }
  if (job.service != nullptr && job.service->container().has_stop_grace_period()) {
    const auto& given = job.service->container().stop_grace_period();
    return absl::Seconds(given.seconds()) + absl::Nanoseconds(given.nanos());
  }
  return container.stop_timeout.value_or(kEngineGrace);
}

}  // namespace

std::string ReasonOf(const absl::Status& status) {
  static const std::pair<const char*, const char*> kWords[] = {
      {"port is already allocated", "PortInUse"},
      {"address already in use", "PortInUse"},
      {"cannot assign requested address", "AddressNotHere"},
      {"bind source path does not exist", "BindSourceMissing"},
      {"No such image", "ImageMissing"},
      {"executable file not found", "CommandNotFound"},
      {"no such file or directory", "CommandNotFound"},
      {"permission denied", "PermissionDenied"},
      {"external network", "NetworkMissing"},
      {"external volume", "VolumeMissing"},
      {"address_pool", "AddressPoolExhausted"},
      {"its content has not come", "SecretMissing"},
      {"does not exist on this node", "FileMissing"},
      {"no space left on device", "DiskFull"}};
  for (const auto& [words, reason] : kWords) {
    if (absl::StrContains(status.message(), words)) {
      return reason;
    }
  }
  return "";
}

EngineActions::EngineActions(const ExecutorOptions* options, docker::Client* engine, HostResources* resources)
    : options_(options), engine_(engine), resources_(resources) {}

ActionDone EngineActions::Run(const Executor::Job& job) {
  ActionDone done;
  bool needs_service = job.action.kind == Action::Kind::kPull || job.action.kind == Action::Kind::kCreate;
  if (needs_service && job.service == nullptr) {
    done.status = absl::FailedPreconditionError(
        absl::StrCat("the specification ", job.action.spec_hash, " is not held here"));
    done.reason = "SpecMissing";
    return done;
  }
  if (!MayRun(job, done)) {
    return done;
  }
  switch (job.action.kind) {
    case Action::Kind::kPull:
      Pull(job, done);
      break;
    case Action::Kind::kCreate:
      Create(job, done);
      break;
    case Action::Kind::kStart:
      Start(job, done);
      break;
    case Action::Kind::kStop:
      Stop(job, done);
      break;
    case Action::Kind::kRemove:
      Remove(job, done);
      break;
    case Action::Kind::kInspect:
      Inspect(job, done);
      break;
  }
  return done;
}

bool EngineActions::MayRun(const Executor::Job& job, ActionDone& done) const {
  const Action::Kind kind = job.action.kind;
  const bool begins =
      kind == Action::Kind::kPull || kind == Action::Kind::kCreate || kind == Action::Kind::kStart;
  if (!begins || options_->policy == nullptr || job.service == nullptr) {
    return true;
  }
  done.status = options_->policy->MayRun(*job.service, ImageOf(job), job.action.published);
  if (absl::IsPermissionDenied(done.status)) {
    done.reason = kPolicyRefused;
  }
  return done.status.ok();
}

void EngineActions::Pull(const Executor::Job& job, ActionDone& done) {
  const v1::ContainerSpec& spec = job.service->container();
  std::string wanted = ImageOf(job);
  bool is_id = absl::StartsWith(wanted, "sha256:");
  bool pinned = is_id || absl::StrContains(wanted, "@");
  bool present = engine_->InspectImage(wanted).ok();
  // What was resolved to a digest or an id cannot be another one after a pull.
  if (present && (pinned || spec.pull_policy() != "always")) {
    return;
  }
  done.reason = "ImagePullFailed";
  if (spec.pull_policy() == "never") {
    done.status = absl::NotFoundError(
        absl::StrCat(wanted, " is not on this node and pull_policy is never; load it with `docker load`"));
    return;
  }
  std::string to_pull = is_id ? spec.image() : wanted;
  std::string auth = docker::AuthHeader(options_->registries(), to_pull);
  done.status = engine_->Pull(to_pull, spec.platform(), auth, kPullIdle, std::make_shared<docker::Cancel>());
  if (done.status.ok() && is_id && !engine_->InspectImage(wanted).ok()) {
    done.status = absl::NotFoundError(
        absl::StrCat("the registry's ", to_pull, " is not the image ", wanted.substr(0, 19),
                     " that was deployed; push that one, or run `drover up` again"));
  }
  if (done.status.ok()) {
    done.reason.clear();
  }
}

void EngineActions::Create(const Executor::Job& job, ActionDone& done) {
  absl::StatusOr<std::string> id = CreateContainer(job);
  if (!id.ok()) {
    done.status = id.status();
    done.reason = ReasonOf(id.status());
    return;
  }
  ShowContainer(*id, done);
}

absl::StatusOr<std::string> EngineActions::CreateContainer(const Executor::Job& job) {
  // Idempotent by label (R1.5): an earlier try may have got through without our seeing it.
  ASSIGN_OR_RETURN(std::vector<Container> ours,
                   engine_->List(absl::StrCat("io.drover.replica=", ToString(job.action.replica))));
  for (const Container& container : ours) {
    if (container.cluster == job.cluster && container.spec_hash == job.action.spec_hash) {
      return container.id;
    }
  }
  docker::ReplicaToCreate replica;
  replica.replica = job.action.replica;
  replica.cluster = job.cluster;
  replica.epoch = job.epoch;
  replica.number = job.action.number;
  replica.image = ImageOf(job);
  replica.published = job.action.published;
  replica.node = options_->node_name;
  replica.advertise_address = options_->advertise_address;
  replica.api_minor = api_minor_;
  ASSIGN_OR_RETURN(replica.files, resources_->Files(*job.service));
  std::string body = docker::CreateBody(*job.service, replica);

  std::unique_lock networks(resources_->networks_mutex());
  RETURN_IF_ERROR(resources_->Ensure(*job.service));
  ASSIGN_OR_RETURN(std::string id, CreateUnderFreeName(job, body));
  for (const docker::Endpoint& endpoint : docker::MoreNetworks(*job.service)) {
    if (absl::Status joined = engine_->ConnectNetwork(endpoint.network, id, endpoint.settings);
        !joined.ok()) {
      // Half a container would be adopted by the next try as a whole one.
      (void)engine_->Remove(id, true);
      return joined;
    }
  }
  networks.unlock();
  CheckDropped(job, body, id);
  return id;
}

absl::StatusOr<std::string> EngineActions::CreateUnderFreeName(const Executor::Job& job,
                                                               const std::string& body) {
  const std::string& platform = job.service->container().platform();
  absl::Status status;
  for (int attempt = 0; attempt < kNamesTried; ++attempt) {
    std::string name = docker::ContainerName(*job.service, job.action.number, attempt);
    absl::StatusOr<docker::Created> created = engine_->Create(name, platform, body);
    if (created.ok()) {
      if (attempt > 0) {
        options_->notice({"NameConflict",
                          absl::StrCat(docker::ContainerName(*job.service, job.action.number, 0),
                                       " is taken by another container; created as ", name),
                          job.action.replica, false});
      }
      return created->id;
    }
    status = created.status();
    bool name_taken =
        absl::IsAlreadyExists(status) && absl::StrContains(status.message(), "is already in use");
    if (!name_taken) {
      return status;
    }
  }
  return status;
}

void EngineActions::CheckDropped(const Executor::Job& job, const std::string& body, const std::string& id) {
  absl::StatusOr<docker::Inspected> inspected = engine_->Inspect(id);
  if (!inspected.ok()) {
    return;
  }
  std::vector<std::string> dropped = docker::Dropped(body, inspected->raw);
  if (!dropped.empty()) {
    options_->notice({"EngineIgnored",
                      absl::StrCat(inspected->container.name, ": the engine (API 1.", api_minor_.load(),
                                   ") does not honour ", absl::StrJoin(dropped, ", ")),
                      job.action.replica, true});
  }
}

void EngineActions::Start(const Executor::Job& job, ActionDone& done) {
  done.status = engine_->Start(job.action.container_id);
  if (!done.status.ok()) {
    done.reason = ReasonOf(done.status);
    return;
  }
  if (job.service != nullptr && !job.service->container().post_start().empty()) {
    RunHook(job.action.container_id, job.service->container().post_start(), kHookLimit, job, "post_start");
  }
  ShowContainer(job.action.container_id, done);
}

void EngineActions::Stop(const Executor::Job& job, ActionDone& done) {
  const std::string& id = job.action.container_id;
  absl::StatusOr<docker::Inspected> before = engine_->Inspect(id);
  if (!before.ok()) {
    done.status = before.status();
    return;
  }
  Duration grace = GraceOf(job, *before);
  if (IsUp(before->container)) {
    if (before->container.status == Container::Status::kPaused) {
      (void)engine_->Unpause(id);  // R11: a frozen process sees no signal
    }
    if (job.service != nullptr && !job.service->container().pre_stop().empty()) {
      RunHook(id, job.service->container().pre_stop(), grace, job, "pre_stop");
    }
    std::string signal = before->stop_signal.empty() ? "SIGTERM" : before->stop_signal;
    Instant signalled = Now();
    done.status = engine_->Kill(id, signal);
    if (done.status.ok() && !WaitForExit(id, signalled + grace)) {
      if (aborted_) {
        done.status = absl::CancelledError("the agent stops; the container goes on");
        return;
      }
      done.status = engine_->Kill(id, "SIGKILL");
      if (done.status.ok() && !WaitForExit(id, Now() + kAfterKill)) {
        done.status =
            absl::DeadlineExceededError(absl::StrCat(id.substr(0, 12), " does not end after SIGKILL"));
      }
    }
    done.took = Now() - signalled;
  }
  if (done.status.ok()) {
    ShowContainer(id, done);
  }
}

bool EngineActions::WaitForExit(const std::string& id, Instant until) {
  while (true) {
    Duration left = until - Now();
    if (left <= absl::ZeroDuration() || aborted_) {
      return false;
    }
    absl::StatusOr<int32_t> code = engine_->Wait(id, std::min(left, kWaitSlice));
    if (code.ok() || absl::IsNotFound(code.status())) {
      return true;
    }
    if (!absl::IsDeadlineExceeded(code.status())) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));  // no engine just now: ask again
    }
  }
}

void EngineActions::Remove(const Executor::Job& job, ActionDone& done) {
  const std::string& id = job.action.container_id;
  absl::StatusOr<docker::Inspected> before = engine_->Inspect(id);
  if (absl::IsNotFound(before.status())) {
    return;
  }
  if (!before.ok()) {
    done.status = before.status();
    return;
  }
  done.status = engine_->Remove(id, true);
  if (!done.status.ok()) {
    return;
  }
  if (job.action.remove_volumes) {
    absl::Status removed = resources_->RemoveVolumes(before->named_volumes, before->container.stack);
    if (!removed.ok()) {
      options_->notice({"VolumeNotRemoved", std::string(removed.message()), job.action.replica, true});
    }
  }
  resources_->DropUnusedNetworks(before->container.stack);
}

void EngineActions::Inspect(const Executor::Job& job, ActionDone& done) {
  if (!job.action.container_id.empty()) {
    ShowContainer(job.action.container_id, done);
    if (absl::IsNotFound(done.status)) {
      done.status = absl::OkStatus();  // absent is what was to be found out
    }
    return;
  }
  absl::StatusOr<std::vector<Container>> found =
      engine_->List(absl::StrCat("io.drover.replica=", ToString(job.action.replica)));
  if (!found.ok()) {
    done.status = found.status();
  } else if (!found->empty()) {
    ShowContainer(found->front().id, done);
  }
}

void EngineActions::RunHook(const std::string& id,
                            const google::protobuf::RepeatedPtrField<std::string>& command, Duration limit,
                            const Executor::Job& job, const char* name) {
  docker::ExecOptions options;
  options.command = {command.begin(), command.end()};
  auto cancel = std::make_shared<docker::Cancel>();
  // A hook that hangs must not hang the worker: it is cut off at its limit, the command runs on.
  std::mutex mutex;
  std::condition_variable ended;
  bool finished = false;
  std::thread watchdog([&] {
    std::unique_lock lock(mutex);
    if (!ended.wait_for(lock, absl::ToChronoMilliseconds(std::max(limit, absl::Seconds(1))),
                        [&] { return finished; })) {
      cancel->Trigger();
    }
  });
  absl::StatusOr<int32_t> code = engine_->Exec(
      id, options, [](int, absl::string_view) { return true; }, cancel);
  {
    std::lock_guard lock(mutex);
    finished = true;
  }
  ended.notify_all();
  watchdog.join();
  if (!code.ok() || *code != 0) {
    std::string why = code.ok() ? absl::StrCat("exit code ", *code)
                      : absl::IsCancelled(code.status())
                          ? absl::StrCat("not done within ", absl::FormatDuration(limit))
                          : std::string(code.status().message());
    options_->notice({"HookFailed", absl::StrCat(name, " ", absl::StrJoin(command, " "), ": ", why),
                      job.action.replica, true});
  }
}

void EngineActions::ShowContainer(const std::string& id, ActionDone& done) {
  absl::StatusOr<docker::Inspected> inspected = engine_->Inspect(id);
  if (!inspected.ok()) {
    done.status = inspected.status();
    return;
  }
  done.container = inspected->container;
  bool ended = inspected->container.status == Container::Status::kExited ||
               inspected->container.status == Container::Status::kDead;
  if (ended && inspected->container.exit_code != 0) {
    done.last_log = LastLog(id);
  }
}

std::string EngineActions::LastLog(const std::string& id) {
  std::string text;
  docker::LogOptions options;
  options.tail = kLogLines;
  (void)engine_->Logs(
      id, options,
      [&](int, absl::string_view data) {
        text.append(data.data(), data.size());
        return true;
      },
      std::make_shared<docker::Cancel>());
  if (text.size() > kLogBytes) {
    text.erase(0, text.size() - kLogBytes);
  }
  return text;
}

}  // namespace drover::agent
