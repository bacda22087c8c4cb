// Soft purges: an object that has not changed stays, any other one goes.

#include "cache/soft_purge.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <vector>

#include "cache/object_look.h"
#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class SoftPurgeTest : public ReaderHarness {
 protected:
  explicit SoftPurgeTest(std::optional<store::DiskTierConfig> disk = std::nullopt)
      : ReaderHarness(256 * kMiB, {}, std::move(disk)) {}
  void TearDown() override { settle(); }

  void put(uint64_t version, const std::string& bucket = "b") {
    origin_.put(bucket, "o",
                {.size = kMiB, .seed = version, .etag = "\"v" + std::to_string(version) + "\""});
  }
  void read_all(uint64_t version, std::vector<std::string> buckets = {"b"}) {
    expect_whole(read(spec("o", std::move(buckets)), {0, kMiB}, version).get(), {0, kMiB});
    settle();
  }
  [[nodiscard]] Result<SoftPurged> soft_purge() { return start().get(); }
  [[nodiscard]] std::future<Result<SoftPurged>> start() {
    std::promise<Result<SoftPurged>> promise;
    auto future = promise.get_future();
    rt::asio::co_spawn(workers_[1].io(), run(std::move(promise)), rt::asio::detached);
    return future;
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size(); }

 private:
  [[nodiscard]] rt::Task<void> run(std::promise<Result<SoftPurged>> promise) {
    std::optional<Purges::Turn> turn = cache_.purges().begin_soft();
    const rt::Until until{clock_.mono() + 10s, {}};
    Result<SoftPurged> done = co_await purge_if_changed(cache_, workers_[1], ObjectKey{"k", "o"},
                                                        std::move(*turn), until);
    promise.set_value(std::move(done));
  }
};

TEST_F(SoftPurgeTest, AnObjectThatIsTheSameStays) {
  put(1);
  read_all(1);
  const Result<SoftPurged> done = soft_purge();
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->kept);
  EXPECT_EQ(done->removed.pages, 0u);
  EXPECT_EQ(asked(), 2u) << "one page, one question";
  read_all(1);
  EXPECT_EQ(asked(), 2u);
}

TEST_F(SoftPurgeTest, AnObjectThatHasChangedGoes) {
  put(1);
  read_all(1);
  put(2);
  const Result<SoftPurged> done = soft_purge();
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->kept);
  EXPECT_EQ(done->removed.pages, 1u);
  EXPECT_EQ(done->removed.bytes, kMiB);
  read_all(2);
}

TEST_F(SoftPurgeTest, AnObjectThatIsGoneGoes) {
  put(1);
  read_all(1);
  origin_.behave({.error = Error(ErrorKind::kNotFound, "no such key")});
  const Result<SoftPurged> done = soft_purge();
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->kept);
  const Got got = read(spec("o"), {0, kMiB}).get();
  ASSERT_TRUE(got.error);
  EXPECT_EQ(got.error->kind(), ErrorKind::kNotFound);
}

TEST_F(SoftPurgeTest, OfAnUnknownObjectTheStoreIsNotAsked) {
  const Result<SoftPurged> done = soft_purge();
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->kept);
  EXPECT_EQ(asked(), 0u);
}

/// What `second` is asked before the purge, the bucket answers after the purge, as of before.
class SoftPurgeBesideAFill : public SoftPurgeTest {
 protected:
  static constexpr uint64_t kPage = 64 * kKiB;

  std::shared_ptr<FetchSpec> small(const std::string& bucket) {
    auto of = spec("o", {bucket});
    of->page_size = *PageSize::of(kPage);
    of->wishes.own_buckets = true;
    return of;
  }
  void put_in(const std::string& bucket, uint64_t version) {
    const std::string tag = '"' + bucket + std::to_string(version) + '"';
    origin_.put(bucket, "o", {.size = 3 * kPage, .seed = version, .etag = tag});
  }
  void begin() {
    put_in("b", 1);
    put_in("second", 1);
    expect_whole(read(small("b"), {0, 3 * kPage}).get(), {0, 3 * kPage});
    settle();
    origin_.behave("second", {.head_held = [this] { return held_.load(); }, .as_sent = true});
    asked_before_ = asked();
  }
  void purge_between() {
    while (asked() == asked_before_) std::this_thread::sleep_for(1ms);
    const Result<SoftPurged> done = soft_purge();
    ASSERT_TRUE(done);
    EXPECT_TRUE(done->kept);
    EXPECT_EQ(done->removed.fenced, 1u);
    put_in("second", 2);
    held_ = false;
  }

  std::atomic<bool> held_{true};

 private:
  size_t asked_before_ = 0;
};

TEST_F(SoftPurgeBesideAFill, APageOfABucketThatHasNotAnsweredYetIsNotKept) {
  begin();
  std::future<Got> early = read(small("second"), {0, kPage});
  purge_between();
  expect_whole(early.get(), {0, kPage});
  settle();
  expect_whole(read(small("second"), {0, kPage}, 2).get(), {0, kPage});
}

TEST_F(SoftPurgeBesideAFill, ATailOfABucketThatHasNotAnsweredYetIsNotKept) {
  begin();
  auto of = small("second");
  of->wishes.exact = true;
  std::future<Seen> tail =
      ask(fetch_tail(cache_, workers_[0], of, 1'000, clock_.mono(), rt::Until(MonoTime::max())));
  purge_between();
  EXPECT_TRUE(tail.get());
  settle();
  const ByteRange last{3 * kPage - 1'000, 3 * kPage};
  expect_whole(read(of, last, 2).get(), last);
}

TEST_F(SoftPurgeTest, HaveTheirOwnPlaces) {
  std::vector<Purges::Turn> turns;
  for (int i = 0; i < Purges::kObjectsAtOnce; ++i)
    turns.push_back(std::move(*cache_.purges().begin_soft()));
  EXPECT_FALSE(cache_.purges().begin_soft());
  EXPECT_TRUE(cache_.purges().begin(KeyScope::object("k", "o")));
  turns.clear();
  EXPECT_TRUE(cache_.purges().begin_soft());
}

class SoftPurgeOnDisk : public SoftPurgeTest {
 protected:
  SoftPurgeOnDisk() : SoftPurgeTest(quick_disk()) {}

  /// The object's pages are on the disk alone.
  void leave_memory() {
    EXPECT_TRUE(flush(10s).get());
    for (PagePtr& page : cache_.table().take_object(KeyScope::object("k", "o"))) page->discard();
  }
};

TEST_F(SoftPurgeOnDisk, WhatOnlyTheDiskHasIsAskedForToo) {
  put(1);
  read_all(1);
  leave_memory();
  const Result<SoftPurged> same = soft_purge();
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->kept);
  const size_t before = asked();
  read_all(1);
  EXPECT_EQ(asked(), before) << "the disk has the page still";
  leave_memory();
  put(2);
  const Result<SoftPurged> changed = soft_purge();
  ASSERT_TRUE(changed);
  EXPECT_FALSE(changed->kept);
  EXPECT_EQ(changed->removed.pages, 1u);
  EXPECT_EQ(disk_->version_of("k", "o"), nullptr);
  read_all(2);
}

/// The table has forgotten the bucket, and the disk has not listed its page yet.
TEST_F(SoftPurgeOnDisk, WhatIsBeingWrittenIsAskedForToo) {
  put(1);
  put(1, "second");
  device_.hang();
  expect_whole(read(spec("o"), {0, kMiB}).get(), {0, kMiB});
  const KeyView key{"k", "o"};
  while (device_.hung() == 0) std::this_thread::sleep_for(1ms);
  cache_.table().remove(*cache_.table().find(key, 0));
  ASSERT_TRUE(cache_.table().versions(key).empty());
  auto of = spec("o", {"second"});
  of->wishes.own_buckets = true;
  expect_whole(read(of, {0, kMiB}).get(), {0, kMiB});
  put(2);
  const size_t before = asked();
  std::future<Result<SoftPurged>> purging = start();
  while (asked() == before) std::this_thread::sleep_for(1ms);
  device_.release();
  EXPECT_TRUE(purging.get());
  settle();
  leave_memory();
  auto own = spec("o");
  own->wishes.own_buckets = true;
  expect_whole(read(own, {0, kMiB}, 2).get(), {0, kMiB});
}

}  // namespace
}  // namespace cachey::cache
