// Pages with bytes of several buckets, and readers that want those of their own alone
// (Wishes::own_buckets). The bucket `a` has the new version, `b` lags behind; the sizes are equal.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/object_look.h"
#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;

constexpr uint64_t kSize = 2 * kPageBytes + 12'345;
constexpr uint64_t kOld = 2;  // the seed of the version in `b`

class MixedPages : public ReaderHarness {
 protected:
  MixedPages() : ReaderHarness(256 * kMiB, {}, quick_disk()) {
    origin_.put("a", "o", {.size = kSize, .seed = 1, .etag = "\"new\""});
    origin_.put("b", "o", {.size = kSize, .seed = kOld, .etag = "\"old\""});
  }

  /// Reads as /fetch does, whatever the bytes are.
  void fetch(std::vector<std::string> buckets, ByteRange range, bool exact = false) {
    const auto made = spec("o", std::move(buckets));
    made->wishes.exact = exact;
    const Got got = read(made, range).get();
    EXPECT_FALSE(got.error) << got.error->message();
    settle();
  }
  std::shared_ptr<FetchSpec> own() {
    auto made = spec("o", {"a"});
    made->wishes.own_buckets = true;
    return made;
  }
  void expect_own(ByteRange range = {0, kSize}) {
    const Got got = read(own(), range).get();
    expect_whole(got, range);
    EXPECT_EQ(got.first_bucket, "a");
    settle();
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size(); }
};

TEST_F(MixedPages, ABodyThatWentOnAtAnotherBucketIsNoneOfItsOwn) {
  for (const bool on_disk : {false, true}) {
    origin_.behave("a", {.cut_after = kMiB + 5});
    fetch({"a", "b"}, {0, kSize});
    origin_.behave("a", {});
    if (on_disk) forget_memory();
    const size_t before = asked();
    fetch({"a", "b"}, {0, kSize});
    EXPECT_EQ(asked(), before) << "/fetch has the pages";
    expect_own();
    const size_t fetched = asked();
    expect_own();
    EXPECT_EQ(asked(), fetched) << "the pages are of the own bucket now";
    forget_memory();
    expect_own();
    for (const PagePtr& page : cache_.table().whole_pages()) cache_.table().remove(*page);
    disk_->remove(workers_[0], "k", "o", "");
  }
}

TEST_F(MixedPages, APageWithPartsOfAnotherBucketIsNoneOfItsOwn) {
  for (const bool on_disk : {false, true}) {
    fetch({"b"}, {kMiB, 2 * kMiB}, true);
    fetch({"a"}, {0, kPageBytes});
    if (on_disk) forget_memory();
    expect_own();
    forget_memory();
    expect_own();
    disk_->remove(workers_[0], "k", "o", "");
    for (const PagePtr& page : cache_.table().whole_pages()) cache_.table().remove(*page);
  }
}

/// The page is of `a` when the reader comes.
TEST_F(MixedPages, AFillThatMayAskAnotherBucketIsNotJoined) {
  origin_.behave_by([](const origin::GetRequest& request, size_t number) {
    FakeOrigin::Behaviour behaviour;
    if (number == 0) behaviour = {.read_delay = 5ms, .cut_after = kMiB + 5};
    if (request.bucket == "a" && request.range.begin % kPageBytes != 0)
      behaviour.error = Error(ErrorKind::kUpstream, "down");
    return behaviour;
  });
  auto slow = read(spec("o", {"a", "b"}), {0, kPageBytes});
  while (origin_.bytes_sent() == 0) std::this_thread::sleep_for(1ms);
  expect_own({0, kPageBytes});
  (void)slow.get();
  settle();
  expect_own();
}

TEST_F(MixedPages, AFillOfTheOwnBucketIsJoined) {
  origin_.behave("a", {.read_delay = 1ms});
  auto slow = read(spec("o", {"a"}), {0, 100});
  while (origin_.bytes_sent() == 0) std::this_thread::sleep_for(1ms);
  expect_own({0, 200});
  (void)slow.get();
  EXPECT_EQ(asked(), 1u);
}

/// Else the reader would wait as long as the other bucket is silent.
TEST_F(MixedPages, AQuestionToAnotherBucketIsNotJoined) {
  origin_.behave("b", {.head_delay = 3s});
  auto fetched = read(spec("o", {"b"}), {0, 100}, kOld);
  auto looked = ask(
      look_at(cache_, workers_[0], spec("o", {"b"}), clock_.mono(), rt::Until(MonoTime::max())));
  while (asked() < 2) std::this_thread::sleep_for(1ms);
  const MonoTime began = clock_.mono();
  expect_whole(read(own(), {0, 100}).get(), {0, 100});
  const auto seen =
      ask(look_at(cache_, workers_[0], own(), clock_.mono(), rt::Until(MonoTime::max()))).get();
  EXPECT_EQ((*seen)->bucket, "a");
  EXPECT_LT(clock_.mono() - began, 2s);
  expect_whole(fetched.get(), {0, 100});
  (void)looked.get();
}

TEST_F(MixedPages, ATailThatWentOnAtAnotherBucketIsNoneOfItsOwn) {
  origin_.behave("a", {.cut_after = 5});
  const auto fetched = spec("o", {"a", "b"});
  fetched->wishes.exact = true;
  const auto seen =
      ask(fetch_tail(cache_, workers_[0], fetched, kMiB, clock_.mono(), rt::Until(MonoTime::max())))
          .get();
  ASSERT_TRUE(seen);
  settle();
  origin_.behave("a", {});
  auto exact = own();
  exact->wishes.exact = true;
  const ByteRange tail{kSize - kMiB, kSize};
  expect_whole(read(exact, tail).get(), tail);
  settle();
}

}  // namespace
}  // namespace cachey::cache
