#include "base/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey {
namespace {

constexpr const char* kTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, GoesOnWithAParentOfOurOwn) {
  const auto trace = TraceContext::parse(kTraceparent);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace->traceparent(0xabc), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01");
  EXPECT_NE(trace->traceparent(0).substr(36, 16), "0000000000000000") << "no valid parent";
}

TEST(TraceContext, OfALaterVersionTheKnownPartCounts) {
  for (const char* value : {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                            "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-"}) {
    const auto trace = TraceContext::parse(value);
    ASSERT_TRUE(trace) << value;
    EXPECT_EQ(trace->traceparent(1).substr(0, 3), "00-") << value;
  }
}

TEST(TraceContext, WhatIsNotValidIsNoTrace) {
  for (const char* value : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
           " 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
       }) {
    EXPECT_FALSE(TraceContext::parse(value)) << value;
  }
  EXPECT_FALSE(TraceContext::parse(std::string(55, '\0')));
}

TEST(TraceContext, StatesOfSeveralFieldsAreOneList) {
  TraceContext trace = *TraceContext::parse(kTraceparent);
  trace.add_state("congo=t61rcWkgMzE");
  trace.add_state("rojo=00f067aa0ba902b7, tenant@system=x y");
  EXPECT_EQ(trace.state, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7, tenant@system=x y");
}

TEST(TraceContext, AStateThatMayNotBePassedOnIsDropped) {
  std::string members;
  for (size_t i = 0; i < TraceContext::kStateMembersMax; ++i) members += "a=1,";
  for (const std::string& value :
       {std::string("a"), std::string("=1"), std::string("a=1\r\nx: y"), std::string("a=\xC3\xBC"),
        std::string("a=1,b"), "a=" + std::string(TraceContext::kStateBytesMax, 'x'),
        members + "b=1"}) {
    TraceContext trace = *TraceContext::parse(kTraceparent);
    trace.add_state(value);
    EXPECT_EQ(trace.state, "") << value;
  }
  TraceContext trace = *TraceContext::parse(kTraceparent);
  trace.add_state(members);
  EXPECT_EQ(trace.state, members);
}

TEST(TraceContext, AStateThatIsRefusedStaysSo) {
  for (const std::string& bad : {std::string("a"), std::string("a=\x01"), std::string(600, 'a')}) {
    TraceContext trace;
    trace.add_state("x=1");
    trace.add_state(bad);
    trace.add_state("y=2");
    EXPECT_EQ(trace.state, "") << bad;
  }
}

}  // namespace
}  // namespace cachey
