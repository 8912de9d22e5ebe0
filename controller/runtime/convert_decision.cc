#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "controller/runtime/convert.h"

namespace drover::controller {
namespace {

uint32_t U32(int64_t value) {
  return static_cast<uint32_t>(std::clamp<int64_t>(value, 0, std::numeric_limits<uint32_t>::max()));
}

v1::SignalDecision SignalToProto(const SignalDecision& signal) {
  v1::SignalDecision out;
  out.set_name(signal.name);
  if (signal.value) {
    out.set_value(*signal.value);
    *out.mutable_age() = ToProto(signal.age);
  }
  out.set_unknown_reason(signal.unknown_reason);
  out.set_target(signal.target);
  out.set_unit(signal.unit);
  if (signal.wish) {
    out.set_wish(U32(*signal.wish));
  }
  out.set_formula(signal.formula);
  return out;
}

SignalDecision SignalToCore(const v1::SignalDecision& signal) {
  SignalDecision out;
  out.name = signal.name();
  if (signal.has_value()) {
    out.value = signal.value();
    out.age = ToCore(signal.age());
  }
  out.unknown_reason = signal.unknown_reason();
  out.target = signal.target();
  out.unit = signal.unit();
  if (signal.has_wish()) {
    out.wish = signal.wish();
  }
  out.formula = signal.formula();
  return out;
}

ReplicaId IdOf(const std::string& hex) {
  uint64_t id = 0;
  return absl::SimpleHexAtoi(hex, &id) ? ReplicaId(id) : ReplicaId();
}

}  // namespace

v1::Choice ToProto(const Choice& choice) {
  v1::Choice out;
  out.set_replica_id(ToString(choice.replica));
  out.set_action(choice.action);
  out.set_node(choice.node.value());
  out.set_why(choice.why);
  return out;
}

v1::Decision ToProto(const Decision& decision) {
  v1::Decision out;
  out.set_id(decision.id);
  *out.mutable_at() = ToProto(decision.at);
  out.set_stack(decision.service.stack);
  out.set_service(decision.service.service);
  out.set_current(U32(decision.current));
  out.set_desired(U32(decision.desired));
  for (const SignalDecision& signal : decision.signals) {
    *out.add_signals() = SignalToProto(signal);
  }
  for (const Clamp& clamp : decision.clamps) {
    v1::Clamp* to = out.add_clamps();
    to->set_name(clamp.name);
    to->set_before(U32(clamp.before));
    to->set_after(U32(clamp.after));
    to->set_detail(clamp.detail);
  }
  out.set_winner(decision.winner);
  out.set_reason(decision.reason);
  for (const Condition& condition : decision.conditions) {
    v1::Condition* to = out.add_conditions();
    to->set_type(condition.type);
    to->set_status(condition.holds ? "True" : "False");
    to->set_reason(condition.reason);
    to->set_message(condition.message);
  }
  for (const Choice& choice : decision.choices) {
    *out.add_choices() = ToProto(choice);
  }
  out.mutable_blocked()->Assign(decision.blocked.begin(), decision.blocked.end());
  return out;
}

Decision ToCore(const v1::Decision& decision) {
  Decision out;
  out.id = decision.id();
  out.at = ToCore(decision.at());
  out.service = {decision.stack(), decision.service()};
  out.current = decision.current();
  out.desired = decision.desired();
  for (const v1::SignalDecision& signal : decision.signals()) {
    out.signals.push_back(SignalToCore(signal));
  }
  for (const v1::Clamp& clamp : decision.clamps()) {
    out.clamps.push_back({clamp.name(), clamp.before(), clamp.after(), clamp.detail()});
  }
  out.winner = decision.winner();
  out.reason = decision.reason();
  for (const v1::Condition& condition : decision.conditions()) {
    out.conditions.push_back(
        {condition.type(), condition.status() == "True", condition.reason(), condition.message()});
  }
  for (const v1::Choice& choice : decision.choices()) {
    out.choices.push_back({IdOf(choice.replica_id()), choice.action(), NodeId(choice.node()), choice.why()});
  }
  out.blocked.assign(decision.blocked().begin(), decision.blocked().end());
  return out;
}

v1::Event ToProto(const EventRecord& event) {
  v1::Event out;
  out.set_id(event.id);
  *out.mutable_at() = ToProto(event.at);
  out.set_type(event.type);
  out.set_reason(event.reason);
  out.set_message(event.message);
  out.set_stack(event.service.stack);
  out.set_service(event.service.service);
  if (event.replica != ReplicaId()) {
    out.set_replica_id(ToString(event.replica));
  }
  out.set_node_id(event.node.value());
  out.set_warning(event.warning);
  return out;
}

}  // namespace drover::controller
