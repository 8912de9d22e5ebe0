// The one place where the wire, the API and the stored form become the core's types and back. The
// core never sees protobuf; everything outside it never builds the core's types in another way.
//
// Overloads named ToCore go inwards, ToProto outwards. Nothing here keeps state; every function may
// be called from any thread. What comes from outside and is malformed is an error or a named fault,
// never a crash.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/ids.h"
#include "common/time.h"
#include "controller/core/event.h"
#include "controller/core/ready.h"
#include "controller/core/record.h"
#include "controller/core/spec.h"
#include "controller/core/view.h"
#include "drover/v1/agent.pb.h"
#include "drover/v1/api.pb.h"
#include "drover/v1/cluster.pb.h"
#include "drover/v1/store.pb.h"

namespace drover::controller {

// ---- specs --------------------------------------------------------------------------------------

// Checks the whole spec (see validate.h) and translates it. InvalidArgument lists every fault, one a
// line, each with its field path.
absl::StatusOr<StackSpec> ToCore(const v1::StackSpec& spec);

// The translation alone, for a spec that was accepted before (possibly by an older version).
StackSpec TranslateChecked(const v1::StackSpec& spec);

// One service's scaling, for a spec that was accepted before.
AutoscaleSpec ToCore(const v1::AutoscaleSpec& spec);

// The spec that `source` (StackSpec::source, StackView::source) holds, without secrets' content; for
// showing to people. DataLoss when it can't be parsed.
absl::StatusOr<v1::StackSpec> ShownSpec(const std::string& source);

// Lower-case hex of SHA-256.
std::string Sha256Hex(absl::string_view data);

Duration ToCore(const google::protobuf::Duration& duration);
google::protobuf::Duration ToProto(Duration duration);
// An infinite or unset time becomes the zero timestamp and back to absl::UnixEpoch().
absl::Time ToCore(const google::protobuf::Timestamp& time);
google::protobuf::Timestamp ToProto(absl::Time time);

// Whether a number of jobs from outside can be reckoned with: 0 to 1e15. NaN, infinity, and what becomes
// infinite in a sum would spread through all that follows.
constexpr bool IsAmount(double value) { return value >= 0 && value <= 1e15; }

// ---- from agents --------------------------------------------------------------------------------

// Where and when a message was received.
struct Received {
  Instant now;
  NodeId node;
  StreamId stream;
};

// InvalidArgument when the agent can't be known by it: no node id, or one that is not 16 hex digits.
absl::StatusOr<NodeConnected> ToCore(const v1::Hello& hello, Instant now, StreamId stream);

// What is malformed is left out (a column of another length is unknown for all rows) and named in
// `faults`.
NodeReport ToCore(const v1::Report& report, const Received& received, std::vector<std::string>& faults);

NeedFull ToCore(const v1::NeedFull& need, const Received& received);

// ---- to agents ----------------------------------------------------------------------------------

// What the stream, not the core, knows for Welcome.
struct WelcomeTerms {
  uint32_t protocol = 1;
  Duration report_interval = absl::Seconds(1);
};

v1::ControllerMessage ToProto(const Order& order, const WelcomeTerms& terms);
v1::Refuse ToProto(const Refuse& refuse);

// ---- the store ----------------------------------------------------------------------------------

v1::StoredStack ToProto(const StackRecord& record);
v1::StoredService ToProto(const ServiceRecord& record);
v1::StoredReplica ToProto(const ReplicaRecord& record);
v1::StoredNode ToProto(const NodeRecord& record);
v1::NodeAvailability ToProto(NodeAvailability availability);
v1::StoredCluster ToProto(const ClusterRecord& record);
StackRecord ToCore(const v1::StoredStack& stored);
ServiceRecord ToCore(const v1::StoredService& stored);
// DataLoss for a state that no version wrote.
absl::StatusOr<ReplicaRecord> ToCore(const v1::StoredReplica& stored);
NodeRecord ToCore(const v1::StoredNode& stored);
ClusterRecord ToCore(const v1::StoredCluster& stored);

// ---- decisions and events, for the API and the history --------------------------------------------

// Without summary and text, which are made of the rest.
v1::Decision ToProto(const Decision& decision);
Decision ToCore(const v1::Decision& decision);
v1::Choice ToProto(const Choice& choice);
v1::Event ToProto(const EventRecord& event);

// ---- for the API --------------------------------------------------------------------------------

v1::ReplicaState ToProto(ReplicaState state);
v1::Capacity CapacityToProto(const Resources& resources);
v1::PublishedPort ToProto(const PublishedPort& port);

}  // namespace drover::controller
