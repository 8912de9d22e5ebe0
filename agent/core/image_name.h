// References of images: what is meant by "nginx", and whether a pattern of the host's policy covers it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace drover::agent {

struct ImageName {
  std::string repository;  // whole: "docker.io/library/nginx", "registry.example.com:5000/shop/web"
  std::string tag;         // empty: none written
  std::string digest;      // "sha256:…"; empty: none written

  friend bool operator==(const ImageName&, const ImageName&) = default;
};

// Of a reference such as "nginx", "shop/web:1.4", "reg.example.com/shop/web@sha256:…". Never fails: the
// engine is the judge of what is no reference.
ImageName ParseImageName(absl::string_view reference);

// The reference is the content itself and no name: "sha256:…".
bool IsImageId(absl::string_view reference);

// `pattern` covers the image as it is written out in full or as people write it (without "docker.io/" and
// "library/"), with or without its tag and digest. `*` stands for any characters, `/` among them.
bool MatchesImage(const ImageName& image, absl::string_view pattern);

}  // namespace drover::agent
