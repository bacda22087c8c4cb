#include "api/fetch/wishes_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cachey::api {
namespace {

using ::testing::HasSubstr;

constexpr ByteRange kRange{0, 10};

Result<cache::Wishes> parse(std::vector<net::Field> fields, ByteRange range = kRange) {
  return parse_wishes(net::Request(net::Method::kGet, "/fetch/k/o", std::move(fields)), range);
}

TEST(Wishes, NothingIsWishedByDefault) {
  EXPECT_EQ(*parse({}), cache::Wishes());
  EXPECT_EQ(*parse({{"range", "bytes=0-9"}, {"c0-bucket", "b"}}), cache::Wishes());
  EXPECT_FALSE(parse({})->exact);
}

TEST(Wishes, ExactIsTrueOrFalse) {
  EXPECT_TRUE(parse({{"c0-exact", "true"}})->exact);
  EXPECT_FALSE(parse({{"c0-exact", "false"}})->exact);
  EXPECT_TRUE(parse({{"c0-exact", "true"}, {"c0-exact", "true"}})->exact);
  EXPECT_TRUE(parse({{"c0-exact", "true ,\ttrue"}})->exact);
  EXPECT_TRUE(parse({{"c0-exact", ", true,"}})->exact);
  for (const char* value : {"", "1", "0", "yes", "True", "TRUE", "0xff", "true;", "\"true\"", "tru",
                            ",", " ,, ", "true false", "true,no", "?1", "\xff"}) {
    const auto wishes = parse({{"c0-exact", value}});
    ASSERT_FALSE(wishes) << value;
    EXPECT_EQ(wishes.error().kind(), ErrorKind::kBadRequest) << value;
    EXPECT_THAT(wishes.error().message(), HasSubstr("C0-Exact: must be true or false")) << value;
  }
}

TEST(Wishes, LinesThatDifferAreRefused) {
  const std::vector<std::vector<net::Field>> table = {
      {{"c0-exact", "true"}, {"c0-exact", "false"}},
      {{"c0-exact", "false, true"}},
      {{"c0-object-size", "4"}, {"c0-object-size", "5"}},
      {{"c0-object-size", "4,5"}},
  };
  for (const std::vector<net::Field>& fields : table) {
    const auto wishes = parse(fields);
    ASSERT_FALSE(wishes);
    EXPECT_EQ(wishes.error().kind(), ErrorKind::kBadRequest);
    EXPECT_THAT(wishes.error().message(), HasSubstr(": must "));
  }
}

TEST(Wishes, AnExactRangeIsBounded) {
  const std::vector<net::Field> exact = {{"c0-exact", "true"}};
  EXPECT_TRUE(parse(exact, {5, 5 + kExactBytesMax})->exact);
  const auto larger = parse(exact, {5, 6 + kExactBytesMax});
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().kind(), ErrorKind::kBadRequest);
  EXPECT_THAT(larger.error().message(), HasSubstr("16 MiB"));
  EXPECT_TRUE(parse({{"c0-exact", "false"}}, {0, kObjectBytesMax}));
}

TEST(Wishes, ObjectSizeIsAWholeNumber) {
  EXPECT_EQ(parse({{"c0-object-size", "0"}})->object_size, 0u);
  EXPECT_EQ(parse({{"c0-object-size", "4096"}})->object_size, 4096u);
  EXPECT_EQ(parse({{"c0-object-size", "004096, 4096"}})->object_size, 4096u);
  EXPECT_EQ(parse({{"c0-object-size", "18446744073709551615"}})->object_size, UINT64_MAX);
  for (const char* value : {"", "-1", "+1", "1.0", "1e3", "0x10", "4 096", "4KiB",
                            "18446744073709551616", "\xD9\xA1", ",", "4,x", "NaN"}) {
    const auto wishes = parse({{"c0-object-size", value}});
    ASSERT_FALSE(wishes) << value;
    EXPECT_EQ(wishes.error().kind(), ErrorKind::kBadRequest) << value;
    EXPECT_THAT(wishes.error().message(), HasSubstr("C0-Object-Size: must be a whole number"))
        << value;
  }
}

TEST(Wishes, OnlyIfCachedIsADirective) {
  for (const char* value : {"only-if-cached", "Only-If-Cached", "max-age=0, only-if-cached",
                            "no-cache ,only-if-cached"}) {
    EXPECT_TRUE(parse({{"cache-control", value}})->only_if_cached) << value;
  }
  EXPECT_TRUE(
      parse({{"cache-control", "no-cache"}, {"cache-control", "only-if-cached"}})->only_if_cached);
  for (const char* value :
       {"", "no-cache", "max-age=0", "only-if-cached-now", "x=only-if-cached"}) {
    EXPECT_FALSE(parse({{"cache-control", value}})->only_if_cached) << value;
  }
}

TEST(Wishes, TheirFieldsAreKnown) {
  for (const char* name : {"c0-exact", "c0-object-size", "cache-control"})
    EXPECT_TRUE(is_wish_field(name)) << name;
  for (const char* name : {"c0-bucket", "c0-config", "range", "exact"})
    EXPECT_FALSE(is_wish_field(name)) << name;
}

}  // namespace
}  // namespace cachey::api
