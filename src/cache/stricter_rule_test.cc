// A rule of buckets that becomes stricter while the process runs.

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <future>
#include <thread>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class StricterRule : public ReaderHarness {
 protected:
  StricterRule()
      : ReaderHarness(256 * kMiB, {}, std::nullopt, Index::kRead,
                      [this](std::string_view, std::string_view bucket) {
                        return bucket != "b" || !is_strict_.load();
                      }) {
    origin_.put("b", "o", {.size = kMiB, .seed = 1});
    origin_.put("c", "o", {.size = kMiB, .seed = 1});
  }
  void TearDown() override {
    held_ = false;
    settle();
  }

  [[nodiscard]] bool empty_memory() {
    std::promise<bool> promise;
    std::future<bool> done = promise.get_future();
    rt::asio::co_spawn(workers_[1].io(), run(std::move(promise)), rt::asio::detached);
    return done.get();
  }
  [[nodiscard]] Got get(std::vector<std::string> buckets) {
    return read(spec("o", std::move(buckets)), {0, kMiB}).get();
  }

  std::atomic<bool> is_strict_{false};
  std::atomic<bool> held_{false};

 private:
  [[nodiscard]] rt::Task<void> run(std::promise<bool> promise) {
    std::optional<Purges::Turn> turn = cache_.purges().begin(KeyScope::all());
    const bool done = co_await cache_.purges().empty_memory(workers_[1], std::move(*turn));
    promise.set_value(done);
  }
};

TEST_F(StricterRule, WhatIsInMemoryGoes) {
  expect_whole(get({"b"}), {0, kMiB});
  settle();
  is_strict_ = true;
  EXPECT_TRUE(empty_memory());
  EXPECT_EQ(origin_.asked().size(), 1u);
  expect_whole(get({"c"}), {0, kMiB});
  EXPECT_EQ(origin_.asked().size(), 2u);
}

TEST_F(StricterRule, ARequestFromBeforeFetchesNoMoreFromTheBucket) {
  is_strict_ = true;  // after the request was let in
  const Got got = get({"c", "b"});
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kDenied);
  EXPECT_EQ(origin_.asked().size(), 0u);
}

TEST_F(StricterRule, AFillUnderWayFeedsItsReaderAndIsNotKept) {
  held_ = true;
  origin_.behave({.held = [this] { return held_.load(); }});
  std::future<Got> before = read(spec("o"), {0, kMiB});
  while (origin_.asked().empty()) std::this_thread::sleep_for(1ms);
  is_strict_ = true;
  EXPECT_TRUE(empty_memory());
  held_ = false;
  expect_whole(before.get(), {0, kMiB});
  settle();
  origin_.behave({});
  expect_whole(get({"c"}), {0, kMiB});
  EXPECT_EQ(origin_.asked().size(), 2u);
}

}  // namespace
}  // namespace cachey::cache
