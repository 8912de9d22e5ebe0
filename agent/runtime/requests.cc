#include "agent/runtime/requests.h"

#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "common/utf8.h"

namespace drover::agent {
namespace {

constexpr Duration kPullIdle = absl::Minutes(2);
constexpr size_t kChunkBytes = 64 << 10;

v1::AgentMessage EndOf(uint64_t request, const absl::Status& status, int32_t exit_code) {
  v1::AgentMessage message;
  v1::StreamChunk& chunk = *message.mutable_chunk();
  chunk.set_request(request);
  chunk.set_end(true);
  chunk.set_exit_code(exit_code);
  if (!status.ok()) {
    chunk.set_error(ValidUtf8(std::string(status.message())));
  }
  return message;
}

}  // namespace

class Requests::Impl {
 public:
  Impl(RequestsOptions options, docker::Client* engine) : options_(std::move(options)), engine_(engine) {}

  ~Impl() {
    CancelAll();
    std::map<uint64_t, Running> left;
    {
      std::lock_guard lock(mutex_);
      left.swap(running_);
    }
    for (auto& [id, running] : left) {
      running.thread.join();
    }
  }

  using Work = std::function<void(const std::shared_ptr<docker::Cancel>&)>;

  void Begin(uint64_t request, Work work) {
    Reap();
    std::lock_guard lock(mutex_);
    if (running_.size() >= options_.at_once || running_.contains(request)) {
      options_.send(
          EndOf(request, absl::ResourceExhaustedError("this node serves too many requests just now"), 0));
      return;
    }
    Running& running = running_[request];
    running.cancel = std::make_shared<docker::Cancel>();
    running.thread = std::thread([this, request, cancel = running.cancel, work = std::move(work)] {
      work(cancel);
      std::lock_guard inner(mutex_);
      if (auto it = running_.find(request); it != running_.end()) {
        it->second.ended = true;
      }
    });
  }

  void Cancel(uint64_t request) {
    std::lock_guard lock(mutex_);
    if (auto it = running_.find(request); it != running_.end()) {
      it->second.cancel->Trigger();
    }
  }

  void CancelAll() {
    std::lock_guard lock(mutex_);
    for (auto& [id, running] : running_) {
      running.cancel->Trigger();
    }
  }

  // Container of a replica, also of one that is in no list.
  absl::StatusOr<std::string> ContainerOf(ReplicaId replica) {
    for (const ReplicaStatus& status : options_.snapshot()->replicas) {
      if (status.id == replica && !status.container_id.empty()) {
        return status.container_id;
      }
    }
    ASSIGN_OR_RETURN(std::vector<Container> found,
                     engine_->List(absl::StrCat("io.drover.replica=", ToString(replica))));
    if (found.empty()) {
      return absl::NotFoundError(
          absl::StrCat("replica ", ToString(replica), " has no container on this node"));
    }
    return found.front().id;
  }

  absl::StatusOr<std::string> ContainerForExec(ReplicaId replica) {
    RETURN_IF_ERROR(ByPolicy(&HostPolicy::MayExec));
    return ContainerOf(replica);
  }

  docker::OutputSink SinkOf(uint64_t request) {
    return [this, request](int source, absl::string_view data) {
      while (!data.empty()) {
        v1::AgentMessage message;
        message.mutable_chunk()->set_request(request);
        message.mutable_chunk()->set_source(static_cast<uint32_t>(source));
        absl::string_view piece = data.substr(0, kChunkBytes);
        message.mutable_chunk()->set_data(piece.data(), piece.size());
        if (!options_.send(std::move(message))) {
          return false;
        }
        data.remove_prefix(piece.size());
      }
      return true;
    };
  }

  v1::ImageResult Resolve(const v1::ImageRequest& request, const std::shared_ptr<docker::Cancel>& cancel) {
    v1::ImageResult result;
    result.set_request(request.request());
    result.set_image(request.image());
    if (absl::Status allowed = ByPolicy(&HostPolicy::MayPull, request.image()); !allowed.ok()) {
      result.set_error(ValidUtf8(std::string(allowed.message())));
      return result;
    }
    absl::StatusOr<docker::ImageInfo> image = engine_->InspectImage(request.image());
    if (absl::IsNotFound(image.status()) && request.pull()) {
      std::string auth = docker::AuthHeader(options_.registries(), request.image());
      absl::Status pulled = engine_->Pull(request.image(), "", auth, kPullIdle, cancel);
      if (!pulled.ok()) {
        result.set_error(ValidUtf8(std::string(pulled.message())));
        return result;
      }
      image = engine_->InspectImage(request.image());
    }
    if (!image.ok()) {
      if (!absl::IsNotFound(image.status())) {
        result.set_error(ValidUtf8(std::string(image.status().message())));
      }
      return result;
    }
    result.set_present(true);
    result.set_image_id(image->id);
    for (const std::string& digest : image->repo_digests) {
      // The digest of the name that was asked for, when the image has several.
      std::string name = request.image().substr(0, request.image().find('@'));
      if (size_t colon = name.rfind(':');
          colon != std::string::npos && name.find('/', colon) == std::string::npos) {
        name.resize(colon);
      }
      if (result.repo_digest().empty() || absl::StartsWith(digest, name + "@")) {
        result.set_repo_digest(digest);
      }
    }
    result.mutable_exposed_ports()->Assign(image->exposed_tcp_ports.begin(), image->exposed_tcp_ports.end());
    result.mutable_volumes()->Assign(image->volumes.begin(), image->volumes.end());
    return result;
  }

  // What the host's own rules say, with the reason before a refusal (R10.4).
  template <typename Rule, typename... Args>
  absl::Status ByPolicy(Rule rule, const Args&... args) const {
    const absl::Status allowed =
        options_.policy == nullptr ? absl::OkStatus() : std::invoke(rule, options_.policy, args...);
    return absl::IsPermissionDenied(allowed) ? Annotate(allowed, kPolicyRefused) : allowed;
  }

  const RequestsOptions& options() const { return options_; }

  docker::Client* engine() { return engine_; }

 private:
  struct Running {
    std::thread thread;
    std::shared_ptr<docker::Cancel> cancel;
    bool ended = false;
  };

  void Reap() {
    std::vector<std::thread> ended;
    {
      std::lock_guard lock(mutex_);
      for (auto it = running_.begin(); it != running_.end();) {
        if (it->second.ended) {
          ended.push_back(std::move(it->second.thread));
          it = running_.erase(it);
        } else {
          ++it;
        }
      }
    }
    for (std::thread& thread : ended) {
      thread.join();
    }
  }

  RequestsOptions options_;
  docker::Client* engine_;
  std::mutex mutex_;
  std::map<uint64_t, Running> running_;
};

Requests::Requests(RequestsOptions options, docker::Client* engine)
    : impl_(std::make_unique<Impl>(std::move(options), engine)) {}

Requests::~Requests() = default;

void Requests::Image(const v1::ImageRequest& request) {
  impl_->Begin(request.request(), [this, request](const std::shared_ptr<docker::Cancel>& cancel) {
    v1::AgentMessage message;
    *message.mutable_image_result() = impl_->Resolve(request, cancel);
    impl_->options().send(std::move(message));
  });
}

void Requests::CheckEdge(const v1::EdgeCheckRequest& request) {
  impl_->Begin(request.request(), [this, request](const std::shared_ptr<docker::Cancel>&) {
    const auto& check = impl_->options().check_edge;
    const EdgeCheckReport report =
        check ? check(request.set()) : EdgeCheckReport{.error = "this node has no balancer"};
    v1::AgentMessage message;
    v1::EdgeCheckResult& result = *message.mutable_edge_check_result();
    result.set_request(request.request());
    result.set_snippet(ValidUtf8(report.snippet));
    result.set_error(ValidUtf8(report.error));
    for (const EdgeCheck& from : report.checks) {
      v1::EdgeCheckResult::Check& to = *result.add_checks();
      to.set_name(from.name);
      to.set_ok(from.ok);
      to.set_unseen(from.unseen);
      to.set_detail(ValidUtf8(from.detail));
    }
    impl_->options().send(std::move(message));
  });
}

void Requests::Log(const v1::LogRequest& request) {
  impl_->Begin(request.request(), [this, request](const std::shared_ptr<docker::Cancel>& cancel) {
    absl::StatusOr<std::string> id = impl_->ContainerOf(ReplicaId(request.replica_id()));
    absl::Status status = id.status();
    if (id.ok()) {
      docker::LogOptions options{request.follow(), request.tail(), request.since_unix(),
                                 request.timestamps()};
      status = impl_->engine()->Logs(*id, options, impl_->SinkOf(request.request()), cancel);
    }
    impl_->options().send(EndOf(request.request(), absl::IsCancelled(status) ? absl::OkStatus() : status, 0));
  });
}

void Requests::Exec(const v1::ExecRequest& request) {
  impl_->Begin(request.request(), [this, request](const std::shared_ptr<docker::Cancel>& cancel) {
    absl::StatusOr<std::string> id = impl_->ContainerForExec(ReplicaId(request.replica_id()));
    absl::Status status = id.status();
    int32_t exit_code = 0;
    if (id.ok()) {
      docker::ExecOptions options;
      options.command = {request.command().begin(), request.command().end()};
      options.environment = {request.environment().begin(), request.environment().end()};
      options.user = request.user();
      options.working_dir = request.working_dir();
      options.tty = request.tty();
      options.input = request.stdin();
      absl::StatusOr<int32_t> code =
          impl_->engine()->Exec(*id, options, impl_->SinkOf(request.request()), cancel);
      status = code.status();
      exit_code = code.value_or(0);
    }
    impl_->options().send(EndOf(request.request(), status, exit_code));
  });
}

void Requests::Cancel(uint64_t request) { impl_->Cancel(request); }

void Requests::CancelAll() { impl_->CancelAll(); }

}  // namespace drover::agent
