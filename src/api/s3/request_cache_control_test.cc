#include "api/s3/request_cache_control.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;

struct ControlRow {
  const char* line;
  std::optional<std::chrono::seconds> age_max;
  bool no_store = false;
  bool only_if_cached = false;
};

constexpr ControlRow kControlRows[] = {
    {"", {}},
    {",", {}},
    {"no-cache", 0s},
    {"No-Cache", 0s},
    {" ,, no-cache ,", 0s},
    {"no-cache=\"a, max-age=5\"", 0s},
    {"max-age=0", 0s},
    {"MAX-AGE = \"0\"", 0s},
    {"max-age=00", 0s},
    {"max-age=7", 7s},
    {"max-age=\"7\"", 7s},
    {"max-age=7, max-age=3", 3s},
    {"max-age=7, no-cache", 0s},
    {"no-cache, max-age=7", 0s},
    {"max-age=99999999999999999999", RequestCacheControl::kAgeMax},
    {"max-age=4294967295", RequestCacheControl::kAgeMax},
    {"max-age", 0s},
    {"max-age=", 0s},
    {"max-age=\"\"", 0s},
    {"max-age=-1", 0s},
    {"max-age=+1", 0s},
    {"max-age=1.5", 0s},
    {"max-age=1 2", 0s},
    {"no-store", {}, true},
    {"NO-STORE, max-age=5", 5s, true},
    {"only-if-cached", {}, false, true},
    {"max-age=0, Only-If-Cached", 0s, false, true},
    {"no-store,only-if-cached", {}, true, true},
    {"max-stale", {}},
    {"max-stale=60", {}},
    {"min-fresh=60", {}},
    {"s-maxage=0", {}},
    {"no-transform", {}},
    {"no-cachex", {}},
    {"xno-store", {}},
    {"only-if-cached-not", {}},
    {"x=\"no-cache\"", {}},
    {"x=\", no-cache, \"", {}},
    {"x=\"\\\", no-cache\"", {}},
    {"x=\"\\\\\", no-cache", 0s},
    {"x=\"no end, no-cache", {}},
    {"x=\"\\", {}},
    {"=no-cache", {}},
};

TEST(RequestCacheControl, OfALine) {
  for (const ControlRow& row : kControlRows) {
    RequestCacheControl parsed;
    parsed.add(net::Field("cache-control", row.line));
    EXPECT_EQ(parsed.age_max, row.age_max) << row.line;
    EXPECT_EQ(parsed.no_store, row.no_store) << row.line;
    EXPECT_EQ(parsed.only_if_cached, row.only_if_cached) << row.line;
  }
}

RequestCacheControl of(const std::vector<net::Field>& fields) {
  RequestCacheControl parsed;
  for (const net::Field& field : fields) parsed.add(field);
  return parsed;
}

TEST(RequestCacheControl, LinesAreOneList) {
  const RequestCacheControl both =
      of({{"cache-control", "max-age=9"}, {"x", "no-store"}, {"cache-control", "no-store"}});
  EXPECT_EQ(both.age_max, 9s);
  EXPECT_TRUE(both.no_store);
  EXPECT_EQ(of({{"accept", "no-cache"}}), RequestCacheControl());
}

TEST(RequestCacheControl, PragmaCounts) {
  EXPECT_EQ(of({{"pragma", "no-cache"}}).age_max, 0s);
  EXPECT_EQ(of({{"pragma", " No-Cache "}}).age_max, 0s);
  EXPECT_EQ(of({{"pragma", "x"}}), RequestCacheControl());
  EXPECT_EQ(of({{"pragma", "no-cache"}, {"cache-control", "max-age=9"}}).age_max, 0s);
}

}  // namespace
}  // namespace cachey::api::s3
