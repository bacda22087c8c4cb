#include "app/status/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

namespace cachey::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using enum FindingCode;

/// The process in virtual time: each step() is a second.
class FindingsTest : public ::testing::Test {
 protected:
  using Change = std::function<void(FindingsTest&)>;

  FindingsTest() {
    for (size_t i = 0; i < kColumns; ++i) facts_.totals[static_cast<Column>(i)] = 0;
    facts_.totals[Column::kTimeMs] = 1'000'000;
    facts_.buckets = {bucket("one"), bucket("two")};
  }

  static BucketFacts bucket(const std::string& name) {
    BucketFacts made;
    made.name = name;
    made.attempts = made.failures = made.throttled = 0;
    made.now_ms = 20;
    return made;
  }

  /// What a calm server does in a second.
  void calm() {
    add(Column::kFetches, 1000);
    add(Column::kStatus2xx, 1000);
    add(Column::kPagesMemory, 900);
    add(Column::kPagesMiss, 100);
    for (BucketFacts& one : facts_.buckets) *one.attempts += 50;
    set(Column::kLoopLagMax, 2'000);
  }
  void step() {
    facts_.totals[Column::kTimeMs] += 1000;
    history_.add(facts_.totals);
    table_.update(facts_.buckets);
    findings_.update({facts_, history_, table_.views()});
  }
  void run(int seconds, const Change& change = [](FindingsTest&) {}) {
    for (int i = 0; i < seconds; ++i) {
      calm();
      change(*this);
      step();
    }
  }
  /// How many seconds it takes until the codes that hold are `codes`; 99: longer than a minute.
  int seconds_until(const std::vector<FindingCode>& codes, const Change& change) {
    for (int second = 1; second <= 60; ++second) {
      run(1, change);
      if (codes_on() == codes) return second;
    }
    return 99;
  }

  [[nodiscard]] std::vector<FindingCode> codes_on() const {
    std::vector<FindingCode> codes;
    for (const Finding& finding : findings_.worst_first()) codes.push_back(finding.code);
    return codes;
  }
  [[nodiscard]] std::string text() const {
    const auto all = findings_.worst_first();
    return all.empty() ? "" : all.front().text;
  }

  void add(Column column, int64_t by) { facts_.totals[column] += by; }
  void set(Column column, int64_t value) { facts_.totals[column] = value; }

  Facts facts_;
  History history_;
  BucketTable table_;
  Findings findings_;
};

TEST_F(FindingsTest, ACalmServerHasNone) {
  run(700);
  EXPECT_THAT(codes_on(), IsEmpty());
}

struct Cause {
  FindingCode code;
  std::function<void(FindingsTest&)> change;  ///< each second
  std::string words;                          ///< in the text
};

class CausesTest : public FindingsTest {
 protected:
  /// Undoes what a cause set and calm() does not.
  void heal() {
    facts_.disk = {};
    facts_.clients.clear();
    facts_.misses_of_clients = 0;
    facts_.credentials_fail = false;
    facts_.certificate_ends_ms.reset();
    facts_.pinned_over_limit = 0;
    set(Column::kMemoryWaiting, 0);
    set(Column::kTurnsWaiting, 0);
    for (BucketFacts& one : facts_.buckets) {
      one.breaker_open = false;
      one.now_ms = 20;
    }
  }

  std::vector<Cause> causes() {
    using T = CausesTest;
    const auto of = [](void (T::*change)()) {
      return [change](FindingsTest& test) { (static_cast<T&>(test).*change)(); };
    };
    return {{kFetchesFail, of(&T::fetches_fail), "20 % of the requests"},
            {kFetchesFail, of(&T::answers_fail), "25 % of the requests"},
            {kBucketDown, of(&T::breaker_opens), "bucket \"one\" is down"},
            {kBucketDown, of(&T::all_attempts_fail), "500 of 500 requests"},
            {kConnectionsFull, of(&T::connections_refused), "client connections were refused"},
            {kCredentialsFail, of(&T::no_credentials), "no credentials for the store"},
            {kDiskUnusable, of(&T::disk_unusable), "cannot be used: damaged"},
            {kDiskOffline, of(&T::disk_offline), "offline, its pages come from the store"},
            {kMissesRefused, of(&T::misses_refused), "no memory became free"},
            {kTurnsRefused, of(&T::turns_refused), "no turn at their bucket"},
            {kLoopHeld, of(&T::loop_held), "the longest time 300 ms"},
            {kDiskReadOnly, of(&T::disk_read_only), "only read"},
            {kDiskSlow, of(&T::disk_slow), "reads take 400 ms (median), the store 25 ms"},
            {kBucketThrottles, of(&T::bucket_throttles), "bucket \"two\" throttles: 150 of 500"},
            {kBucketSlow, of(&T::bucket_slow), "takes 1.5 s (median), usually 2"},
            {kOneClient, of(&T::one_client), "client \"greedy\" makes 90 %"},
            {kThrashing, of(&T::thrashing), "evicted lately"},
            {kClientLimited, of(&T::client_limited), "past its limit"},
            {kCertificateExpires, of(&T::certificate_expires), "expires in 10.0 days"},
            {kPinsOverLimit, of(&T::pins_over_limit), "7 pages match --pin"},
            {kLogsDropped, of(&T::logs_dropped), "lines of the logs were lost"}};
  }

  void fetches_fail() {
    add(Column::kFetches, 250);
    add(Column::kFailedStore, 250);
  }
  void answers_fail() { add(Column::kStatusFailed, 250); }
  void breaker_opens() { facts_.buckets[0].breaker_open = true; }
  void all_attempts_fail() { *facts_.buckets[0].failures += 50; }
  void connections_refused() { add(Column::kConnectionsRefused, 1); }
  void no_credentials() { facts_.credentials_fail = true; }
  void disk_unusable() {
    facts_.disk.state = DiskFacts::State::kUnusable;
    facts_.disk.error = "damaged";
  }
  void disk_offline() { facts_.disk.state = DiskFacts::State::kOffline; }
  void misses_refused() { add(Column::kMissesRefused, 2); }
  void turns_refused() { add(Column::kTurnsRefused, 2); }
  void loop_held() { set(Column::kLoopLagMax, 300'000); }
  void disk_read_only() {
    facts_.disk.state = DiskFacts::State::kInUse;
    facts_.disk.read_only = true;
  }
  void disk_slow() {
    facts_.disk.state = DiskFacts::State::kInUse;
    facts_.disk.slow = true;
    facts_.disk.disk_p50_ms = 400;
    facts_.disk.store_p50_ms = 25;
  }
  void bucket_throttles() {
    *facts_.buckets[1].throttled += 15;
    *facts_.buckets[1].failures += 15;
  }
  void bucket_slow() { facts_.buckets[0].now_ms = 1500; }
  void one_client() {
    facts_.clients = {{"greedy", 9000, 9000, 0, 0}, {"honest", 1000, 1000, 0, 0}};
    facts_.misses_of_clients = 10'000;
    set(Column::kTurnsWaiting, 40);
  }
  void thrashing() {
    add(Column::kPagesMiss, 1500);
    ghosts(600);
  }
  void ghosts(int64_t count) { add(Column::kGhostHits, count); }
  void client_limited() { add(Column::kClientsLimited, 3); }
  void certificate_expires() {
    facts_.certificate_ends_ms = facts_.totals[Column::kTimeMs] + int64_t{864'001'000};
  }
  void pins_over_limit() { facts_.pinned_over_limit = 7; }
  void logs_dropped() { add(Column::kLogsDropped, 1); }
};

TEST_F(CausesTest, EachBeginsWithinTenSecondsAloneAndEnds) {
  for (const Cause& cause : causes()) {
    SCOPED_TRACE(to_string(cause.code));
    heal();
    run(60);
    EXPECT_THAT(codes_on(), IsEmpty());
    EXPECT_LE(seconds_until({cause.code}, cause.change), 10);
    run(60, cause.change);
    EXPECT_THAT(codes_on(), ElementsAre(cause.code));
    EXPECT_THAT(text(), HasSubstr(cause.words));
    EXPECT_TRUE(findings_.is_on(cause.code));
    heal();
    EXPECT_LE(seconds_until({}, [](FindingsTest&) {}), 31);
    EXPECT_FALSE(findings_.is_on(cause.code));
  }
}

TEST_F(CausesTest, ACauseThatComesAndGoesIsOneFinding) {
  for (const Cause& cause : causes()) {
    if (rules()[static_cast<size_t>(cause.code)].hold < std::chrono::seconds(20)) continue;
    SCOPED_TRACE(to_string(cause.code));
    heal();
    run(60);
    int begins = 0;
    bool was_on = false;
    for (int second = 0; second < 120; ++second) {
      if (second / 5 % 2 == 0) {
        run(1, cause.change);
      } else {
        heal();
        run(1);
      }
      const bool is_on = findings_.is_on(cause.code);
      if (is_on && !was_on) ++begins;
      was_on = is_on;
    }
    EXPECT_LE(begins, 1);  // half of the time may be too little
  }
}

TEST_F(CausesTest, EachCodeHasACauseHere) {
  std::vector<FindingCode> codes;
  for (const Cause& cause : causes()) {
    if (codes.empty() || codes.back() != cause.code) codes.push_back(cause.code);
  }
  EXPECT_EQ(codes.size(), kFindingCodes);
  for (size_t i = 0; i < kFindingCodes; ++i)
    EXPECT_EQ(rules()[i].code, static_cast<FindingCode>(i));
}

TEST_F(CausesTest, EachCodeHasARowInTheRunbook) {
  std::ifstream file(CACHEY_SOURCE_DIR "/docs/runbook.md");
  const std::string runbook{std::istreambuf_iterator<char>(file), {}};
  for (size_t i = 0; i < kFindingCodes; ++i) {
    const auto code = std::string(to_string(static_cast<FindingCode>(i)));
    EXPECT_NE(runbook.find("\n| `" + code + "` |"), std::string::npos) << code;
  }
}

TEST_F(CausesTest, BadOnesComeBeforeWarnings) {
  run(20, [this](FindingsTest&) {
    bucket_throttles();
    disk_offline();
    fetches_fail();
  });
  EXPECT_THAT(codes_on(), ElementsAre(kDiskOffline, kFetchesFail, kBucketThrottles));
}

TEST_F(CausesTest, ABucketThatIsDownIsNeitherSlowNorThrottling) {
  run(20);
  run(20, [this](FindingsTest&) {
    breaker_opens();
    bucket_slow();
    *facts_.buckets[0].throttled += 50;
    *facts_.buckets[0].failures += 50;
  });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketDown));
}

TEST_F(CausesTest, AClockThatJumpsNeitherEndsNorKeepsAFinding) {
  const auto cause = [this](FindingsTest&) { no_credentials(); };
  run(5, cause);
  add(Column::kTimeMs, -3'600'000);
  run(5, cause);
  ASSERT_THAT(codes_on(), ElementsAre(kCredentialsFail));
  heal();
  run(6);
  EXPECT_THAT(codes_on(), IsEmpty());
  run(5, cause);
  heal();
  add(Column::kTimeMs, 3'600'000);
  run(1);
  EXPECT_THAT(codes_on(), ElementsAre(kCredentialsFail));
}

TEST_F(CausesTest, OneClientOfManyThatAreNotListedIsNotMost) {
  run(20, [this](FindingsTest&) { one_client(); });
  ASSERT_THAT(codes_on(), ElementsAre(kOneClient));
  heal();
  run(60);
  ASSERT_THAT(codes_on(), IsEmpty());
  run(20, [this](FindingsTest&) {
    one_client();
    facts_.misses_of_clients = 1'000'000;
  });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, SinceIsTheBeginning) {
  run(30, [this](FindingsTest&) { disk_offline(); });
  EXPECT_EQ(findings_.worst_first()[0].since_ms, 1'001'000);
}

TEST_F(CausesTest, NamesOfClientsMakingAreQuoted) {
  facts_.buckets[0].name = "<img onerror=\"x\">\n\xff" + std::string(5000, 'a');
  facts_.buckets[0].breaker_open = true;
  run(5);
  EXPECT_THAT(text(), HasSubstr("\"<img onerror=\\\"x\\\">\\x0a\\xffaaa"));
  EXPECT_THAT(text(), Not(HasSubstr("\n")));
  EXPECT_LT(text().size(), 300u);
}

TEST_F(CausesTest, TwoClientsWithAboutHalfEachAreNotOne) {
  facts_.clients = {{"one", 6000, 6000, 0, 0}, {"other", 4000, 4000, 0, 0}};
  facts_.misses_of_clients = 10'000;
  set(Column::kTurnsWaiting, 40);
  run(20);
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, GhostsOfACacheWithManyHitsAreNoThrashing) {
  run(20, [this](FindingsTest&) { ghosts(60); });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, FewAnswersSayNothing) {
  for (int second = 0; second < 60; ++second) {
    add(Column::kFetches, 1);
    if (second % 10 == 0) add(Column::kFailedStore, 1);
    if (second % 5 == 0) {
      *facts_.buckets[0].attempts += 1;
      *facts_.buckets[0].failures += 1;
    }
    step();
  }
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ABucketThatWasAlwaysSlowIsSlowBesideAQuickOneOnly) {
  facts_.buckets[0].now_ms = 900;
  run(3);
  EXPECT_THAT(codes_on(), ElementsAre(kBucketSlow));
  run(60);
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ABucketThatStaysSlowIsUsualInTheEnd) {
  run(60);
  run(600, [this](FindingsTest&) { bucket_slow(); });
  EXPECT_THAT(codes_on(), ElementsAre(kBucketSlow));
  run(6000, [this](FindingsTest&) { bucket_slow(); });
  EXPECT_THAT(codes_on(), IsEmpty());
}

TEST_F(CausesTest, ADiskThatIsOpenedSaysNothingInTheFirstSeconds) {
  facts_.disk.state = DiskFacts::State::kOpening;
  run(5);
  EXPECT_THAT(codes_on(), IsEmpty());
  run(6);
  EXPECT_THAT(codes_on(), ElementsAre(kDiskOffline));
}

}  // namespace
}  // namespace cachey::app
