#include "cache/absences.h"

#include <gtest/gtest.h>

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class AbsencesTest : public ::testing::Test {
 protected:
  static FetchSpec spec(std::string object, std::vector<std::string> buckets = {"b"}) {
    FetchSpec spec;
    spec.key = ObjectKey{"k", std::move(object)};
    spec.buckets = std::move(buckets);
    return spec;
  }
  void learn(const FetchSpec& of) { absences_.learn(of, missing_, clock_.mono()); }

  ManualClock clock_;
  Metrics metrics_;
  const Counter hits_ = metrics_.counter("hits", "");
  const Error missing_{ErrorKind::kNotFound, "no such key"};
  Absences absences_{250ms, clock_, hits_};
};

TEST_F(AbsencesTest, AreRememberedForAMoment) {
  EXPECT_FALSE(absences_.find(spec("o")));
  learn(spec("o"));
  clock_.advance(249ms);
  EXPECT_EQ(absences_.find(spec("o"))->error.message(), "no such key");
  EXPECT_EQ(hits_.total(), 1u);
  clock_.advance(1ms);
  EXPECT_FALSE(absences_.find(spec("o")));
}

TEST_F(AbsencesTest, AreOfOneObjectInTheSameBuckets) {
  learn(spec("o", {"a", "b"}));
  EXPECT_TRUE(absences_.find(spec("o", {"a", "b"})));
  EXPECT_FALSE(absences_.find(spec("o", {"a"})));
  EXPECT_FALSE(absences_.find(spec("o", {"a", "c"})));
  EXPECT_FALSE(absences_.find(spec("p", {"a", "b"})));
  EXPECT_FALSE(absences_.find(spec("oa", {"b"}))) << "names do not run into each other";
}

TEST_F(AbsencesTest, TheMomentBeginsWhenTheOriginWasAsked) {
  const MonoTime asked = clock_.mono();
  clock_.advance(200ms);
  absences_.learn(spec("o"), missing_, asked);
  EXPECT_TRUE(absences_.find(spec("o")));
  clock_.advance(50ms);
  EXPECT_FALSE(absences_.find(spec("o")));
  absences_.learn(spec("slow"), missing_, asked);
  EXPECT_FALSE(absences_.find(spec("slow")));
}

TEST_F(AbsencesTest, TellWhenTheOriginWasAskedLast) {
  const MonoTime asked = clock_.mono();
  clock_.advance(100ms);
  learn(spec("o"));
  absences_.learn(spec("o"), missing_, asked);
  EXPECT_EQ(absences_.find(spec("o"))->asked_at, asked + 100ms);
}

TEST_F(AbsencesTest, AnObjectThatIsThereIsForgotten) {
  learn(spec("o"));
  learn(spec("o", {"a"}));
  absences_.forget(spec("o"));
  absences_.forget(spec("never seen"));
  EXPECT_FALSE(absences_.find(spec("o")));
  EXPECT_TRUE(absences_.find(spec("o", {"a"})));
}

TEST_F(AbsencesTest, OtherFailuresAreNoAbsences) {
  absences_.learn(spec("o"), Error(ErrorKind::kTimeout, "late"), clock_.mono());
  absences_.learn(spec("o"), Error(ErrorKind::kDenied, "no"), clock_.mono());
  EXPECT_FALSE(absences_.find(spec("o")));
}

TEST_F(AbsencesTest, NewOnesPushOutTheOneUnusedForTheLongestTime) {
  learn(spec("used"));
  for (size_t i = 0; i < Absences::kKept.entries; ++i) {
    learn(spec(std::to_string(i)));
    EXPECT_TRUE(absences_.find(spec("used")));
  }
  EXPECT_FALSE(absences_.find(spec("0")));
  EXPECT_TRUE(absences_.find(spec("1")));
}

TEST_F(AbsencesTest, LongNamesPushOutMore) {
  const std::string kilobyte(1024, 'x');
  learn(spec("short"));
  for (int i = 0; i < 600; ++i) learn(spec(kilobyte + std::to_string(i)));
  EXPECT_FALSE(absences_.find(spec("short")));
  EXPECT_TRUE(absences_.find(spec(kilobyte + "599")));
}

TEST_F(AbsencesTest, WithoutAMomentNothingIsRemembered) {
  Absences none(0ms, clock_, hits_);
  none.learn(spec("o"), missing_, clock_.mono());
  EXPECT_FALSE(none.find(spec("o")));
}

}  // namespace
}  // namespace cachey::cache
