// Random exact and ordinary reads of a few objects, in little memory, beside faults and new
// versions of the store. Every byte is right; and while nothing is evicted, the store is asked for
// no byte twice, but for islands.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;

constexpr uint64_t kSizes[] = {100, 300 * kKiB, 3 * kMiB + 17, kPageBytes, kPageBytes + 5 * kMiB};

/// A range of an object of this size; often near to borders of pages and to the object's end.
ByteRange any_range(std::mt19937& random, uint64_t size) {
  const uint64_t lengths[] = {1, 100, 5'000, 70'000, kMiB, 5 * kMiB};
  const uint64_t length = 1 + random() % lengths[random() % std::size(lengths)];
  uint64_t begin = random() % size;
  if (random() % 4 == 0 && size > kPageBytes) begin = kPageBytes - 1 - random() % length;
  return {begin, begin + length};
}

class ExactModel : public ReaderHarness, public ::testing::WithParamInterface<unsigned> {
 protected:
  explicit ExactModel(uint64_t memory = 256 * kMiB) : ReaderHarness(memory) {}

  [[nodiscard]] FetchSpecPtr any_spec(std::mt19937& random, const std::string& object,
                                      unsigned exact_of_ten) {
    auto made = spec(object);
    made->wishes.exact = random() % 10 < exact_of_ten;
    return made;
  }
};

/// Exact readers one after the other: the bytes asked for are those that are missing, and those of
/// the islands between them.
TEST_P(ExactModel, TheStoreIsAskedForMissingBytesOnly) {
  std::mt19937 random(GetParam());
  const uint64_t size = kMiB;
  origin_.put("b", "o", {.size = size});
  auto exact = spec("o");
  exact->wishes.exact = true;
  std::vector<bool> there(size);
  size_t seen = 0;
  uint64_t memory = 0;  // of all that was asked for
  for (int step = 0; step < 40; ++step) {
    ByteRange range = any_range(random, size);
    range.end = std::min(range.end, size);
    if (range == ByteRange{0, size}) continue;
    expect_whole(read(exact, range).get(), range);
    settle();
    std::vector<bool> asked(size);
    const auto all = origin_.asked();
    for (; seen < all.size(); ++seen) {
      const uint64_t end = std::min(all[seen].range.end, size);
      memory += store::Arena::rounded(end - all[seen].range.begin);
      for (uint64_t at = all[seen].range.begin; at < end; ++at) {
        ASSERT_FALSE(asked[at]) << "twice in one read";
        ASSERT_TRUE(range.begin <= at && at < range.end) << "outside the range";
        asked[at] = true;
      }
    }
    uint64_t island = 0;
    for (uint64_t at = range.begin; at < range.end; ++at) {
      ASSERT_TRUE(there[at] || asked[at]);
      island = there[at] && asked[at] ? island + 1 : 0;
      ASSERT_LT(island, PageTable::kIslandBytesMax) << "step " << step;
      there[at] = true;
    }
    ASSERT_LE(memory_.used_bytes(), memory);
  }
}

class ExactModelInLittleMemory : public ExactModel {
 protected:
  ExactModelInLittleMemory() : ExactModel(64 * kMiB) {}
};

/// Many at a time, while pages and parts are evicted, requests fail and bodies break off.
TEST_P(ExactModelInLittleMemory, EveryByteIsRight) {
  std::mt19937 random(GetParam());
  for (size_t i = 0; i < 2 * std::size(kSizes); ++i)
    origin_.put("b", std::to_string(i), {.size = kSizes[i % std::size(kSizes)]});
  origin_.behave_by([](const origin::GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour;
    if (number % 7 == 3) behaviour.head_delay = 3ms;
    if (number % 11 == 5) behaviour.cut_after = 40'000;
    if (number % 13 == 6) behaviour.error = Error(ErrorKind::kDenied, "not now");
    return behaviour;
  });
  for (int round = 0; round < 25; ++round) {
    std::vector<std::pair<ByteRange, std::future<Got>>> clients;
    for (int i = 0; i < 8; ++i) {
      const size_t object = random() % (2 * std::size(kSizes));
      const uint64_t size = kSizes[object % std::size(kSizes)];
      ByteRange range = any_range(random, size);
      const FetchSpecPtr of = any_spec(random, std::to_string(object), 7);
      auto got = read(of, range);
      range.end = std::min(range.end, size);
      clients.emplace_back(range, std::move(got));
    }
    for (auto& [range, client] : clients) {
      const Got got = client.get();
      ASSERT_TRUE(got.right);
      if (!got.error) ASSERT_EQ(got.range, range);
      if (!got.error) ASSERT_EQ(got.bytes, range.size());
      if (got.error) ASSERT_NE(got.error->kind(), ErrorKind::kRangeNotSatisfiable);
      if (got.error) ASSERT_NE(got.error->kind(), ErrorKind::kInternal) << got.error->message();
    }
  }
  settle();
  EXPECT_LE(memory_.used_bytes(), 64 * kMiB);
}

/// Versions come and go: an answer has the bytes of one of them.
TEST_P(ExactModel, AnAnswerIsOfOneVersion) {
  std::mt19937 random(GetParam());
  uint64_t version = 1;
  const auto put = [&] {
    origin_.put("b", "o",
                {.size = 2 * kMiB + version % 3,
                 .seed = version,
                 .etag = "\"v" + std::to_string(version) + "\""});
  };
  put();
  for (int step = 0; step < 80; ++step) {
    if (random() % 8 == 0) {
      ++version;
      put();
    }
    const ByteRange range = any_range(random, 2 * kMiB);
    const FetchSpecPtr of = any_spec(random, "o", 7);
    bool is_one = false;
    Got got;
    for (uint64_t seed = version; seed > 0 && !is_one; --seed) {
      got = read(of, range, seed).get();
      is_one = got.error.has_value() || got.right;
    }
    EXPECT_TRUE(is_one);
    if (got.error) EXPECT_EQ(got.error->kind(), ErrorKind::kChanged) << got.error->message();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ExactModel, ::testing::Range(0u, 6u));
INSTANTIATE_TEST_SUITE_P(Seeds, ExactModelInLittleMemory, ::testing::Range(0u, 6u));

}  // namespace
}  // namespace cachey::cache
