#include "simulate/erlang.h"

#include <cmath>
#include <limits>

namespace drover::simulate {
namespace {

double WaitFromLoss(double loss, double servers, double erlang) {
  return loss / (1 - erlang / servers * (1 - loss));
}

}  // namespace

double ErlangC(int64_t servers, double erlang) {
  if (static_cast<double>(servers) <= erlang) {
    return erlang > 0 ? 1 : 0;
  }
  double loss = 1;
  for (int64_t k = 1; k <= servers; ++k) {
    loss = erlang * loss / (static_cast<double>(k) + erlang * loss);
  }
  return WaitFromLoss(loss, static_cast<double>(servers), erlang);
}

double MeanWait(int64_t servers, double erlang) {
  const double spare = static_cast<double>(servers) - erlang;
  return spare <= 0 ? std::numeric_limits<double>::infinity() : ErlangC(servers, erlang) / spare;
}

int64_t ServersFor(double erlang, double job_s, const Promise& promise) {
  if (erlang <= 0) {
    return 0;
  }
  double loss = 1;
  for (int64_t k = 1;; ++k) {
    const double servers = static_cast<double>(k);
    loss = erlang * loss / (servers + erlang * loss);
    if (servers > erlang &&
        WaitFromLoss(loss, servers, erlang) * std::exp(-(servers - erlang) * promise.wait_s / job_s) <=
            promise.share) {
      return k;
    }
  }
}

}  // namespace drover::simulate
