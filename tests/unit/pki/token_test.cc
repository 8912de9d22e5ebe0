#include "pki/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace drover::pki {
namespace {

TEST(TokenTextTest, WhatIsFormattedIsParsed) {
  for (const std::string& pin : {std::string(), std::string(32, 'a'), std::string(64, '0')}) {
    const TokenText token = MakeToken(pin);
    const auto parsed = ParseToken(Format(token));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, token);
    EXPECT_TRUE(ParseToken(Format(token) + "\n").ok()) << "as read from a file";
  }
}

TEST(TokenTextTest, TwoAreNeverTheSame) {
  const TokenText a = MakeToken("");
  const TokenText b = MakeToken("");
  EXPECT_NE(a.id, b.id);
  EXPECT_NE(a.secret, b.secret);
  EXPECT_EQ(a.secret.size(), 64U) << "256 bits";
}

TEST(TokenTextTest, AnythingElseIsRefusedWithoutRepeatingIt) {
  const std::string id(12, '1');
  const std::string secret(64, '2');
  for (const std::string& text :
       {std::string(), std::string("drv1"), std::string("..."), absl::StrCat("drv2.", id, ".", secret),
        absl::StrCat("drv1.", id, ".", secret, "."),
        absl::StrCat("drv1.", id, ".", secret, ".", std::string(31, 'a')),
        absl::StrCat("drv1.", id, ".", secret, ".", std::string(65, 'a')),
        absl::StrCat("drv1.", id, ".", secret, ".x.y"), absl::StrCat("drv1.", id, ".", std::string(64, 'G')),
        absl::StrCat("drv1.", id, ".", secret, "0"), absl::StrCat("drv1.", id.substr(1), ".", secret)}) {
    const auto parsed = ParseToken(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(parsed.status().message()), testing::Not(testing::HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace drover::pki
