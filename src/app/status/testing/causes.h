#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "app/status/findings.h"

namespace cachey::app {

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
    made.attempts = made.failures = made.failed_objects = made.throttled = 0;
    made.good = made.denied = made.denied_objects = 0;
    made.now_ms = 20;
    return made;
  }

  /// What a calm server does in a second.
  void calm() {
    add(Column::kFetches, 1000);
    add(Column::kStatus2xx, 1000);
    add(Column::kPagesMemory, 900);
    add(Column::kPagesMiss, 100);
    for (BucketFacts& one : facts_.buckets) {
      *one.attempts += 50;
      *one.good += 50;
    }
    add(Column::kOriginAttempts, 100);
    add(Column::kOriginOk, 100);
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
    facts_.buckets_are_limited = false;
    facts_.certificate_ends_ms.reset();
    facts_.failed_reloads.clear();
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
    using enum FindingCode;
    const auto of = [](void (T::*change)()) {
      return [change](FindingsTest& test) { (static_cast<T&>(test).*change)(); };
    };
    return {{kFetchesFail, of(&T::fetches_fail), "20 % of the requests"},
            {kFetchesFail, of(&T::answers_fail), "25 % of the requests"},
            {kBucketDown, of(&T::breaker_opens), "bucket \"one\" is down"},
            {kBucketDown, of(&T::all_attempts_fail), "500 of 500 requests"},
            {kConnectionsFull, of(&T::connections_refused), "client connections were refused"},
            {kCredentialsFail, of(&T::no_credentials), "no credentials for the store"},
            {kCredentialsFail, of(&T::credentials_refused), "100 of 100 requests of the last 2 s"},
            {kDiskUnusable, of(&T::disk_unusable), "cannot be used: damaged"},
            {kDiskOffline, of(&T::disk_offline), "offline, its pages come from the store"},
            {kMissesRefused, of(&T::misses_refused), "no memory became free"},
            {kTurnsRefused, of(&T::turns_refused), "no turn at their bucket"},
            {kLoopHeld, of(&T::loop_held), "the longest time 300 ms"},
            {kDiskReadOnly, of(&T::disk_read_only), "only read"},
            {kDiskFileDeleted, of(&T::disk_file_deleted), "lost when the process ends"},
            {kDiskSlow, of(&T::disk_slow), "reads take 400 ms (median), the store 25 ms"},
            {kBucketRefuses, of(&T::bucket_refuses), "bucket \"two\" refuses 250 of 250 requests"},
            {kBucketRefuses, of(&T::others_refuse), "no good answer since the start refuse 500 of"},
            {kBucketThrottles, of(&T::bucket_throttles), "bucket \"two\" throttles: 150 of 500"},
            {kBucketSlow, of(&T::bucket_slow), "takes 1.5 s (median), usually 2"},
            {kOneClient, of(&T::one_client), "client \"greedy\" makes 90 %"},
            {kThrashing, of(&T::thrashing), "evicted lately"},
            {kClientLimited, of(&T::client_limited), "past its limit"},
            {kReloadFailed, of(&T::reload_failed), "the last reload failed: TLS, tokens"},
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
  void all_attempts_fail() {
    *facts_.buckets[0].failures += 50;
    *facts_.buckets[0].failed_objects += 40;
    *facts_.buckets[0].good -= 50;
  }
  void connections_refused() { add(Column::kConnectionsRefused, 1); }
  void no_credentials() { facts_.credentials_fail = true; }
  void credentials_refused() {
    add(Column::kOriginOk, -100);
    add(Column::kKeyRefused, 50);
    add(Column::kKeyRefusedObjects, 40);
  }
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
  void disk_file_deleted() {
    facts_.disk.state = DiskFacts::State::kInUse;
    facts_.disk.file_deleted = true;
  }
  void disk_slow() {
    facts_.disk.state = DiskFacts::State::kInUse;
    facts_.disk.slow = true;
    facts_.disk.disk_p50_ms = 400;
    facts_.disk.store_p50_ms = 25;
  }
  void bucket_refuses() {
    *facts_.buckets[1].good -= 50;
    *facts_.buckets[1].denied += 50;
    *facts_.buckets[1].denied_objects += 40;
  }
  void others_refuse() {
    facts_.buckets_are_limited = true;
    add(Column::kOtherDenied, 50);
    add(Column::kOtherDeniedObjects, 40);
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
  /// Many honest misses, and after them those of a client that has just begun.
  void greedy_since(int64_t seconds) {
    const int64_t greedy = 60 * seconds;
    facts_.clients = {{.name = "honest", .misses = 2000, .newest_misses = 60},
                      {.name = "greedy", .misses = greedy, .newest_misses = greedy}};
    facts_.misses_of_clients = 2000 + greedy;
    facts_.newest_misses_of_clients = 60 + greedy;
    set(Column::kTurnsWaiting, 40);
  }
  void thrashing() {
    add(Column::kPagesMiss, 1500);
    ghosts(600);
  }
  void ghosts(int64_t count) { add(Column::kGhostHits, count); }
  void client_limited() { add(Column::kClientsLimited, 3); }
  void reload_failed() { facts_.failed_reloads = "TLS, tokens"; }
  void certificate_expires() {
    facts_.certificate_ends_ms = facts_.totals[Column::kTimeMs] + int64_t{864'001'000};
  }
  void pins_over_limit() { facts_.pinned_over_limit = 7; }
  void logs_dropped() { add(Column::kLogsDropped, 1); }
};

}  // namespace cachey::app
