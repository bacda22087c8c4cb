#include "origin/credentials/cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "origin/testing/credential_harness.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

aws::CredentialsPtr keys(const std::string& id, std::optional<int64_t> expires_at = std::nullopt) {
  return std::make_shared<const aws::Credentials>(id, "s", "t", "test", expires_at);
}

/// A finder with searches that end when the test calls let().
class GatedFinder final : public CredentialFinder {
 public:
  explicit GatedFinder(rt::BlockingPool& pool) : pool_(pool) {}

  rt::Task<Result<aws::CredentialsPtr>> find(rt::Worker&, MonoTime) override {
    ++searches;
    const auto wait = [this] { return take(); };
    Result<aws::CredentialsPtr> found = co_await pool_.run(wait);
    co_return found;
  }

  void let(Result<aws::CredentialsPtr> found) {
    const std::scoped_lock lock(mutex_);
    found_.push_back(std::move(found));
    changed_.notify_all();
  }

  std::atomic<int> searches = 0;

 private:
  Result<aws::CredentialsPtr> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !found_.empty(); });
    Result<aws::CredentialsPtr> found = std::move(found_.front());
    found_.pop_front();
    return found;
  }

  rt::BlockingPool& pool_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Result<aws::CredentialsPtr>> found_;
};

/// The system's clock, which the test can advance. Any thread.
class ShiftedClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return system_.mono() + shift_.load() * 1s; }
  [[nodiscard]] int64_t unix_seconds() const override {
    return system_.unix_seconds() + shift_.load();
  }
  void pass(int64_t seconds) { shift_ += seconds; }

 private:
  const SystemClock system_;
  std::atomic<int64_t> shift_{0};
};

struct CredRefreshCache : ::testing::Test {
  CredRefreshCache() {
    auto made = std::make_unique<GatedFinder>(workers.pool());
    finder = made.get();
    cache = std::make_shared<CredentialCache>(std::move(made), clock, random, 60s);
  }
  ~CredRefreshCache() { workers.stop(); }

  std::future<Result<aws::CredentialsPtr>> start(size_t worker,
                                                 MonoTime deadline = MonoTime::max()) {
    return workers.start(cache->get(workers.workers()[worker], deadline), worker);
  }
  std::string get(size_t worker = 0) { return text_of(start(worker).get()); }
  std::future<aws::CredentialsPtr> replace(const std::string& refused, size_t worker = 0,
                                           MonoTime deadline = MonoTime::max()) {
    return workers.start(cache->replace(workers.workers()[worker], keys(refused), deadline),
                         worker);
  }

  ShiftedClock clock;
  FixedRandom random{0.0};
  TestWorkers workers{3};
  std::shared_ptr<CredentialCache> cache;
  GatedFinder* finder = nullptr;
};

TEST_F(CredRefreshCache, AHundredRequestsOnThreeWorkersAreOneSearch) {
  std::vector<std::future<Result<aws::CredentialsPtr>>> asked;
  for (size_t i = 0; i < 100; ++i) asked.push_back(start(i % 3));
  workers.workers().run_on_each([](rt::Worker&) {});
  finder->let(keys("k"));
  for (auto& answer : asked) EXPECT_EQ(text_of(answer.get()), "k|s|t");
  EXPECT_EQ(finder->searches, 1);
  EXPECT_EQ(get(2), "k|s|t");
  EXPECT_EQ(finder->searches, 1);
}

TEST_F(CredRefreshCache, AFailureReachesAllAndIsNotSearchedForAtOnce) {
  std::vector<std::future<Result<aws::CredentialsPtr>>> asked;
  for (size_t i = 0; i < 6; ++i) asked.push_back(start(i % 3));
  finder->let(fail(ErrorKind::kUpstream, "why not"));
  for (auto& answer : asked) EXPECT_EQ(text_of(answer.get()), "why not");
  EXPECT_LE(finder->searches, 2);  // a request may come after the first search
  finder->let(keys("k"));
  EXPECT_TRUE(eventually([&] { return get() == "k|s|t"; }));
}

TEST_F(CredRefreshCache, TheOldOnesServeWhileTheNextAreLookedFor) {
  finder->let(keys("old", clock.unix_seconds() + 3600));
  EXPECT_EQ(get(), "old|s|t");
  clock.pass(3600 - 200);
  EXPECT_EQ(get(0), "old|s|t");
  EXPECT_EQ(get(1), "old|s|t");
  EXPECT_EQ(finder->searches, 2);
  finder->let(fail(ErrorKind::kUpstream, "no"));
  EXPECT_TRUE(eventually([&] { return get() == "old|s|t" && finder->searches == 3; }));
  finder->let(keys("new"));
  EXPECT_TRUE(eventually([&] { return get(1) == "new|s|t"; }));
  EXPECT_EQ(finder->searches, 3);
}

TEST_F(CredRefreshCache, RefusedOnesAreLookedForAnewOnce) {
  finder->let(keys("one"));
  EXPECT_EQ(get(), "one|s|t");
  auto first = replace("one", 0);
  auto second = replace("one", 1);
  EXPECT_TRUE(eventually([&] { return finder->searches == 2; }));
  EXPECT_EQ(get(2), "one|s|t") << "requests go on with the old ones meanwhile";
  finder->let(keys("two"));
  EXPECT_EQ(first.get()->access_key_id(), "two");
  EXPECT_EQ(second.get()->access_key_id(), "two");
  EXPECT_EQ(replace("one", 2).get()->access_key_id(), "two") << "a request that was refused late";
  EXPECT_EQ(get(2), "two|s|t");
  EXPECT_EQ(finder->searches, 2);
}

TEST_F(CredRefreshCache, ASearchThatBringsTheSameReplacesNothing) {
  finder->let(keys("one"));
  EXPECT_EQ(get(), "one|s|t");
  finder->let(keys("one"));
  EXPECT_EQ(replace("one").get(), nullptr);
  EXPECT_EQ(replace("one").get(), nullptr);
  EXPECT_EQ(finder->searches, 2);
  clock.pass(10);
  finder->let(fail(ErrorKind::kUpstream, "no"));
  EXPECT_EQ(replace("one").get(), nullptr);
  EXPECT_EQ(finder->searches, 3);
  EXPECT_EQ(get(), "one|s|t");
  clock.pass(10);
  finder->let(keys("three"));
  EXPECT_EQ(replace("one").get()->access_key_id(), "three");
}

TEST_F(CredRefreshCache, ARefusedRequestWaitsForTheSearchNoLongerThanItsOwnTime) {
  finder->let(keys("one"));
  EXPECT_EQ(get(), "one|s|t");
  const MonoTime soon = clock.mono() + 30ms;
  EXPECT_EQ(replace("one", 0, soon).get(), nullptr);
  finder->let(keys("two"));
  EXPECT_TRUE(eventually([&] { return get(1) == "two|s|t"; }));
}

TEST_F(CredRefreshCache, ARequestWaitsUntilItsOwnTimeIsUp) {
  const auto begun = std::chrono::steady_clock::now();
  const Result<aws::CredentialsPtr> late = start(0, begun + 30ms).get();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s);
  EXPECT_EQ(late.error().kind(), ErrorKind::kOverloaded) << "the search goes on";
  finder->let(keys("k"));
  EXPECT_EQ(get(1), "k|s|t");
  EXPECT_EQ(finder->searches, 1);
}

}  // namespace
}  // namespace cachey::origin
