// PUT /v1/stacks/{stack}: check, resolve images, check again, hand to the core.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/http/images.h"
#include "controller/runtime/http/view_to_api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

// The strictest need of all services that use an image: one that wants it pulled gets it pulled.
std::map<std::string, PullPolicy> ImagesOf(const v1::StackSpec& spec) {
  std::map<std::string, PullPolicy> images;
  for (const v1::ServiceSpec& service : spec.services()) {
    const std::string& written = service.container().pull_policy();
    const PullPolicy policy = written == "always"  ? PullPolicy::kAlways
                              : written == "never" ? PullPolicy::kNever
                                                   : PullPolicy::kMissing;
    const auto [entry, added] = images.try_emplace(service.container().image(), policy);
    if (!added && (policy == PullPolicy::kAlways || entry->second == PullPolicy::kNever)) {
      entry->second = policy;
    }
  }
  return images;
}

bool IsMounted(const v1::ContainerSpec& container, const std::string& path) {
  return container.tmpfs().count(path) > 0 ||
         std::any_of(container.mounts().begin(), container.mounts().end(),
                     [&](const v1::Mount& mount) { return mount.target() == path; });
}

// Fills image_id of every service; warnings for what the images bring along.
std::vector<std::string> UseImages(const std::map<std::string, ResolvedImage>& images, v1::StackSpec& spec) {
  std::vector<std::string> warnings;
  for (v1::ServiceSpec& service : *spec.mutable_services()) {
    v1::ContainerSpec& container = *service.mutable_container();
    const auto found = images.find(container.image());
    if (found == images.end()) {
      continue;
    }
    container.set_image_id(found->second.reference);
    if (found->second.reference.empty()) {
      warnings.push_back(absl::StrCat("services.", service.name(), ".image: ", container.image(),
                                      " is on no node yet; `up` will pull it"));
    }
    for (const std::string& path : found->second.volumes) {
      if (!IsMounted(container, path)) {
        warnings.push_back(absl::StrCat("services.", service.name(), ".image: ", container.image(),
                                        " declares VOLUME ", path,
                                        " and nothing is mounted there: each replica has its own, lost with "
                                        "it; mount a volume to keep it"));
      }
    }
  }
  return warnings;
}

// For the audit; empty: there is no such stack.
std::string RevisionOf(const View& view, const std::string& stack) {
  const auto found = view.stacks.find(stack);
  return found == view.stacks.end() ? "" : absl::StrCat("revision ", found->second->revision);
}

std::string ChangesOf(const Plan& plan) {
  std::vector<std::string> parts;
  for (const PlanChange& change : plan.changes) {
    const bool first = change.action == PlanChange::Action::kCreate;
    const bool gone = change.action == PlanChange::Action::kRemove;
    parts.push_back(absl::StrCat(first ? "+" : (gone ? "-" : "~"), change.service));
  }
  return parts.empty() ? "nothing changed" : absl::StrJoin(parts, " ");
}

ApiResponse ImageFault(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kNotFound) {
    return ErrorResponse(422, "ImagePullFailed", absl::StrCat("ImagePullFailed: ", status.message()));
  }
  return ErrorResponse(status);
}

absl::Status ReadRequest(const ApiRequest& request, v1::ApplyStackRequest& body) {
  if (absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return parsed;
  }
  const std::string& stack = request.params.at("stack");
  if (!body.has_spec()) {
    return absl::InvalidArgumentError("spec: is missing; the body is {\"spec\": {…}}");
  }
  if (body.spec().name().empty()) {
    body.mutable_spec()->set_name(stack);
  }
  if (body.spec().name() != stack) {
    return absl::InvalidArgumentError(absl::StrCat("spec.name: is \"", body.spec().name(),
                                                   "\", the path says \"", stack, "\"; must be the same"));
  }
  // Before any agent is asked: all faults that need no image.
  return ToCore(body.spec()).status();
}

}  // namespace

ApiResponse PutStack(const Api& api, const ApiRequest& request) {
  v1::ApplyStackRequest body;
  if (const absl::Status read = ReadRequest(request, body); !read.ok()) {
    return ErrorResponse(read);
  }
  const auto images =
      ResolveImages(*api.agents, ImagesOf(body.spec()),
                    {.first_node_wait = body.dry_run() ? absl::ZeroDuration() : api.first_node_wait,
                     .may_pull = !body.dry_run()});
  if (!images.ok()) {
    return ImageFault(images.status());
  }
  const std::string before = RevisionOf(*api.loop->view(), body.spec().name());
  v1::ApplyStackResponse response;
  *response.mutable_warnings() = body.warnings();
  for (std::string& warning : UseImages(*images, *body.mutable_spec())) {
    response.add_warnings(std::move(warning));
  }
  absl::StatusOr<StackSpec> spec = ToCore(body.spec());
  if (!spec.ok()) {
    return ErrorResponse(spec.status());
  }
  ApplyStack event;
  event.now = api.loop->Now();
  event.wall = absl::Now();
  event.spec = *std::move(spec);
  event.dry_run = body.dry_run();
  event.message = body.message();
  event.who = request.caller.who;
  for (const auto& [image, resolved] : *images) {
    event.image_nodes[resolved.reference].insert(resolved.nodes.begin(), resolved.nodes.end());
  }
  const absl::StatusOr<Reply> reply = api.loop->Call(std::move(event), api.call_timeout);
  if (!reply.ok()) {
    return ErrorResponse(reply.status());
  }
  if (!reply->status.ok()) {
    return ErrorResponse(reply->status);
  }
  *response.mutable_plan() = PlanToApi(reply->plan);
  response.set_revision(body.dry_run() ? 0 : reply->revision);
  ApiResponse answer = JsonResponse(response);
  answer.audit = {.who = "",
                  .subject = "",
                  .before = before,
                  .after = absl::StrCat("revision ", reply->revision, ": ", ChangesOf(reply->plan)),
                  .message = body.message(),
                  .skipped = body.dry_run()};
  return answer;
}

}  // namespace drover::controller
