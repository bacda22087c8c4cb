#include "app/options/listen_option.h"

#include <gtest/gtest.h>

namespace cachey::app {
namespace {

TEST(ListenOption, ReadsEveryForm) {
  struct Row {
    const char* text;
    ListenOption address;
    const char* written;
  };
  const Row table[] = {
      {"127.0.0.1", {"127.0.0.1", {}}, "127.0.0.1"},
      {"0.0.0.0:80", {"0.0.0.0", 80}, "0.0.0.0:80"},
      {"127.0.0.1:0", {"127.0.0.1", 0}, "127.0.0.1:0"},
      {"::1", {"::1", {}}, "::1"},
      {"[::1]", {"::1", {}}, "::1"},
      {"[::1]:65535", {"::1", 65535}, "[::1]:65535"},
      {"0:0:0:0:0:0:0:1", {"::1", {}}, "::1"},
      {"::", {"::", {}}, "::"},
      {"[2001:DB8::2]:81", {"2001:db8::2", 81}, "[2001:db8::2]:81"},
  };
  for (const Row& row : table) {
    EXPECT_EQ(parse_listen_option(row.text), row.address) << row.text;
    EXPECT_EQ(to_text(row.address), row.written) << row.text;
    EXPECT_EQ(parse_listen_option(row.written), row.address) << row.text;
  }
}

TEST(ListenOption, RefusesWhatIsNone) {
  for (const char* text : {"",
                           ":",
                           ":80",
                           "localhost",
                           "localhost:80",
                           "127.0.0.1:",
                           "127.0.0.1:x",
                           "127.0.0.1:-1",
                           "127.0.0.1:65536",
                           "127.0.0.1:80:",
                           "127.0.0.1 ",
                           "127.0.0.256",
                           "[127.0.0.1]:80",
                           "[::1",
                           "[::1]80",
                           "[::1]:",
                           "[]",
                           "[]:80",
                           "::1]:80",
                           "1:2",
                           "127.0.0.1:+1"}) {
    EXPECT_FALSE(parse_listen_option(text)) << text;
  }
}

}  // namespace
}  // namespace cachey::app
