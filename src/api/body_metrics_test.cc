#include "api/body_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(BodyMetrics, ABodyThatBrokeOffHasAFirstByteOnly) {
  Metrics metrics;
  const BodyMetrics bodies(metrics);
  const MonoTime began{1h};
  bodies.ended({began + 200us, began + 3s}, true, began, Tier::kDisk);
  bodies.ended({began + 300us}, false, began, Tier::kDisk);
  bodies.ended({}, false, began, Tier::kDisk);
  EXPECT_EQ(bodies.first_byte(Tier::kDisk).snapshot().count(), 2u);
  EXPECT_EQ(bodies.first_byte(Tier::kDisk).snapshot().sum(), 500'000u);
  EXPECT_EQ(bodies.request(Tier::kDisk).snapshot().count(), 1u);
  EXPECT_EQ(bodies.request(Tier::kDisk).snapshot().sum(), 3'000'000'000u);
  EXPECT_EQ(bodies.first_byte(Tier::kMemory).snapshot().count(), 0u);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("cachey_first_byte_seconds_bucket{tier=\"disk\",le=\"0.0001\"} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("cachey_first_byte_seconds_bucket{tier=\"disk\",le=\"0.00025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cachey_request_seconds_bucket{tier=\"disk\",le=\"5\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cachey_request_seconds_bucket{tier=\"miss\",le=\"60\"} 0\n"));
}

TEST(BodyMetrics, AllOfOneProcessCountTheSameSeries) {
  Metrics metrics;
  const BodyMetrics fetch(metrics);
  const BodyMetrics s3(metrics);
  const MonoTime began{1h};
  fetch.ended({began + 1ms, began + 1ms}, true, began, Tier::kMemory);
  EXPECT_EQ(s3.request(Tier::kMemory).snapshot().count(), 1u);
  EXPECT_EQ(s3.request(Tier::kMemory).snapshot().sum(), 1'000'000u);
  EXPECT_EQ(s3.first_byte(Tier::kMemory).snapshot().count(), 1u);
  EXPECT_EQ(s3.first_byte(Tier::kMemory).snapshot().sum(), 1'000'000u);
}

}  // namespace
}  // namespace cachey::api
