// Certificate files for the gRPC and HTTP servers.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/time.h"

namespace drover::controller {

struct TlsFiles {
  std::string certificate;  // PEM, chain allowed
  std::string key;          // PEM, not encrypted
  std::string ca;           // PEM: who signs the agents' certificates
  // How often gRPC looks whether they have changed; whole seconds.
  Duration reread = absl::Minutes(1);
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
