#include "controller/runtime/access/roles.h"

namespace drover::controller {
namespace {

constexpr Role kRoles[] = {Role::kViewer, Role::kDeployer, Role::kOperator, Role::kAdmin, Role::kNode};

}  // namespace

const char* NameOf(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kDeployer:
      return "deployer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
    case Role::kNode:
      return "node";
  }
  return "";
}

std::optional<Role> RoleOf(absl::string_view name) {
  for (const Role role : kRoles) {
    if (name == NameOf(role)) {
      return role;
    }
  }
  return std::nullopt;
}

const char* NameOf(Need need) {
  switch (need) {
    case Need::kNothing:
      return "nothing";
    case Need::kView:
      return "view";
    case Need::kDeploy:
      return "deploy";
    case Need::kOperate:
      return "operate";
    case Need::kAdminister:
      return "administer";
  }
  return "";
}

bool Allows(Role role, Need need) {
  switch (need) {
    case Need::kNothing:
      return true;
    case Need::kView:
      return role != Role::kNode;
    case Need::kDeploy:
      return role == Role::kDeployer || role == Role::kOperator || role == Role::kAdmin;
    case Need::kOperate:
      return role == Role::kOperator || role == Role::kAdmin;
    case Need::kAdminister:
      return role == Role::kAdmin;
  }
  return false;
}

}  // namespace drover::controller
