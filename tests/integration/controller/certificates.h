// Certificates for tests, made on the spot.
#pragma once

#include <memory>
#include <string>

namespace drover::controller {

struct CertificatePair {
  std::string certificate;  // PEM
  std::string key;
};

// A certificate authority that lives as long as the object.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  // PEM of the authority itself.
  std::string certificate() const;
  // `alternative` is a subject alternative name ("DNS:localhost"); empty: none.
  CertificatePair Issue(const std::string& common_name, const std::string& alternative = "") const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::controller
