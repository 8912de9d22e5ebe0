#include "agent/runtime/edge/wanted_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {
namespace {

absl::Status FileError(const std::string& path) {
  const std::string text = absl::StrCat(path, ": ", std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(text) : absl::InternalError(text);
}

void ToProto(const EdgeSet& set, v1::BackendSet* out) {
  out->set_handle(set.handle);
  out->set_stack(set.stack);
  out->set_service(set.service);
  out->set_target(set.target);
  out->set_epoch(set.epoch.value());
  out->set_revision(set.revision.value());
  out->set_http(set.http);
  out->set_slots(set.slots);
  out->set_maxconn(set.maxconn);
  out->set_attach(set.attach);
  out->set_hold_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(set.hold)));
  out->set_max_held(set.max_held);
  for (const EdgeListener& listener : set.listeners) {
    v1::Listener* to = out->add_listeners();
    to->set_bind(listener.bind);
    to->set_port(listener.port);
    to->set_host(listener.host);
    to->set_path(listener.path);
    to->set_tls_path(listener.tls_path);
  }
  for (const EdgeBackend& backend : set.backends) {
    v1::Backend* to = out->add_backends();
    to->set_replica_id(backend.replica.value());
    to->set_address(backend.address);
    to->set_port(backend.port);
    to->set_drain(backend.drain);
  }
}

EdgeSet FromProto(const v1::BackendSet& from) {
  EdgeSet set;
  set.handle = from.handle();
  set.stack = from.stack();
  set.service = from.service();
  set.target = from.target();
  set.epoch = Epoch(from.epoch());
  set.revision = Revision(from.revision());
  set.http = from.http();
  set.slots = from.slots();
  set.maxconn = from.maxconn();
  set.attach = from.attach();
  set.hold = absl::Milliseconds(from.hold_ms());
  set.max_held = from.max_held();
  for (const v1::Listener& listener : from.listeners()) {
    set.listeners.push_back({.bind = listener.bind(),
                             .port = listener.port(),
                             .host = listener.host(),
                             .path = listener.path(),
                             .tls_path = listener.tls_path()});
  }
  for (const v1::Backend& backend : from.backends()) {
    set.backends.push_back({.replica = ReplicaId(backend.replica_id()),
                            .address = backend.address(),
                            .port = backend.port(),
                            .drain = backend.drain()});
  }
  return set;
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, const std::string& content, uint32_t mode) {
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) {
    return FileError(temporary);
  }
  size_t written = 0;
  ssize_t n = 0;
  while (written < content.size() &&
         (n = write(fd, content.data() + written, content.size() - written)) > 0) {
    written += static_cast<size_t>(n);
  }
  const bool complete = written == content.size();
  const int error = errno;
  if (close(fd) != 0 || !complete) {
    errno = complete ? errno : error;
    return FileError(temporary);
  }
  return rename(temporary.c_str(), path.c_str()) == 0 ? absl::OkStatus() : FileError(path);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return FileError(path);
  }
  std::string content;
  char buffer[16384];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
    content.append(buffer, static_cast<size_t>(n));
  }
  const absl::Status status = n == 0 ? absl::OkStatus() : FileError(path);
  close(fd);
  RETURN_IF_ERROR(status);
  return content;
}

absl::Status StoreWanted(const std::string& path, const std::vector<EdgeSet>& sets) {
  v1::BackendSets all;
  for (const EdgeSet& set : sets) {
    ToProto(set, all.add_sets());
  }
  return WriteFileAtomically(path, all.SerializeAsString());
}

absl::StatusOr<std::optional<std::vector<EdgeSet>>> LoadWanted(const std::string& path) {
  const absl::StatusOr<std::string> content = ReadWholeFile(path);
  if (absl::IsNotFound(content.status())) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(content.status());
  v1::BackendSets all;
  if (!all.ParseFromString(*content)) {
    return absl::DataLossError(
        absl::StrCat(path, ": is damaged; remove it and the agent waits for the controller's backend sets"));
  }
  std::vector<EdgeSet> sets;
  for (const v1::BackendSet& set : all.sets()) {
    sets.push_back(FromProto(set));
  }
  return sets;
}

}  // namespace drover::agent
