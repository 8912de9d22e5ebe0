// Certificate files for the gRPC and HTTP servers.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace drover::controller {

struct TlsFiles {
  std::string certificate;  // PEM, chain allowed
  std::string key;          // PEM, not encrypted
  std::string ca;           // PEM: who signs the agents' certificates
};

// The content of the files, read and checked.
struct TlsContents {
  std::string certificate;
  std::string key;
  std::string ca;
};

// InvalidArgument names the file and what is wrong with it: unreadable, no PEM, or a key that does
// not belong to the certificate.
absl::StatusOr<TlsContents> ReadTlsFiles(const TlsFiles& files);

}  // namespace drover::controller
