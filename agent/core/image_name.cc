#include "agent/core/image_name.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/core/host_path.h"

namespace drover::agent {
namespace {

constexpr absl::string_view kHub = "docker.io/";
constexpr absl::string_view kOfficial = "library/";

// By Docker's rule: a registry has a dot or a port, or is this host.
bool IsRegistry(absl::string_view first) {
  return absl::StrContains(first, ".") || absl::StrContains(first, ":") || first == "localhost";
}

std::string WholeRepository(absl::string_view name) {
  const size_t slash = name.find('/');
  if (slash == absl::string_view::npos) {
    return absl::StrCat(kHub, kOfficial, name);
  }
  if (!IsRegistry(name.substr(0, slash))) {
    return absl::StrCat(kHub, name);
  }
  if (!absl::ConsumePrefix(&name, "index.docker.io/") && !absl::ConsumePrefix(&name, kHub)) {
    return std::string(name);
  }
  return absl::StrCat(kHub, absl::StrContains(name, "/") ? "" : kOfficial, name);
}

}  // namespace

ImageName ParseImageName(absl::string_view reference) {
  ImageName image;
  if (const size_t at = reference.find('@'); at != absl::string_view::npos) {
    image.digest = std::string(reference.substr(at + 1));
    reference = reference.substr(0, at);
  }
  const size_t colon = reference.rfind(':');
  if (colon != absl::string_view::npos && reference.find('/', colon) == absl::string_view::npos) {
    image.tag = std::string(reference.substr(colon + 1));
    reference = reference.substr(0, colon);
  }
  image.repository = WholeRepository(reference);
  return image;
}

bool IsImageId(absl::string_view reference) { return absl::StartsWith(reference, "sha256:"); }

bool MatchesImage(const ImageName& image, absl::string_view pattern) {
  const std::string tag =
      image.tag.empty() ? (image.digest.empty() ? ":latest" : "") : absl::StrCat(":", image.tag);
  const std::string digest = image.digest.empty() ? "" : absl::StrCat("@", image.digest);
  absl::string_view name = image.repository;
  const auto covers = [&](absl::string_view repository) {
    return MatchesGlob(repository, pattern) || MatchesGlob(absl::StrCat(repository, tag), pattern) ||
           MatchesGlob(absl::StrCat(repository, digest), pattern) ||
           MatchesGlob(absl::StrCat(repository, tag, digest), pattern);
  };
  if (covers(name)) {
    return true;
  }
  return absl::ConsumePrefix(&name, kHub) &&
         (covers(name) || (absl::ConsumePrefix(&name, kOfficial) && covers(name)));
}

}  // namespace drover::agent
