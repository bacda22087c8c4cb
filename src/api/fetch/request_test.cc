#include "api/fetch/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "api/fetch/config_header.h"

namespace cachey::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FetchTarget, DecodesOnceAndKeepsOddKeys) {
  struct Row {
    const char* target;
    const char* kind;
    const char* object;
  };
  static constexpr Row kTable[] = {
      {"/fetch/k/o", "k", "o"},           {"/fetch/k/a/b/c", "k", "a/b/c"},
      {"/fetch/k/a//b", "k", "a//b"},     {"/fetch/k/a/../b", "k", "a/../b"},
      {"/fetch/k/./a", "k", "./a"},       {"/fetch/k//lead", "k", "/lead"},
      {"/fetch/k/trail/", "k", "trail/"}, {"/fetch/k/a%2Fb", "k", "a/b"},
      {"/fetch/k/a%252Fb", "k", "a%2Fb"}, {"/fetch/k/a+b", "k", "a+b"},
      {"/fetch/k/a%20b", "k", "a b"},     {"/fetch/k/%C3%BC%E6%97%A5", "k", "\xC3\xBC\xE6\x97\xA5"},
      {"/fetch/k/a%3Fb", "k", "a?b"},     {"/fetch/k/a?query=1/2", "k", "a"},
      {"/fetch/a%2Fb/o", "a/b", "o"},     {"/fetch/k/tab%09", "k", "tab\t"},
  };
  for (const Row& row : kTable) {
    const auto key = parse_fetch_target(row.target);
    ASSERT_TRUE(key) << row.target;
    EXPECT_EQ(key->kind, row.kind) << row.target;
    EXPECT_EQ(key->object, row.object) << row.target;
  }
}

TEST(FetchTarget, NamesTheBrokenRule) {
  struct Row {
    std::string target;
    ErrorKind kind;
    const char* text;
  };
  const Row table[] = {
      {"/fetch/", ErrorKind::kNotFound, "path"},
      {"/fetch/k", ErrorKind::kNotFound, "path"},
      {"/fetch/k/", ErrorKind::kNotFound, "object: must not be empty"},
      {"/fetch/k/?a", ErrorKind::kNotFound, "object: must not be empty"},
      {"/fetch//o", ErrorKind::kBadRequest, "kind: must not be empty"},
      {"/fetch/" + std::string(65, 'k') + "/o", ErrorKind::kBadRequest, "kind: must be at most 64"},
      {"/fetch/%ff/o", ErrorKind::kBadRequest, "kind: must be UTF-8"},
      {"/fetch/a%00/o", ErrorKind::kBadRequest, "kind: must not have control"},
      {"/fetch/a%7f/o", ErrorKind::kBadRequest, "kind: must not have control"},
      {"/fetch/a%C2%85/o", ErrorKind::kBadRequest, "kind: must not have control"},
      {"/fetch/a%2/o", ErrorKind::kBadRequest, "kind: a percent"},
      {"/fetch/k/%zz", ErrorKind::kBadRequest, "object: a percent"},
      {"/fetch/k/%80", ErrorKind::kBadRequest, "object: must be UTF-8"},
      {"/fetch/k/" + std::string(1025, 'o'), ErrorKind::kBadRequest,
       "object: must be at most 1024"},
  };
  for (const Row& row : table) {
    const auto key = parse_fetch_target(row.target);
    ASSERT_FALSE(key) << row.target;
    EXPECT_EQ(key.error().kind(), row.kind) << row.target;
    EXPECT_THAT(key.error().message(), HasSubstr(row.text)) << row.target;
  }
  EXPECT_TRUE(parse_fetch_target("/fetch/" + std::string(64, 'k') + "/" + std::string(1024, 'o')));
}

Result<FetchFields> parse_fields(std::vector<net::Field> fields) {
  const net::Request request(net::Method::kGet, "/fetch/kind/o", std::move(fields));
  return parse_fetch_fields(request, kClientLimitMax);
}

TEST(FetchFields, NoBucketNeedsToBeNamed) {
  const auto fetch = parse_fields({{"range", "bytes=0-9"}});
  ASSERT_TRUE(fetch);
  EXPECT_TRUE(fetch->buckets.empty());
}

TEST(FetchFields, BucketsKeepTheirOrderAndLoseDuplicates) {
  const auto fetch = parse_fields(
      {{"c0-bucket", "b"}, {"range", "bytes=0-9"}, {"c0-bucket", "a"}, {"c0-bucket", "b"}});
  ASSERT_TRUE(fetch);
  EXPECT_THAT(fetch->buckets, ElementsAre("b", "a"));
}

TEST(FetchFields, RefusesBadBuckets) {
  const std::string long_name(256, 'b');
  const std::string long_second = "a," + long_name;
  for (const std::string_view bucket :
       {std::string_view(""), std::string_view(long_name), std::string_view(long_second),
        std::string_view("a\xC2\x85"), std::string_view("\xff"), std::string_view(","),
        std::string_view(" ,, "), std::string_view("a,\xff")}) {
    const auto fetch = parse_fields({{"range", "bytes=0-9"}, {"c0-bucket", bucket}});
    ASSERT_FALSE(fetch);
    EXPECT_EQ(fetch.error().kind(), ErrorKind::kBadRequest);
    EXPECT_THAT(fetch.error().message(), HasSubstr("C0-Bucket"));
  }
}

TEST(FetchFields, BucketsMayBeJoinedOnTheirWay) {
  const std::string arn =
      "arn:aws-cn:s3:cn-north-1:210987654321:accesspoint/" + std::string(50, 'p');
  struct Row {
    std::vector<std::string> lines;
    std::vector<std::string> buckets;
  };
  const Row table[] = {
      {{"a, b"}, {"a", "b"}},
      {{"a,b,c"}, {"a", "b", "c"}},
      {{"a ,\tb", "c,a"}, {"a", "b", "c"}},
      {{", a,, b ,"}, {"a", "b"}},
      {{"b,a,b"}, {"b", "a"}},
      {{"with blank inside,x"}, {"with blank inside", "x"}},
      {{arn + ", spare"}, {arn, "spare"}},
      {{std::string(255, 'l')}, {std::string(255, 'l')}},
  };
  for (const Row& row : table) {
    std::vector<net::Field> fields = {{"range", "bytes=0-9"}};
    for (const std::string& line : row.lines) fields.push_back({"c0-bucket", line});
    const auto fetch = parse_fields(std::move(fields));
    ASSERT_TRUE(fetch) << row.lines.front();
    EXPECT_EQ(fetch->buckets, row.buckets) << row.lines.front();
  }
}

TEST(FetchFields, TakesAsManyBucketsAsItSays) {
  std::string names = "b0";
  for (size_t i = 1; i < kBucketsNamedMax; ++i) names += ",b" + std::to_string(i);
  EXPECT_EQ(parse_fields({{"range", "bytes=0-9"}, {"c0-bucket", names}})->buckets.size(),
            kBucketsNamedMax);
  names += ",b7,one-more";
  EXPECT_THAT(parse_fields({{"range", "bytes=0-9"}, {"c0-bucket", names}}).error().message(),
              HasSubstr("more than 100 buckets"));
}

TEST(FetchTarget, AQueryThatSelectsIsRefused) {
  for (const char* query :
       {"versionId=3sL4kqtJlcpXroDTDmJ", "x=1&versionId=", "partNumber=4", "tagging",
        "%76ersionId=1", "a&response-content-type=text/plain", "acl&b"}) {
    const auto key = parse_fetch_target(std::string("/fetch/k/o?") + query);
    ASSERT_FALSE(key) << query;
    EXPECT_EQ(key.error().kind(), ErrorKind::kBadRequest) << query;
    EXPECT_THAT(key.error().message(), HasSubstr("query")) << query;
  }
  for (const char* query :
       {"", "&&=", "version=1", "versionid=1", "x-id=GetObject", "list-type=2&prefix=versionId",
        "a=versionId", "%zz", "response", "X-Amz-Expires=60"}) {
    EXPECT_TRUE(parse_fetch_target(std::string("/fetch/k/o?") + query)) << query;
  }
}

TEST(FetchFields, RangeIsRequiredOnce) {
  const auto missing = parse_fields({});
  EXPECT_EQ(missing.error().kind(), ErrorKind::kBadRequest);
  EXPECT_EQ(missing.error().message(), "Range header is required");
  const auto twice = parse_fields({{"range", "bytes=0-9"}, {"range", "bytes=0-9"}});
  EXPECT_EQ(twice.error().kind(), ErrorKind::kRangeNotSatisfiable);
}

TEST(FetchFields, OnlyTheFirstConfigLineIsRead) {
  const auto fetch =
      parse_fields({{"range", "bytes=0-9"}, {"c0-config", "ma=2"}, {"c0-config", "nonsense"}});
  ASSERT_TRUE(fetch);
  EXPECT_EQ(fetch->config.attempts_max, 2u);
  EXPECT_FALSE(parse_fields({{"range", "bytes=0-9"}, {"c0-config", "nonsense"}}));
}

TEST(FetchFields, WishesAreParsed) {
  const auto fetch =
      parse_fields({{"range", "bytes=0-9"}, {"c0-exact", "true"}, {"c0-object-size", "7"}});
  ASSERT_TRUE(fetch);
  EXPECT_TRUE(fetch->wishes.exact);
  EXPECT_EQ(fetch->wishes.object_size, 7u);
  EXPECT_EQ(fetch->range, (ByteRange{0, 7}));
  EXPECT_FALSE(parse_fields({{"range", "bytes=0-16777216"}, {"c0-exact", "true"}}));
}

TEST(FetchFields, ARangePastTheSaidSizeIsRefused) {
  for (const char* size : {"0", "5"}) {
    const auto past = parse_fields({{"range", "bytes=5-9"}, {"c0-object-size", size}});
    ASSERT_FALSE(past) << size;
    EXPECT_EQ(past.error().kind(), ErrorKind::kRangeNotSatisfiable);
    EXPECT_EQ(std::to_string(past.error().object_size().value()), size);
  }
  EXPECT_EQ(parse_fields({{"range", "bytes=5-9"}, {"c0-object-size", "6"}})->range,
            (ByteRange{5, 6}));
  EXPECT_EQ(parse_fields({{"range", "bytes=5-9"}, {"c0-object-size", "99"}})->range,
            (ByteRange{5, 10}));
}

TEST(FetchSpec, IsWholeFromTheStart) {
  Metrics metrics;
  cache::CacheMetrics cache_metrics(metrics, 10);
  Access access(metrics, std::nullopt, {});
  const net::Request request(net::Method::kGet, "/fetch/kind/o", {});
  const Permit permit = *access.admit(Scope::kClient, request);
  FetchFields fields;
  fields.config.attempts_max = 2;
  fields.wishes.exact = true;
  const cache::FetchSpecPtr spec =
      make_fetch_spec({"kind", "o"}, *permit.allow("kind", "o", {"b", "a"}), fields,
                      *PageSize::of(kMiB), cache_metrics, "id");
  EXPECT_EQ(spec->key.view(), (cache::KeyView{"kind", "o"}));
  EXPECT_THAT(spec->buckets, ElementsAre("b", "a"));
  EXPECT_EQ(spec->config, fields.config);
  EXPECT_EQ(spec->wishes, fields.wishes);
  EXPECT_EQ(spec->page_size.bytes(), kMiB);
  EXPECT_EQ(spec->metrics, &cache_metrics.of("kind"));
  EXPECT_EQ(spec->request_id, "id");
}

}  // namespace
}  // namespace cachey::api
