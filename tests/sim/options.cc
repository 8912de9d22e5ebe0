#include "tests/sim/options.h"

#include "absl/strings/str_cat.h"
#include "common/prng.h"

namespace drover::sim {
namespace {

// Off for three seeds of ten, five times as often for two.
Duration Often(Prng& prng, Duration usual) {
  const double draw = prng.Uniform();
  if (draw < 0.3) {
    return absl::InfiniteDuration();
  }
  return draw < 0.5 ? usual / 5 : usual;
}

double Likely(Prng& prng, double usual) {
  const double draw = prng.Uniform();
  if (draw < 0.3) {
    return 0;
  }
  return draw < 0.5 ? usual * 5 : usual;
}

}  // namespace

Options MakeOptions(uint64_t seed) {
  Prng prng = Prng(seed).Split("options");
  Options o;
  o.seed = seed;
  o.hosts = 4 + static_cast<int>(prng.Below(7));
  o.edges = 1 + static_cast<int>(prng.Below(2));
  o.controller_crash = Often(prng, absl::Minutes(5));
  o.controller_freeze = Often(prng, absl::Minutes(10));
  o.old_store = Often(prng, absl::Minutes(20));
  o.agent_crash = Often(prng, absl::Minutes(2));
  o.agent_freeze = Often(prng, absl::Minutes(5));
  o.host_reboot = Often(prng, absl::Minutes(10));
  o.partition = Often(prng, absl::Minutes(3));
  o.stream_break = Often(prng, absl::Minutes(1));
  o.engine_away = Often(prng, absl::Minutes(5));
  o.container_crash = Often(prng, absl::Minutes(1));
  o.by_hand = Often(prng, absl::Minutes(5));
  o.edge_restart = Often(prng, absl::Minutes(5));
  o.queue_away = Often(prng, absl::Minutes(5));
  o.sampler_stuck = Often(prng, absl::Minutes(5));
  o.operation = Often(prng, absl::Minutes(3));
  o.load_change = Often(prng, absl::Minutes(2));
  o.crash_at_commit = Likely(prng, 0.005);
  o.commit_error = Likely(prng, 0.01);
  o.duplicate = Likely(prng, 0.02);
  o.engine_error = Likely(prng, 0.02);
  o.engine_stall = Likely(prng, 0.005);
  o.event_loss = Likely(prng, 0.05);
  o.latency_max = prng.Chance(0.2) ? absl::Seconds(1) : absl::Milliseconds(20);
  o.edge_delay_max = prng.Chance(0.2) ? absl::Seconds(5) : absl::Milliseconds(500);
  return o;
}

std::string ToString(const Options& o) {
  std::string text = absl::StrCat("hosts ", o.hosts, ", edges ", o.edges);
  const auto often = [&](const char* name, Duration every) {
    if (every != absl::InfiniteDuration()) {
      absl::StrAppend(&text, ", ", name, " ", absl::FormatDuration(every));
    }
  };
  const auto likely = [&](const char* name, double p) {
    if (p > 0) {
      absl::StrAppend(&text, ", ", name, " ", p);
    }
  };
  often("controller_crash", o.controller_crash);
  often("controller_freeze", o.controller_freeze);
  often("old_store", o.old_store);
  often("agent_crash", o.agent_crash);
  often("agent_freeze", o.agent_freeze);
  often("host_reboot", o.host_reboot);
  often("partition", o.partition);
  often("stream_break", o.stream_break);
  often("engine_away", o.engine_away);
  often("container_crash", o.container_crash);
  often("by_hand", o.by_hand);
  often("edge_restart", o.edge_restart);
  often("queue_away", o.queue_away);
  often("sampler_stuck", o.sampler_stuck);
  often("operation", o.operation);
  often("load_change", o.load_change);
  likely("crash_at_commit", o.crash_at_commit);
  likely("commit_error", o.commit_error);
  likely("duplicate", o.duplicate);
  likely("engine_error", o.engine_error);
  likely("engine_stall", o.engine_stall);
  likely("event_loss", o.event_loss);
  absl::StrAppend(&text, ", latency ", absl::FormatDuration(o.latency_max), ", edge_delay ",
                  absl::FormatDuration(o.edge_delay_max));
  return text;
}

}  // namespace drover::sim
