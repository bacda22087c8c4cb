#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

#include "origin/read/bucket_health.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

/// What a store does with a request, by its number and the time since the begin.
enum class Answer { kGood, kBad };

struct ShareScenario {
  const char* name;
  int honest_per_second;  ///< requests, each of another object, answered by `store`
  int bad_per_second;     ///< requests in turn of `bad_objects`, which always fail
  uint64_t bad_objects;
  std::function<Answer(std::mt19937& random, double second)> store;
  double served_min;  ///< of the honest requests that the store would answer
  int asked_max;      ///< requests in the last second, of both kinds
};

/// A minute of requests for one bucket that is the last one of its clients.
struct Minute {
  int answerable = 0;
  int served = 0;
  int asked_at_last = 0;
};

class ShareSimulation {
 public:
  explicit ShareSimulation(const ShareScenario& scenario) : scenario_(scenario) {}

  Minute run() {
    for (int ms = 0; ms < 60'000; ++ms) {
      second_ = ms / 1000.0;
      if (is_due(scenario_.bad_per_second, ms)) ask_bad();
      if (is_due(scenario_.honest_per_second, ms)) ask_honest();
      clock_.advance(1ms);
    }
    return minute_;
  }

 private:
  static bool is_due(int per_second, int ms) {
    return per_second > 0 && ms % (1000 / per_second) == 0;
  }
  bool may_ask(uint64_t key) {
    const bool asked = health_.may_ask(key, BucketHealth::Instead::kNothing);
    if (asked && second_ >= 59) ++minute_.asked_at_last;
    return asked;
  }
  void ask_bad() {
    const uint64_t key = ++bad_ % scenario_.bad_objects;
    if (may_ask(key)) health_.failed(key);
  }
  void ask_honest() {
    const uint64_t key = 1'000'000 + ++honest_;
    const Answer answer = scenario_.store(random_, second_);
    if (answer == Answer::kGood) ++minute_.answerable;
    if (!may_ask(key)) return;
    if (answer == Answer::kBad) return void(health_.failed(key));
    ++minute_.served;
    health_.succeeded(key, 1ms);
  }

  const ShareScenario& scenario_;
  ManualClock clock_;
  BucketHealth health_{clock_};
  std::mt19937 random_{1};
  Minute minute_;
  double second_ = 0;
  uint64_t bad_ = 0;
  uint64_t honest_ = 0;
};

Answer good(std::mt19937&, double) { return Answer::kGood; }
Answer bad(std::mt19937&, double) { return Answer::kBad; }
Answer fails_by_fifths(std::mt19937& random, unsigned fifths) {
  return random() % 5 < fifths ? Answer::kBad : Answer::kGood;
}

TEST(BucketShare, ABucketIsShedByShareAndNeverShut) {
  const ShareScenario scenarios[] = {
      {"healthy", 500, 0, 0, good, 1, 500},
      {"down", 500, 0, 0, bad, 0, 5 + 500 / 64 + 1},
      {"down, few clients", 5, 0, 0, bad, 0, 6},
      {"back after 20 s", 500, 0, 0,
       [](std::mt19937&, double second) { return second < 20 ? Answer::kBad : Answer::kGood; },
       0.98, 500},
      {"back after 20 s, few clients", 2, 0, 0,
       [](std::mt19937&, double second) { return second < 20 ? Answer::kBad : Answer::kGood; },
       0.98, 2},
      {"20 % fail", 500, 0, 0,
       [](std::mt19937& random, double) { return fails_by_fifths(random, 1); }, 0.99, 500},
      {"80 % fail", 500, 0, 0,
       [](std::mt19937& random, double) { return fails_by_fifths(random, 4); }, 0.99, 500},
      {"one bad object", 100, 100, 1, good, 0.99, 102},
      {"one bad object, few others", 1, 500, 1, good, 0.99, 3},
      {"200 bad objects", 100, 500, 200, good, 0.99, 310},
      {"200 bad objects, few others", 1, 500, 200, good, 0.95, 210},
      {"no end of bad objects", 1, 500, 1'000'000'000, good, 0.99, 501},
  };
  for (const ShareScenario& scenario : scenarios) {
    SCOPED_TRACE(scenario.name);
    const Minute minute = ShareSimulation(scenario).run();
    EXPECT_GE(minute.served, scenario.served_min * minute.answerable);
    EXPECT_LE(minute.asked_at_last, scenario.asked_max);
  }
}

}  // namespace
}  // namespace cachey::origin
