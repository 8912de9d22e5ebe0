#include "tests/sim/options.h"

#include "absl/strings/str_cat.h"
#include "common/prng.h"

namespace drover::sim {
namespace {

struct Frequency {
  const char* name;
  Duration Options::*field;
  Duration usual;
};

struct Likelihood {
  const char* name;
  double Options::*field;
  double usual;
};

// What is added goes to the end: the draws of those before stay as they were.
const Frequency kFrequencies[] = {
    {"controller_crash", &Options::controller_crash, absl::Minutes(5)},
    {"controller_freeze", &Options::controller_freeze, absl::Minutes(10)},
    {"old_store", &Options::old_store, absl::Minutes(20)},
    {"disk_full", &Options::disk_full, absl::Minutes(15)},
    {"wall_step", &Options::wall_step, absl::Minutes(10)},
    {"agent_crash", &Options::agent_crash, absl::Minutes(2)},
    {"agent_freeze", &Options::agent_freeze, absl::Minutes(5)},
    {"host_reboot", &Options::host_reboot, absl::Minutes(10)},
    {"host_death", &Options::host_death, absl::Minutes(30)},
    {"partition", &Options::partition, absl::Minutes(3)},
    {"stream_break", &Options::stream_break, absl::Minutes(1)},
    {"engine_away", &Options::engine_away, absl::Minutes(5)},
    {"engine_hang", &Options::engine_hang, absl::Minutes(5)},
    {"container_crash", &Options::container_crash, absl::Minutes(1)},
    {"unhealthy", &Options::unhealthy, absl::Minutes(2)},
    {"by_hand", &Options::by_hand, absl::Minutes(5)},
    {"edge_restart", &Options::edge_restart, absl::Minutes(5)},
    {"edge_wipe", &Options::edge_wipe, absl::Minutes(5)},
    {"consumer_away", &Options::consumer_away, absl::Minutes(5)},
    {"queue_away", &Options::queue_away, absl::Minutes(5)},
    {"sampler_stuck", &Options::sampler_stuck, absl::Minutes(5)},
    {"operation", &Options::operation, absl::Minutes(3)},
    {"load_change", &Options::load_change, absl::Minutes(2)},
    {"load_spike", &Options::load_spike, absl::Minutes(5)},
};

const Likelihood kLikelihoods[] = {
    {"crash_at_commit", &Options::crash_at_commit, 0.005},
    {"commit_error", &Options::commit_error, 0.01},
    {"duplicate", &Options::duplicate, 0.02},
    {"late_order", &Options::late_order, 0.02},
    {"engine_error", &Options::engine_error, 0.02},
    {"engine_stall", &Options::engine_stall, 0.005},
    {"event_loss", &Options::event_loss, 0.05},
};

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
  o.latency_max = prng.Chance(0.2) ? absl::Seconds(1) : absl::Milliseconds(20);
  o.edge_delay_max = prng.Chance(0.2) ? absl::Seconds(5) : absl::Milliseconds(500);
  o.restart_every = prng.Chance(0.1) ? 1 : prng.Chance(0.3) ? 10 : 50;
  for (const Frequency& f : kFrequencies) {
    o.*f.field = Often(prng, f.usual);
  }
  for (const Likelihood& l : kLikelihoods) {
    o.*l.field = Likely(prng, l.usual);
  }
  return o;
}

std::string ToString(const Options& o) {
  std::string text = absl::StrCat("hosts ", o.hosts, ", edges ", o.edges);
  for (const Frequency& f : kFrequencies) {
    if (o.*f.field != absl::InfiniteDuration()) {
      absl::StrAppend(&text, ", ", f.name, " ", absl::FormatDuration(o.*f.field));
    }
  }
  for (const Likelihood& l : kLikelihoods) {
    if (o.*l.field > 0) {
      absl::StrAppend(&text, ", ", l.name, " ", o.*l.field);
    }
  }
  absl::StrAppend(&text, ", latency ", absl::FormatDuration(o.latency_max), ", edge_delay ",
                  absl::FormatDuration(o.edge_delay_max), ", restart_every ", o.restart_every);
  return text;
}

}  // namespace drover::sim
