#include "controller/runtime/secret_contents.h"

#include <variant>

#include "common/status.h"
#include "drover/v1/cluster.pb.h"

namespace drover::controller {

std::optional<std::string> SecretContents::Find(const std::string& sha256) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [stack, contents] : by_stack_) {
    if (const auto it = contents.find(sha256); it != contents.end()) {
      return it->second;
    }
  }
  return std::nullopt;
}

void SecretContents::Learn(const StackRecord& record) {
  v1::StackSpec spec;
  if (!spec.ParseFromString(record.spec.source)) {
    return;
  }
  const std::lock_guard lock(mutex_);
  for (const v1::FileSpec& file : spec.files()) {
    if (file.secret() && file.node_path().empty()) {
      by_stack_[record.name][file.sha256()] = file.content();
    }
  }
}

void SecretContents::Forget(const std::string& stack) {
  const std::lock_guard lock(mutex_);
  by_stack_.erase(stack);
}

absl::StatusOr<StateStore::Opened> SecretWatchingStore::Open() {
  ASSIGN_OR_RETURN(Opened opened, store_->Open());
  for (const StackRecord& stack : opened.state.stacks) {
    secrets_->Learn(stack);
  }
  return opened;
}

absl::Status SecretWatchingStore::Commit(const std::vector<StoreChange>& changes) {
  RETURN_IF_ERROR(store_->Commit(changes));
  for (const StoreChange& change : changes) {
    if (const auto* stack = std::get_if<StackRecord>(&change)) {
      secrets_->Learn(*stack);
    } else if (const auto* gone = std::get_if<DeleteStack>(&change)) {
      secrets_->Forget(gone->name);
    }
  }
  return absl::OkStatus();
}

}  // namespace drover::controller
