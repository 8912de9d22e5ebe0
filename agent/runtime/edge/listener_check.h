// Listeners that a balancer on this host cannot have: the address is taken, or the certificate is no good.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/runtime/edge/arrange.h"

namespace drover::agent {

class ListenerCheck {
 public:
  // Takes them out of `sets` and says why in the set's error. `held` tells listeners that the balancer has
  // already.
  void DropImpossible(const std::function<bool(const EdgeListener&)>& held,
                      std::vector<RenderedSet>& sets) const;

  // Takes out the listeners whose certificate `words` of the balancer name, and remembers the files until
  // they change. False: it names none.
  bool DropBlamed(absl::string_view words, std::vector<RenderedSet>& sets);

 private:
  std::string Fault(const EdgeListener& listener) const;

  std::map<std::string, std::string> bad_certificates_;  // stamp -> the balancer's words
};

// Changes when a certificate of `sets` is another file.
std::string CertificateStamps(const std::vector<RenderedSet>& sets);

}  // namespace drover::agent
