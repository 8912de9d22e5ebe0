// Between the connection and the handlers: whose token it is, whether its role and stack allow the request,
// and what of it goes into the audit.
#pragma once

#include <optional>
#include <string>

#include "controller/runtime/http/api.h"
#include "controller/runtime/http/routes.h"

namespace drover::controller {

class Authorizer {
 public:
  // `access` null: everybody may do everything, nothing is audited. `token_needed`: else whoever shows none
  // may do everything; one that is shown always counts.
  Authorizer(AccessControl* access, const Api* api, bool token_needed)
      : access_(access), api_(api), token_needed_(token_needed) {}

  // Finds out who asks and keeps `request` to the stack of the token. The refusal, already in the audit:
  // 401 without a good token, 403 when it is not enough. `authorization`: the header.
  std::optional<ApiResponse> Admit(const Route& route, const std::string& authorization,
                                   ApiRequest& request) const;

  // The refusal of a path that there is not, to those who may not know that.
  std::optional<ApiResponse> AdmitUnknown(const std::string& authorization, const ApiRequest& request) const;

  // Writes the entry of a change that was answered by `response`. Reads leave none.
  void Audit(const Route& route, const ApiRequest& request, const ApiResponse& response) const;

 private:
  ApiResponse Deny(const std::string& who, const ApiRequest& request, const absl::Status& why) const;

  AccessControl* const access_;
  const Api* const api_;
  const bool token_needed_;
};

}  // namespace drover::controller
