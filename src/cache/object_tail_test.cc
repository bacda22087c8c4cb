// Tails: the last bytes of an object come in one request, which also tells the size.

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "cache/object_look.h"
#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::Ask;
using origin::FakeOrigin;

class Tails : public ReaderHarness {
 protected:
  void put(uint64_t size, uint64_t seed = 1) {
    origin_.put("b", "o", {.size = size, .seed = seed, .etag = "\"" + std::to_string(seed) + "\""});
  }
  [[nodiscard]] std::shared_ptr<FetchSpec> exact() {
    auto made = spec("o");
    made->wishes.exact = true;
    return made;
  }
  [[nodiscard]] std::future<Seen> start(uint64_t bytes) {
    return ask(fetch_tail(cache_, workers_[0], spec("o"), bytes, clock_.mono(),
                          rt::Until(MonoTime::max())));
  }
  [[nodiscard]] Seen tail(uint64_t bytes) { return start(bytes).get(); }
  /// Reads the last bytes of an object of this size.
  void expect_bytes(uint64_t size, uint64_t bytes, uint64_t seed = 1) {
    const ByteRange range{size - std::min(size, bytes), size};
    expect_whole(read(exact(), range, seed).get(), range);
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size(); }
  void expect_nothing_left() {
    settle();
    EXPECT_EQ(memory_.admitted_bytes(), 0u);
    EXPECT_EQ(cache_.table().objects(), 0u);
  }
};

constexpr uint64_t kTail = 256 * kKiB;

TEST_F(Tails, OneRequestBringsTheSizeAndTheBytes) {
  const uint64_t sizes[] = {1,
                            12,
                            kTail - 1,
                            kTail,
                            kTail + 1,
                            kPageBytes,
                            kPageBytes + 1,
                            kPageBytes + kTail,
                            2 * kPageBytes + kTail - 1,
                            3 * kPageBytes + kMiB};
  for (const uint64_t size : sizes) {
    SCOPED_TRACE(size);
    put(size, size);
    const size_t before = asked();
    const uint64_t sent = origin_.bytes_sent();
    const Seen seen = tail(kTail);
    ASSERT_TRUE(seen) << seen.error().message();
    EXPECT_EQ((*seen)->info.size, size);
    expect_bytes(size, kTail, size);
    expect_bytes(size, 1, size);
    EXPECT_EQ(asked(), before + 1);
    EXPECT_EQ(origin_.asked().back().ask, Ask::kTail);
    settle();
    EXPECT_EQ(origin_.bytes_sent() - sent, std::min(size, kTail));
    const Got hit = read(exact(), {size - 1, size}, size).get();
    expect_whole(hit, {size - 1, size});
    EXPECT_GT(hit.first_cached_at, 0);
    EXPECT_EQ(asked(), before + 1);
    // The rest comes as for any part.
    expect_whole(read(spec("o"), {0, size}, size).get(), {0, size});
  }
  settle();
  EXPECT_EQ(memory_.admitted_bytes(), 0u);
}

TEST_F(Tails, APageThatCameWithItsTailIsAPage) {
  put(12);
  ASSERT_TRUE(tail(kTail));
  expect_whole(read(spec("o"), {0, 12}).get(), {0, 12});
  settle();
  EXPECT_EQ(asked(), 1u);
  EXPECT_NE(cache_.table().find(KeyView{"k", "o"}, 0), nullptr);
}

TEST_F(Tails, ReadersJoinTheBytesThatAreOnTheirWay) {
  put(kPageBytes);
  origin_.behave({.read_delay = 2ms, .read_bytes = 16 * kKiB});
  ASSERT_TRUE(tail(kTail));
  EXPECT_LT(origin_.bytes_sent(), kTail) << "the head is enough";
  expect_bytes(kPageBytes, kTail);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(Tails, EqualTailsAreOne) {
  put(kPageBytes);
  origin_.behave({.head_delay = 50ms});
  std::vector<std::future<Seen>> all;
  for (int i = 0; i < 50; ++i) all.push_back(start(kTail));
  auto other = start(100);
  for (auto& one : all) EXPECT_TRUE(one.get());
  EXPECT_TRUE(other.get());
  settle();
  size_t tails = 0;
  for (const FakeOrigin::Asked& one : origin_.asked()) tails += one.ask == Ask::kTail ? 1 : 0;
  EXPECT_EQ(tails, 2u) << "one of each length";
  EXPECT_LE(asked(), 3u) << "and a look for those who came after the tail was sent";
}

TEST_F(Tails, ALongOneIsALook) {
  put(4 * kMiB);
  const Seen seen = tail(kTailBytesMax + 1);
  ASSERT_TRUE(seen);
  EXPECT_EQ((*seen)->info.size, 4 * kMiB);
  EXPECT_EQ(origin_.asked().back().ask, Ask::kHead);
  EXPECT_EQ(origin_.bytes_sent(), 0u);
  EXPECT_TRUE(tail(kTailBytesMax));
  EXPECT_EQ(origin_.asked().back().ask, Ask::kTail);
}

TEST_F(Tails, OfAnEmptyObjectIsALook) {
  put(0);
  const Seen seen = tail(kTail);
  ASSERT_TRUE(seen) << seen.error().message();
  EXPECT_EQ((*seen)->info.size, 0u);
  EXPECT_EQ((*seen)->info.etag, "\"1\"");
  EXPECT_EQ(asked(), 2u);
  expect_nothing_left();
}

TEST_F(Tails, AStoreThatCannotAnswerThemIsLookedAt) {
  put(kPageBytes);
  origin_.behave_by([](const origin::GetRequest& request, size_t) -> FakeOrigin::Behaviour {
    if (request.ask != Ask::kTail) return {};
    return {.error = Error(ErrorKind::kUpstream, "200", ErrorCause::kUnusableAnswer)};
  });
  const Seen seen = tail(kTail);
  ASSERT_TRUE(seen);
  EXPECT_EQ((*seen)->info.size, kPageBytes);
  EXPECT_EQ(origin_.asked().back().ask, Ask::kHead);
  expect_bytes(kPageBytes, kTail);
}

TEST_F(Tails, FailuresAreTold) {
  EXPECT_EQ(tail(kTail).error().kind(), ErrorKind::kNotFound);
  put(kPageBytes);
  origin_.behave({.error = Error(ErrorKind::kDenied, "403")});
  EXPECT_EQ(tail(kTail).error().kind(), ErrorKind::kDenied);
  expect_nothing_left();
}

TEST_F(Tails, WhatIsThereIsNotKeptTwice) {
  put(kPageBytes + kTail / 2);
  const ByteRange there{kPageBytes - 1000, kPageBytes - 500};
  expect_whole(read(exact(), there).get(), there);
  ASSERT_TRUE(tail(kTail));
  expect_bytes(kPageBytes + kTail / 2, kTail / 2);
  EXPECT_EQ(asked(), 2u) << "the second page came with the tail";
  expect_bytes(kPageBytes + kTail / 2, kTail);
}

TEST_F(Tails, ANewVersionTakesThePlaceOfTheOldOne) {
  put(kPageBytes, 1);
  expect_whole(read(spec("o"), {0, 100}).get(), {0, 100});
  settle();
  put(2 * kPageBytes, 2);
  const Seen seen = tail(kTail);
  ASSERT_TRUE(seen);
  EXPECT_EQ((*seen)->info.etag, "\"2\"");
  expect_bytes(2 * kPageBytes, kTail, 2);
  EXPECT_EQ(asked(), 2u);
  expect_whole(read(spec("o"), {0, 100}, 2).get(), {0, 100});
}

TEST_F(Tails, ABodyThatBreaksOffForGoodLeavesNothing) {
  put(kPageBytes + 1000);
  origin_.behave_by([](const origin::GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    if (number == 0) return {.read_delay = 20ms, .cut_after = 1000};
    return {.error = Error(ErrorKind::kUpstream, "500")};
  });
  ASSERT_TRUE(tail(kTail)) << "the head came";
  const ByteRange range{kPageBytes + 1000 - kTail, kPageBytes + 1000};
  EXPECT_TRUE(read(exact(), range).get().error);
  expect_nothing_left();
}

}  // namespace
}  // namespace cachey::cache
