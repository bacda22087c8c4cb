#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "cache/testing/reader_harness.h"

// What memory knows may serve a request, and never refuses one.

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;
using Use = RangeReader::Use;

class Refusals : public ReaderHarness {
 protected:
  void put(uint64_t size, uint64_t seed) {
    origin_.put("b", object_,
                {.size = size, .seed = seed, .etag = "\"v" + std::to_string(seed) + "\""});
  }
  [[nodiscard]] Got get(ByteRange range, uint64_t seed = 1, Use use = Use::kBody) {
    const Got got = read(spec(object_), range, seed, use).get();
    settle();
    return got;
  }
  void expect_past_end(const Got& got, uint64_t size) {
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kRangeNotSatisfiable);
    EXPECT_EQ(got.error->object_size(), size);
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size(); }
  /// Returns once each client that was started or woken before waits.
  void let_all_wait() {
    for (int round = 0; round < 10; ++round) {
      for (size_t i = 0; i < workers_.size(); ++i) {
        std::promise<void> passed;
        rt::asio::post(workers_[i].io(), [&passed] { passed.set_value(); });
        passed.get_future().get();
      }
    }
  }

  std::string object_ = "o";
};

TEST_F(Refusals, AnObjectThatHasGrownIsReadPastItsOldEnd) {
  for (const uint64_t old : {uint64_t{1}, uint64_t{700}, 3 * kMiB, kPageBytes, kPageBytes + 1}) {
    object_ = "grows-from-" + std::to_string(old);
    put(old, old);
    expect_whole(get({0, old}, old), {0, old});
    put(old + 4000, old + 1);
    expect_whole(get({old, old + 4000}, old + 1), {old, old + 4000});
    const size_t before = asked();
    expect_whole(get({0, old}, old + 1), {0, old});
    EXPECT_LE(asked(), before + 1) << "an older page may be gone";
  }
}

TEST_F(Refusals, AHeadPastTheOldEndTellsTheNewSize) {
  for (const uint64_t old : {uint64_t{1}, uint64_t{900}, kPageBytes - 3, kPageBytes + 11}) {
    object_ = "head-of-one-that-grew-from-" + std::to_string(old);
    put(old, old);
    expect_whole(get({0, old}, old), {0, old});
    put(old + 50, old + 1);
    const Got head = get({old, old + 60}, old + 1, Use::kHead);
    EXPECT_FALSE(head.error);
    EXPECT_EQ(head.size, old + 50);
    EXPECT_EQ(head.range, (ByteRange{old, old + 50}));
    EXPECT_EQ(head.first_cached_at, 0);
  }
}

TEST_F(Refusals, TheStoreIsAskedForNoByteAndTheOldPageStays) {
  put(700, 1);
  expect_whole(get({0, 10}), {0, 10});
  for (size_t i = 1; i < 4; ++i) {
    expect_past_end(get({700, 800}), 700);
    ASSERT_EQ(asked(), 1 + i);
    EXPECT_EQ(origin_.asked().back().ask, origin::Ask::kHead);
  }
  expect_whole(get({0, 10}), {0, 10});
  EXPECT_EQ(asked(), 4u);
  EXPECT_EQ(origin_.bytes_sent(), 700u);
}

TEST_F(Refusals, ManyWhoAskAtOnceShareALook) {
  put(700, 1);
  expect_whole(get({0, 10}), {0, 10});
  std::atomic<size_t> answered = 1;  // no later request is
  origin_.behave_by([&answered](const origin::GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour;
    behaviour.head_held = [&answered, number] { return number >= answered; };
    return behaviour;
  });
  std::vector<std::future<Got>> clients;
  for (uint64_t i = 0; i < 300; ++i) clients.push_back(read(spec("o"), {700 + i, 2000}));
  let_all_wait();
  answered = 2;
  const auto is_waiting = [](const std::future<Got>& client) {
    return client.wait_for(0ms) != std::future_status::ready;
  };
  while (asked() < 3 && std::ranges::any_of(clients, is_waiting)) std::this_thread::sleep_for(1ms);
  let_all_wait();
  answered = 1000;
  for (auto& client : clients) expect_past_end(client.get(), 700);
  EXPECT_LE(asked(), 3u) << "the look that was under way, and one that began after all had come";
}

TEST_F(Refusals, AnObjectThatHasShrunkIsForgotten) {
  put(5000, 1);
  expect_whole(get({0, 10}), {0, 10});
  put(400, 2);
  expect_past_end(get({5000, 5001}), 400);
  expect_whole(get({0, 10}, 2), {0, 10});
}

TEST_F(Refusals, AStoreThatFailsIsNoRefusal) {
  put(700, 1);
  expect_whole(get({0, 10}), {0, 10});
  origin_.behave({.error = Error(ErrorKind::kUpstream, "down")});
  EXPECT_EQ(get({700, 701}).error->kind(), ErrorKind::kUpstream);
  expect_whole(get({0, 10}), {0, 10});
}

TEST_F(Refusals, WhatWasWrittenBeforeARequestIsThereForIt) {
  put(700, 1);
  origin_.behave_by([](const origin::GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour;
    if (number > 0) return behaviour;
    behaviour.head_delay = 100ms;
    behaviour.error = Error(ErrorKind::kNotFound, "not written yet");
    return behaviour;
  });
  auto early = read(spec("o"), {0, 10});
  while (asked() == 0) std::this_thread::sleep_for(1ms);
  expect_whole(get({0, 10}), {0, 10});
  EXPECT_EQ(early.get().error->kind(), ErrorKind::kNotFound);
}

TEST_F(Refusals, AnAbsenceIsNotRememberedByDefault) {
  EXPECT_EQ(get({0, 10}).error->kind(), ErrorKind::kNotFound);
  put(700, 1);
  expect_whole(get({0, 10}), {0, 10});
}

TEST_F(Refusals, AHeadOfWhatIsNotCachedReadsNoByte) {
  put(3 * kPageBytes, 1);
  const ByteRange range{kPageBytes + 5, 3 * kPageBytes};
  const Got head = get(range, 1, Use::kHead);
  EXPECT_FALSE(head.error);
  EXPECT_EQ(head.size, 3 * kPageBytes);
  EXPECT_EQ(head.range, range);
  EXPECT_EQ(head.first_cached_at, 0);
  ASSERT_EQ(asked(), 1u);
  EXPECT_EQ(origin_.asked().back().ask, origin::Ask::kHead);
  EXPECT_EQ(origin_.bytes_sent(), 0u);
  expect_whole(get({kPageBytes, kPageBytes + 9}), {kPageBytes, kPageBytes + 9});
  EXPECT_GT(get({kPageBytes, kPageBytes + 9}, 1, Use::kHead).first_cached_at, 0);
  EXPECT_EQ(asked(), 2u);
  expect_past_end(get({3 * kPageBytes, 4 * kPageBytes}, 1, Use::kHead), 3 * kPageBytes);
}

}  // namespace
}  // namespace cachey::cache
