// TLS of our gRPC servers: certificates that are read again when their files change, so that renewing one
// needs no restart; every client must show one of the authority's.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "absl/status/statusor.h"
#include "controller/runtime/tls_files.h"

namespace drover::controller {

// InvalidArgument as ReadTlsFiles.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerCredentialsOf(const TlsFiles& files);

}  // namespace drover::controller
