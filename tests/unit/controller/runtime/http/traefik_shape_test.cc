// Traefik's document against the shape that its documentation gives for dynamic configuration of the file
// provider, which the HTTP provider takes as JSON:
// https://doc.traefik.io/traefik/v3.4/reference/routing-configuration/http/load-balancing/service and
// https://doc.traefik.io/traefik/v3.4/reference/routing-configuration/other-providers/file
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/runtime/traefik.h"

namespace drover::controller {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A field's type; "!": it has to be there. {"*": …}: names of one's own choice. Fields of the documentation
// that no document of Drover has any use for are left out: they are faults here.
const json& Shape() {
  static const json shape = json::parse(R"({
    "http": {
      "routers": {"*": {"rule": "rule!", "service": "string!", "entryPoints": ["string"], "priority": "integer"}},
      "services": {"*": {"loadBalancer!": {
        "servers": [{"url": "url!", "weight": "integer", "preservePath": "boolean"}],
        "passHostHeader": "boolean",
        "sticky": {"cookie": {"name": "string", "secure": "boolean", "httpOnly": "boolean", "sameSite": "string"}},
        "healthCheck": {"path": "string!", "interval": "string", "timeout": "string"}}}}
    },
    "tcp": {
      "routers": {"*": {"rule": "sni!", "service": "string!", "entryPoints": ["string"], "priority": "integer"}},
      "services": {"*": {"loadBalancer!": {"servers": [{"address": "address!", "tls": "boolean"}]}}}
    }
  })");
  return shape;
}

bool Matches(const json& value, const char* pattern) {
  return value.is_string() && std::regex_match(value.get<std::string>(), std::regex(pattern));
}

bool IsOfType(const json& value, const std::string& type) {
  constexpr char kHostPort[] = R"((\[[0-9a-f:]+\]|[0-9a-z.\-]+):[0-9]{1,5})";
  if (type == "string") {
    return value.is_string() && !value.get<std::string>().empty();
  }
  if (type == "integer") {
    return value.is_number_unsigned();
  }
  if (type == "boolean") {
    return value.is_boolean();
  }
  if (type == "url") {
    return Matches(value, absl::StrCat("https?://", kHostPort).c_str());
  }
  if (type == "address") {
    return Matches(value, kHostPort);
  }
  if (type == "sni") {
    return Matches(value, R"(HostSNI\(`(\*|[^`]+)`\))");
  }
  return type == "rule" && Matches(value, R"((Host|PathPrefix)\(`[^`]+`\)( && PathPrefix\(`[^`]+`\))?)");
}

void CheckObject(const json& value, const json& shape, const std::string& path,
                 std::vector<std::string>& faults);

void Check(const json& value, const json& shape, const std::string& path, std::vector<std::string>& faults) {
  if (shape.is_object()) {
    CheckObject(value, shape, path, faults);
  } else if (shape.is_array()) {
    if (!value.is_array() || value.empty()) {
      faults.push_back(path + ": no list with something in it");
      return;
    }
    for (size_t i = 0; i < value.size(); ++i) {
      Check(value[i], shape[0], absl::StrCat(path, "[", i, "]"), faults);
    }
  } else if (std::string type = shape; !IsOfType(value, type.substr(0, type.find('!')))) {
    faults.push_back(absl::StrCat(path, ": no ", type));
  }
}

// The field `name` of `shape`, required or not; null: there is none.
json FieldShape(const json& shape, const std::string& name) {
  for (const std::string& key : {name, name + "!", std::string("*")}) {
    if (shape.contains(key)) {
      return shape[key];
    }
  }
  return nullptr;
}

void CheckObject(const json& value, const json& shape, const std::string& path,
                 std::vector<std::string>& faults) {
  if (!value.is_object() || value.empty()) {
    faults.push_back(path + ": no object with something in it");
    return;
  }
  for (const auto& [name, field] : value.items()) {
    const json of = FieldShape(shape, name);
    if (of.is_null()) {
      faults.push_back(absl::StrCat(path, ".", name, ": not in the documentation"));
    } else {
      Check(field, of, absl::StrCat(path, ".", name), faults);
    }
  }
  for (const auto& [key, of] : shape.items()) {
    const bool needed = key.back() == '!' || (of.is_string() && std::string(of).back() == '!');
    const std::string name = key.substr(0, key.find('!'));
    if (needed && !value.contains(name)) {
      faults.push_back(absl::StrCat(path, ".", name, ": missing"));
    }
  }
}

std::vector<std::string> Faults(const json& document) {
  std::vector<std::string> faults;
  Check(document, Shape(), "", faults);
  for (const auto& [protocol, section] : document.items()) {
    const json services = section.value("services", json::object());
    const json routers = section.value("routers", json::object());
    for (const auto& [name, router] : routers.items()) {
      if (!services.contains(router.value("service", ""))) {
        faults.push_back(absl::StrCat(protocol, " router ", name, ": its service is not in the document"));
      }
    }
  }
  return faults;
}

ListenerSpec Route(const std::string& host, const std::string& path, std::vector<std::string> on = {}) {
  ListenerSpec route;
  route.pull = "traefik1";
  route.host = host;
  route.path = path;
  route.http = !host.empty() || !path.empty();
  route.on = std::move(on);
  route.target = 8000;
  return route;
}

std::shared_ptr<const ServiceView> Service(const std::string& name, std::vector<ListenerSpec> routes,
                                           std::vector<Backend> backends) {
  auto service = std::make_shared<ServiceView>();
  service->key = {.stack = "shop", .service = name};
  BackendSet set;
  set.service = service->key;
  set.target = 8000;
  set.listeners = std::move(routes);
  set.backends = std::move(backends);
  service->sets = {set};
  return service;
}

json Document(const PulledServices& services) { return json::parse(TraefikDocument(services, "traefik1")); }

Backend At(uint64_t replica, const std::string& address, uint32_t weight = 1, bool drain = false) {
  Backend backend{ReplicaId(replica), address, 20000, drain};
  backend.weight = weight;
  return backend;
}

TEST(TraefikShapeTest, EveryKindOfServiceHasTheDocumentedShape) {
  const std::vector<Backend> two = {At(1, "10.0.0.5"), At(2, "fd00::6")};
  EXPECT_THAT(Faults(Document(
                  {Service("web", {Route("shop.example.com", "/api", {"websecure"})}, two),
                   Service("path", {Route("", "/v2"), Route("x.example", "")}, two),
                   Service("weighed", {Route("w.example", "")}, {At(1, "10.0.0.5", 2), At(2, "10.0.0.6")}),
                   Service("gone", {Route("gone.example", "")}, {}),
                   Service("leaving", {Route("l.example", "")}, {At(3, "10.0.0.7", 1, true)}),
                   Service("db", {Route("", "", {"postgres"})}, two),
                   Service("nodb", {Route("", "", {"mysql"})}, {})})),
              IsEmpty());
}

TEST(TraefikShapeTest, NothingToTellHasItToo) { EXPECT_THAT(Faults(Document({})), IsEmpty()); }

TEST(TraefikShapeTest, WeightsAreThereWhenTheyDiffer) {
  const json document = Document({Service("web", {Route("a", "")}, {At(1, "10.0.0.5", 2), At(2, "10.0.0.6")}),
                                  Service("same", {Route("b", "")}, {At(1, "10.0.0.5"), At(2, "10.0.0.6")})});
  const json& services = document["http"]["services"];
  EXPECT_EQ(
      services["shop.web.8000"]["loadBalancer"]["servers"],
      json::parse(
          R"([{"url": "http://10.0.0.5:20000", "weight": 2}, {"url": "http://10.0.0.6:20000", "weight": 1}])"));
  EXPECT_FALSE(services["shop.same.8000"]["loadBalancer"]["servers"][0].contains("weight"));
}

TEST(TraefikShapeTest, TheCheckFindsFaults) {
  const json good = Document({Service("web", {Route("a", "")}, {At(1, "10.0.0.5")}),
                              Service("db", {Route("", "")}, {At(2, "10.0.0.6")})});
  ASSERT_THAT(Faults(good), IsEmpty());
  const auto faults_with = [&good](const char* pointer, const json& value) {
    json bad = good;
    bad[json::json_pointer(pointer)] = value;
    return Faults(bad);
  };
  EXPECT_THAT(faults_with("/http/services/shop.web.8000/loadBalancer/servers", json::array()),
              ElementsAre(HasSubstr("no list with something in it")));
  EXPECT_THAT(faults_with("/http/services/shop.web.8000/loadBalancer/servers/0/url", "10.0.0.5:20000"),
              ElementsAre(HasSubstr("servers[0].url: no url")));
  EXPECT_THAT(faults_with("/http/routers/shop.web.8000/service", "other"),
              ElementsAre(HasSubstr("not in the document")));
  EXPECT_THAT(faults_with("/http/routers/shop.web.8000/hosts", "a"),
              ElementsAre(HasSubstr("hosts: not in the documentation")));
  EXPECT_THAT(faults_with("/tcp/routers/shop.db.8000/rule", "Host(`a`)"),
              ElementsAre(HasSubstr("rule: no sni")));
  EXPECT_THAT(faults_with("/tcp/services/shop.db.8000", json{{"servers", json::array({"x"})}}),
              testing::Contains(HasSubstr("loadBalancer: missing")));
  EXPECT_THAT(faults_with("/udp", json::object()), ElementsAre(HasSubstr("not in the documentation")));
}

}  // namespace
}  // namespace drover::controller
