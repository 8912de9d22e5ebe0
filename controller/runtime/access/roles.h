// The table of who may do what. A role allows everything that the ones before it allow; `node` allows
// joining only.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::controller {

enum class Role { kViewer, kDeployer, kOperator, kAdmin, kNode };

// What a request needs.
enum class Need {
  kNothing,     // anybody, without a token
  kView,        // reads; never the content of a secret
  kDeploy,      // changes one stack: apply, remove, scale, pause, resume, exec, pushed metrics
  kOperate,     // changes nodes and the cluster as a whole
  kAdminister,  // tokens, the audit
};

// "viewer", "deployer", "operator", "admin", "node".
const char* NameOf(Role role);
std::optional<Role> RoleOf(absl::string_view name);
// "view", "deploy" …, for messages.
const char* NameOf(Need need);

bool Allows(Role role, Need need);

}  // namespace drover::controller
