#include "common/utf8.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(Utf8Test, EachByteThatBelongsToNoCharacterIsAQuestionMark) {
  EXPECT_EQ(ValidUtf8(""), "");
  EXPECT_EQ(ValidUtf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x91"),
            "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x91");
  EXPECT_EQ(ValidUtf8("caf\xe9"), "caf?") << "Latin-1";
  EXPECT_EQ(ValidUtf8("\xa9 rest"), "? rest") << "cut in front";
  EXPECT_EQ(ValidUtf8("end \xe2\x82"), "end ??") << "cut at the end";
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80\xc0\x80"), "?????") << "a surrogate, an overlong form";
}

}  // namespace
}  // namespace drover
