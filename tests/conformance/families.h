// The families of cases, each driving the shipped functions of controller/core/autoscale. A case of an
// unknown kind, or one that cannot be read, throws Malformed.
#pragma once

#include "tests/conformance/value.h"

namespace drover::conformance {

Verdict RunHpaResource(const Value& test);    // replicas, classify, requests
Verdict RunHpaMetric(const Value& test);      // replicas
Verdict RunHpaBehavior(const Value& test);    // rate, limit, stabilize, events, …
Verdict RunHpaController(const Value& test);  // reconcile
Verdict RunKpa(const Value& test);            // decider, max_window
Verdict RunKeda(const Value& test);           // activation, fallback

}  // namespace drover::conformance
