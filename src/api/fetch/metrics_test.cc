#include "api/fetch/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FetchMetrics, FailuresAppearWhenTheyHappen) {
  Metrics metrics;
  FetchMetrics fetches(metrics, 10);
  KindFetchMetrics& kind = fetches.of("k");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("failed")));
  using Stage = KindFetchMetrics::Stage;
  kind.failed(net::Method::kGet, Stage::kInit, ErrorKind::kNotFound);
  kind.failed(net::Method::kGet, Stage::kInit, ErrorKind::kNotFound);
  kind.failed(net::Method::kHead, Stage::kInit, ErrorKind::kChanged);
  kind.failed(net::Method::kGet, Stage::kLater, ErrorKind::kInternal);
  kind.client_left(net::Method::kGet, Stage::kLater);
  kind.client_left(net::Method::kHead, Stage::kInit);
  const std::string text = metrics.text();
  const auto count = [](const char* method, const char* status, int number) {
    return std::string("cachey_fetch_requests_total{kind=\"k\",method=\"") + method +
           "\",status=\"" + status + "\"} " + std::to_string(number) + "\n";
  };
  EXPECT_THAT(text, HasSubstr(count("GET", "failed:init:not_found", 2)));
  EXPECT_THAT(text, HasSubstr(count("HEAD", "failed:init:object_size_inconsistency", 1)));
  EXPECT_THAT(text, HasSubstr(count("GET", "failed:later:internal", 1)));
  EXPECT_THAT(text, HasSubstr(count("GET", "failed:later:client_gone", 1)));
  EXPECT_THAT(text, HasSubstr(count("HEAD", "failed:init:client_gone", 1)));
}

TEST(FetchMetrics, BucketsAreThePublishedOnes) {
  Metrics metrics;
  FetchMetrics fetches(metrics, 10);
  KindFetchMetrics& kind = fetches.of("k");
  kind.asked(256 * 1024, 1);
  const MonoTime began{std::chrono::hours(1)};
  const MonoTime ended = began + std::chrono::microseconds(1000);
  kind.body_ended({ended, ended}, true, began, true, Tier::kMemory);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("cachey_fetch_request_bytes_bucket{kind=\"k\",le=\"262144\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_bytes_bucket{kind=\"k\",le=\"16777216\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_entries_bucket{kind=\"k\",le=\"4\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{hit=\"1\",kind=\"k\",le=\"0.0001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{hit=\"1\",kind=\"k\",le=\"0.00025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{hit=\"1\",kind=\"k\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{hit=\"0\",kind=\"k\",le=\"60\"} 0\n"));
}

}  // namespace
}  // namespace cachey::api
