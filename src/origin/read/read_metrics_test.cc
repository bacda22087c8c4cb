#include "origin/read/read_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string line(const std::string& bucket, const std::string& kind, const std::string& outcome,
                 const std::string& phase, const std::string& target, int count) {
  return "cachey_hedges_total{bucket=\"" + bucket + "\",kind=\"" + kind + "\",outcome=\"" +
         outcome + "\",phase=\"" + phase + "\",target=\"" + target + "\"} " +
         std::to_string(count) + "\n";
}

TEST(HedgeCounts, TellKindBucketPhaseTargetAndOutcome) {
  Metrics metrics;
  HedgeCounts counts(metrics);
  counts.count("k", "b", HedgePhase::kFirstByte, HedgeTarget::kPeer, HedgeResult::kWon);
  counts.count("k", "b", HedgePhase::kFirstByte, HedgeTarget::kPeer, HedgeResult::kWon);
  counts.count("k", "b", HedgePhase::kBody, HedgeTarget::kPrimary, HedgeResult::kLost);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(line("b", "k", "won", "first_byte", "peer", 2)));
  EXPECT_THAT(text, HasSubstr(line("b", "k", "lost", "body", "primary", 1)));
  EXPECT_THAT(text, HasSubstr(line("b", "k", "won", "body", "primary", 0)));
  EXPECT_THAT(text, HasSubstr(line("other", "other", "won", "body", "peer", 0)));
}

TEST(HedgeCounts, AreBounded) {
  Metrics metrics;
  HedgeCounts counts(metrics);
  for (size_t i = 0; i < HedgeCounts::kPairsMax + 3; ++i) {
    counts.count("k", "b" + std::to_string(i), HedgePhase::kBody, HedgeTarget::kPeer,
                 HedgeResult::kWon);
  }
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(line("b99", "k", "won", "body", "peer", 1)));
  EXPECT_THAT(text, Not(HasSubstr("bucket=\"b100\"")));
  EXPECT_THAT(text, HasSubstr(line("other", "other", "won", "body", "peer", 3)));
}

}  // namespace
}  // namespace cachey::origin
