// Purges: what they take out, and that nothing that is under way brings it back.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "cache/object_look.h"
#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class PurgeTest : public ReaderHarness {
 protected:
  explicit PurgeTest(FillConfig fills = {},
                     std::optional<store::DiskTierConfig> disk = std::nullopt)
      : ReaderHarness(256 * kMiB, fills, std::move(disk)) {}

  void TearDown() override {
    held_ = false;
    device_.release();
    settle();
  }

  [[nodiscard]] std::future<Result<Purged>> start_purge(KeyScope scope) {
    std::promise<Result<Purged>> promise;
    auto future = promise.get_future();
    rt::asio::co_spawn(workers_[1].io(), run_purge(std::move(scope), std::move(promise)),
                       rt::asio::detached);
    return future;
  }
  Purged purge(KeyScope scope) {
    const Result<Purged> purged = start_purge(std::move(scope)).get();
    EXPECT_TRUE(purged.has_value()) << purged.error().message();
    return purged.value_or(Purged{});
  }
  static KeyScope object() { return KeyScope::object("k", "o"); }

  void put(uint64_t version, uint64_t size = kMiB, const std::string& name = "o") {
    origin_.put("b", name,
                {.size = size, .seed = version, .etag = "\"v" + std::to_string(version) + "\""});
  }
  /// No body goes on, until let_go().
  void hold() {
    held_ = true;
    origin_.behave({.held = [this] { return held_.load(); }});
  }
  void let_go() { held_ = false; }
  void wait_until(const std::function<bool()>& condition) {
    while (!condition()) std::this_thread::sleep_for(1ms);
  }
  [[nodiscard]] size_t gets() const { return origin_.asked().size(); }
  [[nodiscard]] std::future<Got> read_all(uint64_t version, uint64_t size = kMiB) {
    return read(spec("o"), {0, size}, version);
  }

  std::atomic<bool> held_{false};

 private:
  [[nodiscard]] rt::Task<void> run_purge(KeyScope scope, std::promise<Result<Purged>> promise) {
    std::optional<Purges::Turn> turn = cache_.purges().begin(scope);
    if (!turn) {
      promise.set_value(fail(ErrorKind::kOverloaded, "another one runs"));
      co_return;
    }
    Result<Purged> purged =
        co_await cache_.purges().purge(workers_[1], std::move(scope), std::move(*turn));
    promise.set_value(std::move(purged));
  }
};

TEST_F(PurgeTest, AnObjectIsFetchedAgain) {
  put(1);
  expect_whole(read_all(1).get(), {0, kMiB});
  settle();
  const Purged purged = purge(object());
  EXPECT_EQ(purged.pages, 1u);
  EXPECT_EQ(purged.bytes, kMiB);
  EXPECT_EQ(purged.fenced, 0u);
  EXPECT_EQ(memory_.used_bytes(), 0u);
  EXPECT_EQ(cache_.table().objects(), 0u);
  put(2);
  expect_whole(read_all(2).get(), {0, kMiB});
  EXPECT_EQ(gets(), 2u);
  settle();
  EXPECT_EQ(purge(KeyScope::object("k", "x")).pages, 0u);
  EXPECT_EQ(purge(KeyScope::object("x", "o")).pages, 0u);
}

TEST_F(PurgeTest, SetsOfObjectsAreTaken) {
  for (int i = 0; i < 300; ++i) {
    const std::string name = (i % 3 == 0 ? "a/" : "b/") + std::to_string(i);
    put(1, 100, name);
    expect_whole(read(spec(name), {0, 100}).get(), {0, 100});
  }
  settle();
  EXPECT_EQ(purge(KeyScope::prefix("k", "a/")).pages, 100u);
  EXPECT_EQ(cache_.table().objects(), 200u);
  EXPECT_EQ(purge(KeyScope::of_kind("other")).pages, 0u);
  EXPECT_EQ(purge(KeyScope::prefix("k", "b/1")).pages, 75u);  // those of 1, 10-19, 100-199
  EXPECT_EQ(purge(KeyScope::of_kind("k")).pages, 125u);
  EXPECT_EQ(purge(KeyScope::all()).pages, 0u);
}

TEST_F(PurgeTest, AFillFeedsItsReadersAndLeavesNothing) {
  put(1);
  hold();
  std::future<Got> before = read_all(1);
  wait_until([this] { return gets() == 1; });
  EXPECT_EQ(purge(object()).fenced, 1u);
  put(2);
  std::future<Got> after = read_all(2);
  wait_until([this] { return gets() == 2; });
  let_go();
  expect_whole(before.get(), {0, kMiB});
  expect_whole(after.get(), {0, kMiB});
  settle();
  expect_whole(read_all(2).get(), {0, kMiB});
  EXPECT_EQ(gets(), 2u);
  EXPECT_EQ(memory_.stats().pages.load(), 1u) << "the old page is gone with its reader";
}

TEST_F(PurgeTest, AFillBeforeItsAnswerIsFencedToo) {
  put(1);
  origin_.behave({.head_delay = 100ms});
  std::future<Got> before = read_all(1);
  wait_until([this] { return gets() == 1; });
  EXPECT_EQ(purge(object()).fenced, 1u);
  put(2);
  expect_whole(read_all(2).get(), {0, kMiB});
  const Got got = before.get();  // of either version, but of one
  EXPECT_EQ(got.bytes, kMiB);
  settle();
  expect_whole(read_all(2).get(), {0, kMiB});
  EXPECT_EQ(gets(), 2u);
}

TEST_F(PurgeTest, APageThatIsCompletedFromPartsIsFenced) {
  put(1, kPageBytes);
  auto exact = spec("o");
  exact->wishes.exact = true;
  expect_whole(read(exact, {0, 2 * kMiB}).get(), {0, 2 * kMiB});
  settle();
  hold();
  std::future<Got> before = read_all(1, kPageBytes);
  wait_until([this] { return gets() == 2; });
  const Purged purged = purge(object());
  EXPECT_EQ(purged.pages, 1u) << "the part";
  EXPECT_EQ(purged.fenced, 1u);
  put(2, kPageBytes);
  std::future<Got> after = read_all(2, kPageBytes);
  wait_until([this] { return gets() == 3; });
  let_go();
  expect_whole(before.get(), {0, kPageBytes});
  expect_whole(after.get(), {0, kPageBytes});
}

TEST_F(PurgeTest, ATailKeepsNothing) {
  put(1);
  origin_.behave({.head_delay = 100ms});
  auto exact = spec("o");
  exact->wishes.exact = true;
  std::future<Seen> tail =
      ask(fetch_tail(cache_, workers_[0], exact, 1'000, clock_.mono(), rt::Until(MonoTime::max())));
  wait_until([this] { return gets() == 1; });
  EXPECT_EQ(purge(object()).fenced, 1u);
  put(2);
  ASSERT_TRUE(tail.get());
  settle();
  EXPECT_EQ(cache_.table().objects(), 0u);
  expect_whole(read_all(2).get(), {0, kMiB});
}

TEST_F(PurgeTest, OneWalkRunsAtATime) {
  std::optional<Purges::Turn> walk = cache_.purges().begin(KeyScope::of_kind("k"));
  ASSERT_TRUE(walk);
  EXPECT_FALSE(cache_.purges().begin(KeyScope::all()));
  EXPECT_FALSE(cache_.purges().begin(KeyScope::prefix("k", "o")));
  EXPECT_TRUE(cache_.purges().begin(object())) << "an object is found without a walk";
  walk.reset();
  EXPECT_TRUE(cache_.purges().begin(KeyScope::all()));
  std::vector<Purges::Turn> turns;
  for (int i = 0; i < Purges::kObjectsAtOnce; ++i) {
    turns.push_back(std::move(*cache_.purges().begin(object())));
  }
  EXPECT_FALSE(cache_.purges().begin(object()));
}

TEST_F(PurgeTest, EndsWithTheServer) {
  cache_.purges().stop();
  const Result<Purged> purged = start_purge(KeyScope::all()).get();
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().kind(), ErrorKind::kCancelled);
}

class PurgeOfAnswers : public PurgeTest {
 protected:
  PurgeOfAnswers() : PurgeTest(FillConfig{.heads_bytes_max = kMiB, .negative_ttl = 60s}) {}

  [[nodiscard]] bool has_head() {
    const KeyView key{"k", "o"};
    return cache_.heads().find(key, key.hash()).has_value();
  }
  [[nodiscard]] std::future<Seen> look() {
    return ask(look_at(cache_, workers_[0], spec("o"), clock_.mono(), rt::Until(MonoTime::max())));
  }
};

TEST_F(PurgeOfAnswers, HeadsAndAbsencesGo) {
  for (const KeyScope& scope : {object(), KeyScope::prefix("k", "o"), KeyScope::all()}) {
    put(1);
    ASSERT_TRUE(look().get());
    EXPECT_TRUE(has_head());
    purge(scope);
    EXPECT_FALSE(has_head());
  }
  const size_t before = gets();
  const auto ask_for_absent = [this] { return read(spec("absent"), {0, 10}).get().error; };
  ASSERT_EQ(ask_for_absent()->kind(), ErrorKind::kNotFound);
  ASSERT_EQ(ask_for_absent()->kind(), ErrorKind::kNotFound);
  EXPECT_EQ(gets(), before + 1) << "it is remembered";
  purge(KeyScope::object("k", "other"));
  (void)ask_for_absent();
  EXPECT_EQ(gets(), before + 1);
  purge(KeyScope::object("k", "absent"));
  (void)ask_for_absent();
  EXPECT_EQ(gets(), before + 2);
}

TEST_F(PurgeOfAnswers, WhatIsUnderWayIsNotRemembered) {
  put(1);
  origin_.behave({.head_delay = 100ms});
  std::future<Seen> seen = look();
  wait_until([this] { return gets() == 1; });
  EXPECT_EQ(purge(object()).fenced, 1u);
  EXPECT_TRUE(seen.get()) << "its waiter gets it";
  settle();
  EXPECT_FALSE(has_head());
  std::future<Got> absent = read(spec("absent"), {0, 10});
  wait_until([this] { return gets() == 2; });
  purge(KeyScope::of_kind("k"));
  EXPECT_EQ(absent.get().error->kind(), ErrorKind::kNotFound);
  settle();
  (void)read(spec("absent"), {0, 10}).get();
  EXPECT_EQ(gets(), 3u);
}

class PurgeWithDisk : public PurgeTest {
 protected:
  PurgeWithDisk() : PurgeTest({}, quick_disk()) {}

  void put_on_disk() {
    put(1);
    expect_whole(read_all(1).get(), {0, kMiB});
    settle();
    forget_memory();
  }
};

TEST_F(PurgeWithDisk, APageOnDiskGoes) {
  for (const KeyScope& scope : {object(), KeyScope::of_kind("k"), KeyScope::all()}) {
    put_on_disk();
    EXPECT_EQ(disk_->usage().pages, 1u);
    const Purged purged = purge(scope);
    EXPECT_EQ(purged.pages, 1u);
    EXPECT_EQ(purged.bytes, kMiB);
    settle();
    EXPECT_EQ(disk_->usage().pages, 0u);
    const size_t before = gets();
    put(2);
    expect_whole(read_all(2).get(), {0, kMiB});
    EXPECT_EQ(gets(), before + 1);
    purge(KeyScope::all());
  }
}

TEST_F(PurgeWithDisk, APageInBothCountsOnce) {
  put(1);
  expect_whole(read_all(1).get(), {0, kMiB});
  settle();
  EXPECT_EQ(disk_->usage().pages, 1u);
  EXPECT_EQ(purge(object()).pages, 1u);
}

TEST_F(PurgeWithDisk, APageThatIsBeingWrittenDoesNotArrive) {
  device_.hang();
  put(1);
  expect_whole(read_all(1).get(), {0, kMiB});
  std::future<Result<Purged>> purging = start_purge(object());
  wait_until([this] { return cache_.table().objects() == 0; });
  device_.release();
  ASSERT_TRUE(purging.get());
  settle();
  EXPECT_EQ(disk_->usage().pages, 0u);
  put(2);
  expect_whole(read_all(2).get(), {0, kMiB});
}

TEST_F(PurgeWithDisk, AReaderOfTheDiskGetsItsBytesAndLeavesNothing) {
  put_on_disk();
  device_.hang_parts({{.range = {0, kDiskBytes}, .writes = false}});
  std::future<Got> before = read_all(1);
  wait_until([this] { return memory_.pieces().admitted_bytes() > 0; });  // it is being read
  EXPECT_EQ(purge(object()).pages, 1u);
  put(2);
  expect_whole(read_all(2).get(), {0, kMiB});
  device_.release();
  const Got got = before.get();
  EXPECT_FALSE(got.error) << got.error->message();
  EXPECT_EQ(got.bytes, kMiB);
  settle();
  expect_whole(read_all(2).get(), {0, kMiB});
  EXPECT_EQ(gets(), 2u);
}

TEST_F(PurgeWithDisk, MemoryIsPurgedIfTheDiskCannotBe) {
  put(1);
  expect_whole(read_all(1).get(), {0, kMiB});
  settle();
  device_.fail_writes(EIO, 1'000'000);
  const Result<Purged> purged = start_purge(object()).get();
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().kind(), ErrorKind::kInternal);
  put(2);
  expect_whole(read_all(2).get(), {0, kMiB});
}

}  // namespace
}  // namespace cachey::cache
