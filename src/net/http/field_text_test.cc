#include "net/http/field_text.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::net {
namespace {

TEST(FieldText, AControlCharacterIsFoundWhereverItStands) {
  for (size_t size = 1; size < 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (const char control : {'\0', '\r', '\n', '\x1f', '\x7f'}) {
        std::string text(size, 'x');
        text[at] = control;
        EXPECT_FALSE(is_clean(text)) << size << " " << at;
        std::string copy(size, '\0');
        EXPECT_EQ(copy_clean(text, copy.data()), copy.data() + size);
        text[at] = '?';
        EXPECT_EQ(copy, text);
      }
    }
  }
}

TEST(FieldText, AllElseIsClean) {
  for (size_t size = 0; size < 40; ++size) {
    for (int code = 0; code < 256; ++code) {
      if ((code < 0x20 && code != '\t') || code == 0x7f) continue;
      const std::string text(size, static_cast<char>(code));
      EXPECT_TRUE(is_clean(text)) << size << " " << code;
      std::string copy(size, '\0');
      (void)copy_clean(text, copy.data());
      EXPECT_EQ(copy, text);
    }
  }
}

}  // namespace
}  // namespace cachey::net
