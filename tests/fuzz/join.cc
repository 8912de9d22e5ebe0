// Bytes as the body of POST /v1/join, which anybody may send who reaches the port: refused, or a certificate
// that says what the request says and nothing more.
#include <google/protobuf/util/json_util.h>
#include <stdlib.h>

#include <filesystem>

#include "controller/runtime/access/authority.h"
#include "drover/v1/api.pb.h"
#include "pki/certificates.h"
#include "pki/token.h"
#include "tests/fuzz/expect.h"

namespace drover::fuzz {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kLife = absl::Hours(24);

controller::Authority MakeTestAuthority() {
  std::string name = (std::filesystem::temp_directory_path() / "drover-fuzz-XXXXXX").string();
  Expect(mkdtemp(name.data()) != nullptr, "a folder for the authority can be made", name);
  auto authority = controller::Authority::Open(name, kNow);
  std::error_code ignored;
  std::filesystem::remove_all(name, ignored);
  Expect(authority.ok(), "an authority can be made", authority.status().ToString());
  return *std::move(authority);
}

void CheckToken(const std::string& text) {
  if (const auto token = pki::ParseToken(text); token.ok()) {
    Expect(*pki::ParseToken(pki::Format(*token)) == *token, "a token that is read is written the same", text);
  }
}

void CheckRequest(const v1::JoinRequest& request) {
  static const controller::Authority authority = MakeTestAuthority();
  (void)pki::FactsOf(request.csr());
  const auto certificate = authority.IssueForNode(request.csr(), NodeId(request.node_id()), kNow, kLife);
  if (!certificate.ok()) {
    return;
  }
  const auto facts = pki::FactsOf(*certificate);
  Expect(facts.ok(), "what was issued is a certificate", *certificate);
  Expect(facts->common_name == request.node_id(), "it names the node", facts->common_name);
  Expect(!facts->authority && facts->names.empty(), "it is for a client only", *certificate);
  Expect(facts->not_after == kNow + kLife, "it ends in time", *certificate);
  Expect(*pki::KeyHash(*certificate) == *pki::KeyHash(request.csr()), "it is for the key of the request",
         *certificate);
}

}  // namespace
}  // namespace drover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  drover::v1::JoinRequest request;
  if (google::protobuf::util::JsonStringToMessage(body, &request).ok()) {
    drover::fuzz::CheckToken(request.token());
    drover::fuzz::CheckRequest(request);
  }
  // The same bytes as the request alone: mutations of it get further.
  drover::fuzz::CheckToken(body);
  drover::v1::JoinRequest bare;
  bare.set_csr(body);
  bare.set_node_id("00000000000000aa");
  drover::fuzz::CheckRequest(bare);
  return 0;
}
