#include "tests/fuzz/step_spec.h"

#include <string>

namespace drover::fuzz {
namespace {

constexpr size_t kMostReplicas = 24;
constexpr int kOdd = 6;  // of 256: a value that may be anything

void Set(Feed& feed, google::protobuf::Duration* duration) {
  if (feed.Chance(kOdd)) {
    duration->set_seconds(feed.Signed());
    duration->set_nanos(static_cast<int32_t>(feed.Word()));
    return;
  }
  duration->set_seconds(feed.Pick<int64_t>({0, 1, 2, 5, 15, 30, 60, 300, 1800, 3600, 315'576'000'000}));
}

uint32_t Count(Feed& feed) { return static_cast<uint32_t>(feed.Below(kMostReplicas + 1)); }

double Target(Feed& feed) {
  return feed.Chance(kOdd) ? feed.Real() : feed.Pick({1.0, 5.0, 10.0, 60.0, 100.0, 0.5, 1e-9, 1e9});
}

void FillBehavior(Feed& feed, v1::ScalingBehavior* behavior) {
  if (feed.Chance(128)) {
    Set(feed, behavior->mutable_stabilization());
  }
  behavior->set_select(static_cast<v1::ScalingBehavior::Select>(feed.Below(4)));
  for (size_t i = feed.Below(3); i > 0; --i) {
    v1::ScalingPolicy* policy = behavior->add_policies();
    if (feed.Chance(128)) {
      policy->set_percent(feed.Pick<uint32_t>({100, 1, 10, 1000, 4'000'000'000}));
    } else {
      policy->set_replicas(feed.Pick<uint32_t>({1, 4, 100, 4'000'000'000}));
    }
    policy->mutable_period()->set_seconds(feed.Pick<int64_t>({15, 1, 60, 1800}));
  }
  if (feed.Chance(48)) {
    behavior->set_tolerance(feed.Pick({0.0, 0.1, 0.5, 10.0}));
  }
}

void FillSchedule(Feed& feed, v1::ScheduleSignal* schedule) {
  const auto cron = [&] {
    return feed.Pick<const char*>(
        {"0 8 * * *", "0 18 * * MON-FRI", "* * * * *", "*/5 * * * *", "0 0 29 2 *"});
  };
  schedule->set_start(cron());
  schedule->set_end(cron());
  schedule->set_time_zone(
      feed.Pick<const char*>({"", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"}));
  schedule->set_replicas(1 + Count(feed));
}

void AddSignal(Feed& feed, v1::AutoscaleSpec* scale) {
  v1::SignalSpec* signal = scale->add_signals();
  switch (feed.Below(7)) {
    case 0:
    case 1:
      signal->mutable_queue()->set_queue(feed.Pick<const char*>({"jobs", "depth", "near"}));
      signal->mutable_queue()->mutable_max_wait()->set_seconds(feed.Pick<int64_t>({5, 1, 30, 600, 86400}));
      return;
    case 2:
    case 3:
      signal->mutable_queue()->set_queue(feed.Pick<const char*>({"jobs", "depth", "near"}));
      signal->mutable_queue()->set_per_replica(Target(feed));
      signal->mutable_queue()->set_activation(feed.Chance(64) ? feed.Real() : 0);
      return;
    case 4:
      return signal->mutable_cpu()->set_target_percent(Target(feed));
    case 5:
      return signal->mutable_memory()->set_target_percent(Target(feed));
    default:
      return FillSchedule(feed, signal->mutable_schedule());
  }
}

void FillFallback(Feed& feed, v1::FallbackSpec* fallback) {
  fallback->set_failure_threshold(feed.Pick<uint32_t>({3, 0, 1, 4'000'000'000}));
  fallback->set_replicas(Count(feed));
  fallback->set_behavior(static_cast<v1::FallbackSpec::Behavior>(feed.Below(5)));
}

void FillAutoscale(Feed& feed, v1::AutoscaleSpec* scale) {
  scale->set_min(static_cast<uint32_t>(feed.Below(4)));
  scale->set_max(scale->min() + Count(feed));
  scale->set_policy(feed.Pick<const char*>({"", "drover", "hpa", "kpa", "keda", ""}));
  for (size_t i = 1 + feed.Below(scale->policy() == "kpa" ? 1 : 3); i > 0; --i) {
    AddSignal(feed, scale);
  }
  if (feed.Chance(128)) {
    FillBehavior(feed, scale->mutable_scale_up());
    FillBehavior(feed, scale->mutable_scale_down());
  }
  if (feed.Chance(64)) {
    Set(feed, scale->mutable_idle());
  }
  if (feed.Chance(64)) {
    Set(feed, scale->mutable_interval());
  }
  if (feed.Chance(64)) {
    scale->set_tolerance(feed.Pick({0.0, 0.1, 0.999, 1e-300}));
  }
  if (feed.Chance(48)) {
    FillFallback(feed, scale->mutable_fallback());
  }
  if (feed.Chance(32)) {
    scale->set_idle_replicas(static_cast<uint32_t>(feed.Below(4)));
  }
  scale->set_dry_run(feed.Chance(24));
}

void FillPlacement(Feed& feed, v1::ServiceSpec* service) {
  if (feed.Chance(128)) {
    service->set_reserved_cpu_milli(feed.Chance(kOdd) ? feed.Signed() : 100);
    service->set_reserved_memory_bytes(feed.Chance(kOdd) ? feed.Signed() : 64 << 20);
  }
  if (feed.Chance(96)) {
    service->add_routed_ports(80);
    v1::EdgeRoute* edge = service->add_edges();
    edge->set_listen(static_cast<uint32_t>(8000 + feed.Below(3)));
    edge->set_target(80);
    edge->set_maxconn(feed.Chance(kOdd) ? feed.Word() : 0);
  }
  switch (feed.Below(12)) {
    case 0:
      return service->set_singleton(true);
    case 1:
      return service->add_local_data("data");
    case 2:
      service->mutable_task()->set_when(static_cast<v1::TaskSpec::When>(feed.Below(2)));
      return;
    case 3:
      service->mutable_update()->set_order(v1::UpdateSpec::STOP_FIRST);
      return;
    case 4:
      return service->set_bin_pack(true);
    default:
      return;
  }
}

void AddService(Feed& feed, const std::string& name, v1::StackSpec* stack) {
  v1::ServiceSpec* service = stack->add_services();
  service->set_name(name);
  service->mutable_container()->set_image(feed.Pick<const char*>({"image:1", "image:2", "image:3"}));
  service->set_replicas(static_cast<uint32_t>(feed.Below(6)));
  if (feed.Chance(200)) {
    FillAutoscale(feed, service->mutable_autoscale());
  } else {
    FillPlacement(feed, service);
  }
  if (feed.Chance(32)) {
    Set(feed, service->mutable_container()->mutable_stop_grace_period());
  }
  if (feed.Chance(32)) {
    service->set_priority(static_cast<int32_t>(feed.Word()));
  }
  if (feed.Chance(32) && stack->services_size() > 1) {
    v1::Dependency* dependency = service->add_depends_on();
    dependency->set_service(stack->services(0).name());
    dependency->set_condition(static_cast<v1::Dependency::Condition>(feed.Below(4)));
  }
}

void AddQueues(Feed& feed, v1::StackSpec* stack) {
  const auto redis = [&](const char* name, const char* host) {
    v1::QueueSpec* queue = stack->add_queues();
    queue->set_name(name);
    queue->set_kind(feed.Chance(32) ? v1::QueueSpec::EXTERNAL : v1::QueueSpec::REDIS_LIST);
    queue->add_keys("jobs");
    v1::Endpoint* endpoint = queue->add_endpoints();
    endpoint->set_host(host);
    endpoint->set_port(6379);
    if (feed.Chance(24)) {
      Set(feed, queue->mutable_interval());
    }
  };
  v1::QueueSpec* depth = stack->add_queues();
  depth->set_name("depth");
  depth->set_kind(v1::QueueSpec::PUSHED);
  depth->set_pushed("depth");
  if (feed.Chance(48)) {
    Set(feed, depth->mutable_stale_after());
  }
  redis("jobs", "broker.example");
  redis("near", "db");  // of the stack, where there is one
}

}  // namespace

v1::StackSpec MakeStack(Feed& feed) {
  v1::StackSpec stack;
  stack.set_name(feed.Pick<const char*>({"a", "a", "b"}));
  AddQueues(feed, &stack);
  const uint8_t services = feed.Byte();
  for (const auto& [bit, name] : {std::pair(1, "db"), std::pair(2, "web"), std::pair(4, "work")}) {
    if ((services & bit) != 0 || (bit == 4 && stack.services().empty())) {
      AddService(feed, name, &stack);
    }
  }
  return stack;
}

}  // namespace drover::fuzz
