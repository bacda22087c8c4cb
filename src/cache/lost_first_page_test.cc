// The first page of an answer is lost while its reader opens: by the disk, or because its fill
// fails. The head of the answer is that of the page that comes instead.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/object_look.h"
#include "cache/testing/warm_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

/// If-Match, or else If-None-Match.
class TagCondition final : public Condition {
 public:
  TagCondition(std::string tag, bool match) : tag_(std::move(tag)), match_(match) {}
  [[nodiscard]] Verdict judge(const ObjectInfo& version) const override {
    const bool equal = version.etag == tag_;
    if (match_) return equal ? Verdict::kHolds : Verdict::kFails;
    return equal ? Verdict::kNotModified : Verdict::kHolds;
  }

 private:
  const std::string tag_;
  const bool match_;
};

class LostFirstPage : public WarmHarness {
 protected:
  static constexpr uint64_t kPage = 64 * kKiB;
  static constexpr uint64_t kSize = 3 * kPage;

  LostFirstPage() : WarmHarness(64 * kMiB, Disk::kYes) {
    page_size_ = kSmall;
    put_in("a", kSize, 1, "\"a1\"");
    put_in("b", kSize, 2, "\"b1\"");
  }

  /// What the client is told, and gets.
  struct Told {
    std::optional<Error> error;
    Verdict verdict = Verdict::kHolds;
    std::string etag;
    std::string bucket;
    ByteRange range;
    Tier tier = Tier::kMiss;
    bool hit = false;
    bool asked_before = false;     // the store was asked before the reader was made
    std::optional<Error> later{};  // what broke the body off
    uint64_t bytes = 0;
    bool right = true;
  };

  void put_in(const std::string& bucket, uint64_t size, uint64_t seed, std::string etag) {
    origin_.put(bucket, "o", {.size = size, .seed = seed, .etag = std::move(etag)});
  }
  [[nodiscard]] std::shared_ptr<FetchSpec> of(
      std::vector<std::string> buckets,
      std::optional<std::chrono::milliseconds> own_time = std::nullopt) {
    auto made = spec("o");
    made->wishes.warm = false;
    made->buckets = std::move(buckets);
    made->config.operation_timeout = own_time;
    return made;
  }
  /// Version 1 of bucket `a` is on the disk alone.
  void put_on_disk(ByteRange range = {0, kSize}) {
    ASSERT_TRUE(world_.run(read_all(of({"a"}), range)));
    settle();
    forget_memory();
  }
  [[nodiscard]] uint64_t successes() { return cache_metrics_.of("k").success.total(); }

  /// `seed`: of the bytes.
  rt::Task<Told> client(FetchSpecPtr of, ByteRange wanted, uint64_t seed,
                        const Condition* condition) {
    RangeReader reader(cache_, world_.worker(), std::move(of), wanted, RangeReader::Use::kBody);
    reader.set_condition(condition);
    std::optional<cachey::Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open();
    Told told;
    if (!*opened) {
      told.error = opened->error();
      co_return told;
    }
    told.verdict = reader.verdict();
    told.etag = reader.source().info.etag;
    told.bucket = reader.source().bucket;
    if (told.verdict == Verdict::kNotModified) co_return told;
    EXPECT_EQ(reader.shared_source().get(), &reader.source());
    told.range = reader.range();
    told.tier = reader.tier();
    told.hit = reader.hit();
    told.asked_before = reader.asked_at() < reader.began();
    while (!reader.at_end()) {
      iovec parts[32];
      const size_t count = reader.pin(parts);
      if (count == 0) {
        cachey::Result<void> more = co_await reader.wait();
        if (more) continue;
        told.later = more.error();
        break;
      }
      uint64_t here = 0;
      for (size_t i = 0; i < count; ++i) {
        const uint64_t at = reader.range().begin + reader.sent_bytes() + here;
        told.right &= *static_cast<std::byte*>(parts[i].iov_base) == origin::object_byte(seed, at);
        here += parts[i].iov_len;
      }
      reader.release(here);
      told.bytes += here;
    }
    co_return told;
  }
  Told get(std::vector<std::string> buckets, ByteRange wanted, uint64_t seed,
           const Condition* condition = nullptr) {
    Told told = world_.run(client(of(std::move(buckets)), wanted, seed, condition));
    settle();
    return told;
  }
  static void expect_told(const Told& told, std::string_view bucket, std::string_view etag,
                          ByteRange range) {
    EXPECT_FALSE(told.error.has_value()) << told.error->message();
    EXPECT_EQ(told.bucket, bucket);
    EXPECT_EQ(told.etag, etag);
    EXPECT_EQ(told.range, range);
    EXPECT_FALSE(told.later.has_value()) << told.later->message();
    EXPECT_EQ(told.bytes, range.size());
    EXPECT_TRUE(told.right);
  }
};

TEST_F(LostFirstPage, AnotherBucketsPageIsToldWithItsOwnTag) {
  put_on_disk();
  device_.fail_reads(EIO, 1);
  const uint64_t before = successes();
  const Told told = get({"b"}, {0, 100}, 2);
  expect_told(told, "b", "\"b1\"", {0, 100});
  EXPECT_FALSE(told.hit);
  EXPECT_EQ(told.tier, Tier::kMiss);
  EXPECT_FALSE(told.asked_before);
  EXPECT_EQ(successes(), before + 1);
}

TEST_F(LostFirstPage, APageOfTheSameVersionIsAMiss) {
  put_on_disk();
  device_.fail_reads(EIO, 1);
  const Told told = get({"a"}, {0, 100}, 1);
  expect_told(told, "a", "\"a1\"", {0, 100});
  EXPECT_FALSE(told.hit);
  EXPECT_FALSE(told.asked_before);
}

TEST_F(LostFirstPage, TheBucketsNewVersionIsNoConflict) {
  put_on_disk();
  for (const uint64_t size : {kSize, kSize + kPage, kSize - kPage, uint64_t{50}}) {
    const uint64_t seed = size + 1;
    const std::string etag = '"' + std::to_string(seed) + '"';
    put_in("a", size, seed, etag);
    device_.fail_reads(EIO, 1);
    const Told told = get({"a"}, {0, kSize + 7}, seed);
    expect_told(told, "a", etag, {0, std::min(size, kSize + 7)});
    put_in("a", kSize, 1, "\"a1\"");
    disk_->remove(world_.worker(), "k", "o", "");
    for (const PagePtr& page : cache_.table().whole_pages()) cache_.table().remove(*page);
    put_on_disk();
  }
}

TEST_F(LostFirstPage, NoPageIsAskedForTwice) {
  put_on_disk({0, kPage});
  device_.fail_reads(EIO, 1);
  const size_t before = gets();
  expect_told(get({"b"}, {0, kSize}, 2), "b", "\"b1\"", {0, kSize});
  EXPECT_EQ(gets(), before + 3);
}

TEST_F(LostFirstPage, PagesAheadOfAnotherBucketStay) {
  put_in("b", kSize, 1, "\"b1\"");
  put_on_disk();
  device_.fail_reads(EIO, 1);
  const size_t before = gets();
  expect_told(get({"b"}, {0, kSize}, 1), "b", "\"b1\"", {0, kSize});
  EXPECT_EQ(gets(), before + 1);
}

TEST_F(LostFirstPage, TheConditionIsJudgedAnew) {
  const TagCondition match_a("\"a1\"", true);
  const TagCondition match_b("\"b1\"", true);
  const TagCondition none_b("\"b1\"", false);
  put_on_disk();
  device_.fail_reads(EIO, 1);
  const Told refused = get({"b"}, {0, 100}, 2, &match_a);
  ASSERT_TRUE(refused.error.has_value());
  EXPECT_EQ(refused.error->kind(), ErrorKind::kPreconditionFailed);
  expect_told(get({"b"}, {0, 100}, 2, &match_b), "b", "\"b1\"", {0, 100});
  const Told same = get({"b"}, {0, 100}, 2, &none_b);
  EXPECT_FALSE(same.error.has_value());
  EXPECT_EQ(same.verdict, Verdict::kNotModified);
  EXPECT_EQ(same.etag, "\"b1\"");
}

TEST_F(LostFirstPage, TheClientHasTheVersionThatComes) {
  const TagCondition none_b("\"b1\"", false);
  put_on_disk();
  device_.fail_reads(EIO, 1);
  const Told same = get({"b"}, {0, 100}, 2, &none_b);
  EXPECT_FALSE(same.error.has_value());
  EXPECT_EQ(same.verdict, Verdict::kNotModified);
}

TEST_F(LostFirstPage, AnObjectThatIsShorterNowIsPastTheEnd) {
  put_on_disk();
  put_in("a", 50, 3, "\"a2\"");
  device_.fail_reads(EIO, 1);
  const Told past = get({"a"}, {100, 200}, 3);
  ASSERT_TRUE(past.error.has_value());
  EXPECT_EQ(past.error->kind(), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(past.error->object_size(), 50u);
}

/// The leader's fill has a head and no byte yet; a reader with another bucket joins it.
TEST_F(LostFirstPage, AFillThatFailsBehindItsHeadGivesNoHead) {
  origin_.behave("a", {.read_delay = 1s, .cut_after = 0});
  const auto leader = world_.start(client(of({"a"}), {0, 100}, 1, nullptr));
  world_.pass(100ms);
  ASSERT_NE(page("o"), nullptr);
  ASSERT_TRUE(page("o")->has_head());
  const auto joined = world_.start(client(of({"b"}), {0, 100}, 2, nullptr));
  while (!*leader || !*joined) world_.pass(100ms);
  EXPECT_TRUE((*leader)->error.has_value());
  expect_told(**joined, "b", "\"b1\"", {0, 100});
  settle();
}

/// The disk hangs. Meanwhile another client's page of `b` comes.
TEST_F(LostFirstPage, APageThatOthersFetchedMeanwhileIsAHitOfItsBucket) {
  put_on_disk();
  device_.hang();
  const auto reader = world_.start(client(of({"a", "b"}), {0, 100}, 2, nullptr));
  world_.pass(10ms);
  EXPECT_FALSE(reader->has_value());
  ASSERT_NE(page("o"), nullptr);
  cache_.table().remove(*page("o"));
  disk_->remove(world_.worker(), "k", "o", "a");
  const auto other = world_.start(client(of({"b"}), {0, 100}, 2, nullptr));
  while (!*other || !*reader) world_.pass(100ms);
  expect_told(**other, "b", "\"b1\"", {0, 100});
  expect_told(**reader, "b", "\"b1\"", {0, 100});
  device_.release();
  settle();
}

/// The first head takes 400 of the request's own 500 ms. The fill fails before its first byte.
TEST_F(LostFirstPage, TheRequestsOwnTimeIsOneForAllItsPages) {
  for (const auto head_delay : {50ms, 300ms}) {
    SCOPED_TRACE(head_delay.count());
    origin_.behave("a", {.head_delay = 410ms, .read_delay = 1s, .cut_after = 0});
    origin_.behave("b", {.head_delay = head_delay});
    const auto leader = world_.start(client(of({"a"}), {0, 100}, 1, nullptr));
    world_.pass(10ms);
    const auto joined = world_.start(client(of({"b"}, 500ms), {0, 100}, 2, nullptr));
    while (!*leader || !*joined) world_.pass(100ms);
    if (head_delay < 100ms) {
      expect_told(**joined, "b", "\"b1\"", {0, 100});
    } else {
      ASSERT_TRUE((*joined)->error.has_value());
      EXPECT_EQ((*joined)->error->kind(), ErrorKind::kTimeout);
    }
    settle();
    forget_memory();
    disk_->remove(world_.worker(), "k", "o", "");
  }
}

TEST_F(LostFirstPage, TheDisksTimeIsNoneOfTheRequestsOwn) {
  put_on_disk();
  device_.delay_reads(2s);
  device_.fail_reads(EIO, 1);
  origin_.behave("b", {.head_delay = 300ms});
  const Told told = world_.run(client(of({"b"}, 500ms), {0, 100}, 2, nullptr));
  settle();
  expect_told(told, "b", "\"b1\"", {0, 100});
}

/// Meanwhile a page has come that the store was asked for before the request, and that refuses the
/// request. So the store is asked again.
TEST_F(LostFirstPage, AQuestionAfterTheDisksFailureHasTheRequestsOwnTime) {
  put_on_disk();
  put_in("a", 50, 3, "\"a2\"");
  origin_.behave("a", {.head_delay = 1s});
  const auto tail = world_.start(fetch_tail(cache_, world_.worker(), of({"a"}), 60,
                                            world_.clock().mono(), rt::Until(MonoTime::max())));
  world_.pass(10ms);
  device_.delay_reads(2s);
  device_.fail_reads(EIO, 1);
  const auto reader = world_.start(client(of({"a"}, 500ms), {100, 200}, 3, nullptr));
  while (!*tail) world_.pass(100ms);
  EXPECT_FALSE(reader->has_value());
  origin_.behave("a", {.head_delay = 300ms});
  const size_t before = gets();
  while (!*reader) world_.pass(100ms);
  ASSERT_TRUE((*reader)->error.has_value());
  EXPECT_EQ((*reader)->error->kind(), ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ((*reader)->error->object_size(), 50u);
  EXPECT_EQ(gets(), before + 1);
  settle();
}

/// The pages ahead are asked for once, also if memory refuses one of them after open().
class PagesAheadOfALostOne : public LostFirstPage {
 protected:
  static constexpr uint64_t kMany = 40 * kPage;

  rt::Task<cachey::Result<uint64_t>> read_without_speculation(FetchSpecPtr of) {
    RangeReader reader(cache_, world_.worker(), std::move(of), {0, kMany}, RangeReader::Use::kBody);
    std::optional<cachey::Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open();
    if (!*opened) co_return std::unexpected(opened->error());
    EXPECT_EQ(reader.source().bucket, "b");
    const std::vector<store::Admission> others = take_memory();
    co_return co_await read_rest(reader);
  }

 private:
  /// All memory that speculation gets.
  std::vector<store::Admission> take_memory() {
    std::vector<store::Admission> taken;
    for (int i = 0; i < 6000; ++i) {
      const std::string client = std::to_string(i);
      auto admitted = memory_.bodies().try_admit_speculation(
          store::Admissions::Account(client, std::string_view()), i < 200 ? kMiB : 16 * kKiB);
      if (admitted) taken.push_back(std::move(*admitted));
    }
    return taken;
  }
};

TEST_F(PagesAheadOfALostOne, AreAskedForOnce) {
  put_in("a", kMany, 1, "\"a1\"");
  put_in("b", kMany, 1, "\"b1\"");
  put_on_disk({0, kMany});
  device_.fail_reads(EIO, 1);
  const auto read = world_.run(read_without_speculation(of({"b"})));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, kMany);
}

}  // namespace
}  // namespace cachey::cache
