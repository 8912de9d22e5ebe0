// One function per kind of action, on the calling thread: what the executor's workers run. Each is safe to
// repeat and leaves `done` filled in but for its id and times.
#pragma once

#include <atomic>

#include "agent/runtime/executor.h"

namespace drover::agent {

class EngineActions {
 public:
  EngineActions(const ExecutorOptions* options, docker::Client* engine, HostResources* resources);

  // Runs it to its end.
  ActionDone Run(const Executor::Job& job);

  void SetApiMinor(int minor) { api_minor_ = minor; }

  // Stops under way return at their next look.
  void Abort() { aborted_ = true; }

 private:
  // False, with `done` filled in, when the host's own rules forbid it (R10.4).
  bool MayRun(const Executor::Job& job, ActionDone& done) const;
  void Pull(const Executor::Job& job, ActionDone& done);
  void Create(const Executor::Job& job, ActionDone& done);
  absl::StatusOr<std::string> CreateContainer(const Executor::Job& job);
  absl::StatusOr<std::string> CreateUnderFreeName(const Executor::Job& job, const std::string& body);
  void CheckDropped(const Executor::Job& job, const std::string& body, const std::string& id);
  void Start(const Executor::Job& job, ActionDone& done);
  void Stop(const Executor::Job& job, ActionDone& done);
  void Remove(const Executor::Job& job, ActionDone& done);
  void Inspect(const Executor::Job& job, ActionDone& done);
  // False when it still runs at `until`.
  bool WaitForExit(const std::string& id, Instant until);
  void RunHook(const std::string& id, const google::protobuf::RepeatedPtrField<std::string>& command,
               Duration limit, const Executor::Job& job, const char* name);
  // Fills done.container, and done.last_log when it ended badly.
  void ShowContainer(const std::string& id, ActionDone& done);
  std::string LastLog(const std::string& id);

  const ExecutorOptions* options_;
  docker::Client* engine_;
  HostResources* resources_;
  std::atomic<int> api_minor_{41};
  std::atomic<bool> aborted_{false};
};

}  // namespace drover::agent
