// xDS over TLS: whoever shows a certificate of the CA is served, nobody else.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "controller/runtime/xds/xds_server.h"
#include "envoy/service/discovery/v3/discovery.grpc.pb.h"
#include "tests/integration/controller/certificates.h"
#include "tests/unit/controller/runtime/xds/support.h"

namespace drover::controller {
namespace {

using envoy::service::discovery::v3::AggregatedDiscoveryService;

class XdsTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-xds-XXXXXX";
    directory_ = mkdtemp(name);
    const CertificatePair own = authority_.Issue("controller", "DNS:localhost");
    XdsServer::Options options;
    options.listen = "127.0.0.1:0";
    options.tls = TlsFiles{.certificate = File("cert.pem", own.certificate),
                           .key = File("key.pem", own.key),
                           .ca = File("ca.pem", authority_.certificate())};
    options.wait_view = [this](const View* than, Duration timeout) {
      if (than == view_.get()) {
        std::this_thread::sleep_for(absl::ToChronoMilliseconds(timeout));
      }
      return view_;
    };
    options.post = [](const Event&) {};
    absl::StatusOr<std::unique_ptr<XdsServer>> server = XdsServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void TearDown() override {
    if (server_ != nullptr) {
      server_->Stop();
    }
    std::filesystem::remove_all(directory_);
  }

  std::string File(const std::string& name, const std::string& content) const {
    std::ofstream(directory_ + "/" + name) << content;
    return directory_ + "/" + name;
  }

  // Asks for the listener of shop/web; what of it was answered, or why nothing was.
  std::string Listener(const CertificatePair& client) const {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = authority_.certificate();
    ssl.pem_cert_chain = client.certificate;
    ssl.pem_private_key = client.key;
    const auto stub = AggregatedDiscoveryService::NewStub(
        grpc::CreateChannel(absl::StrCat("localhost:", server_->port()), grpc::SslCredentials(ssl)));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    const auto stream = stub->StreamAggregatedResources(&context);
    stream->Write(Ask(XdsType::kListener, {"shop/web"}));
    XdsSession::Response response;
    if (stream->Read(&response)) {
      return testing::PrintToString(Contents(response));
    }
    return absl::StrCat(stream->Finish().error_code() == grpc::StatusCode::UNAVAILABLE ? "refused" : "ended");
  }

  TestAuthority authority_;
  std::string directory_;
  std::shared_ptr<const View> view_ = std::make_shared<View>(XdsView({{.name = "web", .backends = {1}}}));
  std::unique_ptr<XdsServer> server_;
};

TEST_F(XdsTlsTest, R10_OnlyACertificateOfTheAuthorityIsServed) {
  EXPECT_THAT(Listener(authority_.Issue("client")), testing::HasSubstr("listener shop/web"));
  EXPECT_EQ(Listener({}), "refused");
  EXPECT_EQ(Listener(TestAuthority().Issue("client")), "refused");
}

}  // namespace
}  // namespace drover::controller
