#include "controller/runtime/access/roles.h"

#include <gtest/gtest.h>

#include <set>

namespace drover::controller {
namespace {

TEST(RolesTest, TheTable) {
  const struct {
    Role role;
    std::set<Need> may;
  } kTable[] = {
      {Role::kNode, {Need::kNothing}},
      {Role::kViewer, {Need::kNothing, Need::kView}},
      {Role::kDeployer, {Need::kNothing, Need::kView, Need::kDeploy}},
      {Role::kOperator, {Need::kNothing, Need::kView, Need::kDeploy, Need::kOperate}},
      {Role::kAdmin, {Need::kNothing, Need::kView, Need::kDeploy, Need::kOperate, Need::kAdminister}},
  };

  for (const auto& row : kTable) {
    for (const Need need : {Need::kNothing, Need::kView, Need::kDeploy, Need::kOperate, Need::kAdminister}) {
      EXPECT_EQ(Allows(row.role, need), row.may.count(need) > 0) << NameOf(row.role) << " " << NameOf(need);
    }
    EXPECT_EQ(RoleOf(NameOf(row.role)), row.role);
  }
  EXPECT_EQ(RoleOf("root"), std::nullopt);
  EXPECT_EQ(RoleOf(""), std::nullopt);
}

}  // namespace
}  // namespace drover::controller
