// One function a route (routes.cc); each file of them covers one kind.
#pragma once

#include "controller/runtime/http/api.h"
#include "google/protobuf/duration.pb.h"

namespace drover::controller {

// handlers_meta.cc
ApiResponse GetVersion(const Api& api, const ApiRequest& request);
ApiResponse GetHealth(const Api& api, const ApiRequest& request);
// 503 with the reason while the controller must not be relied upon.
ApiResponse GetReadiness(const Api& api, const ApiRequest& request);
ApiResponse GetMetrics(const Api& api, const ApiRequest& request);
ApiResponse GetOpenApi(const Api& api, const ApiRequest& request);

// handlers_read.cc
ApiResponse ListStacks(const Api& api, const ApiRequest& request);
ApiResponse GetStack(const Api& api, const ApiRequest& request);
ApiResponse ListServices(const Api& api, const ApiRequest& request);
ApiResponse GetService(const Api& api, const ApiRequest& request);
// The 404 of a service that is not in `view`.
ApiResponse ServiceNotFound(const ServiceKey& key, const View& view);
ServiceKey KeyOf(const ApiRequest& request);
// The node of the path, by id or name; null: `error` says why.
std::shared_ptr<const NodeView> NodeOf(const ApiRequest& request, const View& view, ApiResponse* error);
// Posts the change and waits until it is durable; not OK: its own status, or why nobody answered.
absl::StatusOr<Reply> CallForReply(const Api& api, Event event);
// A duration that a person asked for: positive, else InvalidArgument that names `field`.
absl::StatusOr<Duration> Positive(const google::protobuf::Duration& duration, absl::string_view field);
ApiResponse GetWhy(const Api& api, const ApiRequest& request);
ApiResponse ListReplicas(const Api& api, const ApiRequest& request);
ApiResponse ListNodes(const Api& api, const ApiRequest& request);
ApiResponse GetNode(const Api& api, const ApiRequest& request);
ApiResponse ListOrphans(const Api& api, const ApiRequest& request);

// handlers_discovery.cc: what pulls its targets from the controller.
// Prometheus' http_sd: a target for each agent's metrics and each published port of a running replica; 503
// until the controller knows what runs, so that Prometheus keeps what it had.
ApiResponse GetHttpSd(const Api& api, const ApiRequest& request);

// Traefik's HTTP provider: the routers and services of those that `consumer` pulls. What was sent counts as
// confirmed; 503 until the backends of each of them are known.
ApiResponse GetTraefik(const Api& api, const ApiRequest& request);

// handlers_edges.cc
// Asks the agents whose balancers are somebody else's; waits for their answers.
ApiResponse GetEdgeChecks(const Api& api, const ApiRequest& request);

// handlers_history.cc
// GetWhy with ?at=.
ApiResponse GetWhyAt(const Api& api, const ApiRequest& request, const ServiceView& service);
ApiResponse GetHistory(const Api& api, const ApiRequest& request);

// handlers_apply.cc
ApiResponse PutStack(const Api& api, const ApiRequest& request);

// handlers_write.cc
ApiResponse DeleteStackRequest(const Api& api, const ApiRequest& request);
ApiResponse PostScale(const Api& api, const ApiRequest& request);
ApiResponse PostPause(const Api& api, const ApiRequest& request);
ApiResponse PostResume(const Api& api, const ApiRequest& request);
ApiResponse PostMetric(const Api& api, const ApiRequest& request);

// handlers_access.cc: all answer 409 when the controller asks nobody for tokens.
ApiResponse ListTokens(const Api& api, const ApiRequest& request);
ApiResponse CreateToken(const Api& api, const ApiRequest& request);
ApiResponse DeleteToken(const Api& api, const ApiRequest& request);
ApiResponse PostJoin(const Api& api, const ApiRequest& request);
ApiResponse GetAudit(const Api& api, const ApiRequest& request);
// For whoever removes a node: its certificates are worth nothing any more and its stream is cut. OK also when
// nodes have no certificates of ours.
absl::Status RevokeNode(const Api& api, const NodeId& node);

// handlers_nodes.cc: operators' words on nodes and on the cluster.
ApiResponse PostCordon(const Api& api, const ApiRequest& request);
ApiResponse PostUncordon(const Api& api, const ApiRequest& request);
ApiResponse PostDrain(const Api& api, const ApiRequest& request);
ApiResponse PostMaintenance(const Api& api, const ApiRequest& request);
ApiResponse DeleteNodeRequest(const Api& api, const ApiRequest& request);
ApiResponse PostFreeze(const Api& api, const ApiRequest& request);
ApiResponse DeleteFreeze(const Api& api, const ApiRequest& request);

// handlers_streams.cc
ApiResponse GetEvents(const Api& api, const ApiRequest& request);
ApiResponse GetLogs(const Api& api, const ApiRequest& request);
ApiResponse PostExec(const Api& api, const ApiRequest& request);

}  // namespace drover::controller
