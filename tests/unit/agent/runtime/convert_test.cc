#include "agent/runtime/convert.h"

#include <gtest/gtest.h>

namespace drover::agent {
namespace {

v1::ServiceContext WithHealthcheck() {
  v1::ServiceContext wire;
  wire.mutable_container()->mutable_healthcheck()->add_test("CMD");
  wire.mutable_container()->mutable_healthcheck()->add_test("/healthz");
  wire.add_routed_ports(8000);
  return wire;
}

TEST(ConvertTest, R3_4_OfXReadyHealthcheckAndRoutedPortTheFirstThatExistsDecides) {
  v1::ServiceContext wire = WithHealthcheck();
  ServiceContext health = ContextFromWire(wire);
  EXPECT_TRUE(health.has_healthcheck);
  EXPECT_FALSE(health.has_ready_check);

  wire.mutable_ready()->mutable_http()->set_port(8000);
  ServiceContext ready = ContextFromWire(wire);
  EXPECT_FALSE(ready.has_healthcheck) << "x-ready wins";
  EXPECT_TRUE(ready.has_ready_check);

  wire.clear_ready();
  wire.mutable_container()->mutable_healthcheck()->set_test(0, "NONE");
  ServiceContext port = ContextFromWire(wire);
  EXPECT_FALSE(port.has_healthcheck);
  EXPECT_TRUE(port.has_ready_check);
}

}  // namespace
}  // namespace drover::agent
