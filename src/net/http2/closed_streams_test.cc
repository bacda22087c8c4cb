#include "net/http2/closed_streams.h"

#include <gtest/gtest.h>

namespace cachey::net::http2 {
namespace {

using Verdict = ClosedStreams::Verdict;

TEST(ClosedStreams, AStreamThatTheClientEndedIsClosed) {
  ClosedStreams streams;
  streams.opened(1);
  streams.opened(3);
  EXPECT_EQ(streams.last(), 3);
  EXPECT_EQ(streams.judge(1), Verdict::kClosed);
  EXPECT_EQ(streams.judge(3), Verdict::kClosed);
}

TEST(ClosedStreams, AStreamThatWasPassedOverIsNone) {
  ClosedStreams streams;
  streams.opened(5);
  streams.opened(7);
  EXPECT_EQ(streams.judge(1), Verdict::kPassedOver);
  EXPECT_EQ(streams.judge(3), Verdict::kPassedOver);
  EXPECT_EQ(streams.judge(5), Verdict::kClosed);
  streams.opened(99);
  EXPECT_EQ(streams.judge(9), Verdict::kPassedOver);
  EXPECT_EQ(streams.judge(97), Verdict::kPassedOver);
  EXPECT_EQ(streams.judge(99), Verdict::kClosed);
}

TEST(ClosedStreams, FramesAfterOurResetAreOnTheirWay) {
  ClosedStreams streams;
  streams.opened(1);
  streams.opened(3);
  streams.reset_by_us(1);
  EXPECT_EQ(streams.judge(1), Verdict::kOnItsWay);
  EXPECT_EQ(streams.judge(3), Verdict::kClosed);
}

TEST(ClosedStreams, WhatIsForgottenIsTakenForOnItsWay) {
  ClosedStreams streams;
  int32_t id = 1;
  for (size_t i = 0; i < ClosedStreams::kResetsMax + 10; ++i, id += 4) {
    streams.opened(id);
    streams.reset_by_us(id);
    streams.opened(id + 2);
  }
  EXPECT_EQ(streams.judge(1), Verdict::kOnItsWay);
  EXPECT_EQ(streams.judge(4 * 9 + 1), Verdict::kOnItsWay);
  EXPECT_EQ(streams.judge(3), Verdict::kOnItsWay);  // before a forgotten one
  EXPECT_EQ(streams.judge(4 * 10 + 1), Verdict::kOnItsWay);
  EXPECT_EQ(streams.judge(4 * 10 + 3), Verdict::kClosed);
}

}  // namespace
}  // namespace cachey::net::http2
