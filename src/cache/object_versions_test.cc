#include "cache/object_versions.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace cachey::cache {
namespace {

using enum VersionVerdict;

MonoTime tick(int ticks) { return MonoTime(MonoTime::duration(ticks)); }

ObjectSourcePtr source(std::string bucket, const std::string& tag, uint64_t size) {
  return std::make_shared<ObjectSource>(ObjectInfo{tag, size, 0}, std::move(bucket));
}

struct Step {
  const char* bucket;
  const char* tag;
  uint64_t size;
  int sent_at;
  VersionVerdict verdict;
  const char* ruling;  // the bucket that rules afterwards
};

TEST(ObjectVersions, WhatEachAnswerDoes) {
  const std::vector<Step> sequences[] = {
      // A bucket alone: the answer to the later request decides.
      {{"a", "1", 9, 10, kTaken, "a"},
       {"a", "1", 9, 5, kTaken, "a"},
       {"a", "2", 9, 5, kDropped, "a"},
       {"a", "2", 9, 10, kReplaced, "a"},
       {"a", "3", 8, 11, kReplaced, "a"},
       {"a", "2", 9, 10, kDropped, "a"}},
      // Another bucket: the size decides.
      {{"a", "1", 9, 10, kTaken, "a"},
       {"b", "7", 9, 1, kTaken, "a"},
       {"b", "8", 9, 2, kReplaced, "a"},
       {"b", "7", 9, 1, kDropped, "a"},
       {"b", "9", 8, 20, kContested, "a"},
       {"c", "1", 8, 20, kContested, "a"},
       {"a", "2", 8, 11, kReplaced, "a"},
       {"b", "9", 8, 20, kTaken, "a"},
       {"b", "8", 9, 21, kContested, "a"}},
      // The home bucket rules as soon as it is heard of.
      {{"a", "1", 9, 10, kTaken, "a"},
       {"home", "7", 9, 1, kTaken, "home"},
       {"a", "2", 8, 20, kContested, "home"},
       {"a", "2", 9, 20, kReplaced, "home"}},
      {{"a", "1", 9, 10, kTaken, "a"},
       {"b", "1", 9, 10, kTaken, "a"},
       {"home", "7", 8, 1, kReplaced, "home"},
       {"a", "1", 9, 20, kContested, "home"}},
  };
  for (const std::vector<Step>& steps : sequences) {
    ObjectVersions versions;
    int number = 0;
    for (const Step& step : steps) {
      ObjectSourcePtr made = source(step.bucket, step.tag, step.size);
      EXPECT_EQ(versions.observe(made, tick(step.sent_at), "home"), step.verdict) << number;
      EXPECT_EQ(versions.ruling()->bucket, step.ruling) << number;
      ++number;
    }
  }
}

TEST(ObjectVersions, AKnownVersionIsShared) {
  ObjectVersions versions;
  ObjectSourcePtr first = source("a", "1", 9);
  ObjectSourcePtr again = source("a", "1", 9);
  EXPECT_EQ(versions.observe(first, tick(1), ""), kTaken);
  EXPECT_EQ(versions.observe(again, tick(2), ""), kTaken);
  EXPECT_EQ(first, again);
}

ObjectSourcePtr with_attributes(const char* lines, const char* sums = "") {
  ObjectInfo info{"1", 9, 0};
  if (lines != nullptr) info.attributes = std::make_shared<ObjectAttributes>(lines, sums);
  return std::make_shared<ObjectSource>(std::move(info), "a");
}

TEST(ObjectVersions, TheNewestAnswersAttributesCount) {
  struct Answer {
    const char* lines;  // null: no attributes
    const char* sums;
    int sent_at;
    const char* lines_after;
    const char* sums_after;
  };
  const Answer answers[] = {
      {nullptr, "", 10, nullptr, ""},       // of a disk without them
      {"A: 1\r\n", "", 5, "A: 1\r\n", ""},  // better than none
      {"A: 2\r\n", "", 10, "A: 2\r\n", ""},
      {"A: 1\r\n", "", 9, "A: 2\r\n", ""},  // overtaken
      {nullptr, "", 11, "A: 2\r\n", ""},
      {"A: 2\r\n", "S: 1\r\n", 12, "A: 2\r\n", "S: 1\r\n"},
      {"A: 2\r\n", "", 13, "A: 2\r\n", "S: 1\r\n"},  // of a part of the object
      {"A: 3\r\n", "", 14, "A: 3\r\n", ""},
  };
  ObjectVersions versions;
  for (const Answer& answer : answers) {
    ObjectSourcePtr made = with_attributes(answer.lines, answer.sums);
    EXPECT_EQ(versions.observe(made, tick(answer.sent_at), ""), kTaken);
    EXPECT_EQ(versions.ruling(), made);
    const ObjectAttributesPtr& now = versions.ruling()->info.attributes;
    ASSERT_EQ(now == nullptr, answer.lines_after == nullptr) << answer.sent_at;
    if (now == nullptr) continue;
    EXPECT_EQ(now->lines(), answer.lines_after) << answer.sent_at;
    EXPECT_EQ(now->checksum_lines(), answer.sums_after) << answer.sent_at;
  }
}

TEST(ObjectVersions, TheDisksAttributesAreOlderThanAnyAnswers) {
  ObjectVersions versions;
  ObjectSourcePtr answer = with_attributes("A: 1\r\n");
  EXPECT_EQ(versions.observe(answer, tick(1), ""), kTaken);
  ObjectSourcePtr on_disk = with_attributes("A: 0\r\n");
  EXPECT_EQ(versions.adopt(on_disk, ""), kTaken);
  EXPECT_EQ(on_disk, answer);
}

TEST(ObjectVersions, TheDiskIsOlderThanAnyAnswer) {
  ObjectVersions versions;
  ObjectSourcePtr on_disk = source("a", "1", 9);
  EXPECT_EQ(versions.adopt(on_disk, ""), kTaken);
  ObjectSourcePtr answer = source("a", "2", 9);
  EXPECT_EQ(versions.observe(answer, tick(1), ""), kReplaced);
  EXPECT_EQ(versions.adopt(on_disk, ""), kDropped);
  ObjectSourcePtr other = source("b", "1", 9);
  EXPECT_EQ(versions.adopt(other, ""), kTaken);
  ObjectSourcePtr contests = source("c", "1", 8);
  EXPECT_EQ(versions.adopt(contests, ""), kContested);
}

TEST(ObjectVersions, WhatIsGoneIsForgotten) {
  using enum ObjectVersions::Forgotten;
  ObjectVersions versions;
  EXPECT_EQ(versions.forget(*source("a", "1", 9)), kNothing);
  for (const char* bucket : {"a", "b", "c"}) {
    ObjectSourcePtr made = source(bucket, "1", 9);
    EXPECT_EQ(versions.observe(made, tick(1), ""), kTaken);
  }
  EXPECT_EQ(versions.forget(*source("b", "2", 9)), kNothing);
  EXPECT_EQ(versions.forget(*source("b", "1", 9)), kBucket);
  EXPECT_EQ(versions.of("b"), nullptr);
  EXPECT_NE(versions.of("c"), nullptr);
  EXPECT_EQ(versions.forget(*source("a", "1", 9)), kObject);
  EXPECT_EQ(versions.ruling(), nullptr);
  EXPECT_EQ(versions.of("c"), nullptr);
}

TEST(ObjectVersions, TheHomeBucketHasRoomAlways) {
  ObjectVersions versions;
  for (size_t i = 0; i <= ObjectVersions::kOthersMax; ++i) {
    ObjectSourcePtr made = source(std::to_string(i), "1", 9);
    EXPECT_EQ(versions.observe(made, tick(1), "home"), kTaken);
  }
  ObjectSourcePtr further = source("further", "1", 9);
  EXPECT_EQ(versions.observe(further, tick(1), "home"), kDropped);
  ObjectSourcePtr home = source("home", "1", 9);
  EXPECT_EQ(versions.observe(home, tick(1), "home"), kReplaced);
  EXPECT_EQ(versions.ruling(), home);
  EXPECT_EQ(versions.of("1"), nullptr) << "the oldest of the others left";
}

/// Pages of one object, as the table keeps them by the verdicts.
class Pages {
 public:
  /// Does a random thing.
  void step(std::mt19937& random) {
    const auto one_of = [&random](auto count) { return static_cast<int>(random() % count); };
    const std::string bucket = kBuckets[one_of(4)];
    const std::string tag = std::to_string(one_of(3));
    ObjectSourcePtr made = source(bucket, tag, 8 + one_of(2));
    const ObjectSourcePtr ruling = versions_.ruling();
    const auto before = pages_;
    now_ += one_of(3);
    if (one_of(10) == 0) {
      const ObjectVersions::Forgotten forgotten = versions_.forget(*made);
      drop_stale();
      if (forgotten != ObjectVersions::Forgotten::kObject) expect_kept(before, bucket);
      return;
    }
    const bool from_disk = one_of(10) == 0;
    const VersionVerdict verdict = from_disk
                                       ? versions_.adopt(made, "home")
                                       : versions_.observe(made, tick(now_ - one_of(4)), "home");
    if (verdict == kTaken || verdict == kReplaced) pages_[one_of(6)] = made;
    if (verdict == kReplaced) drop_stale();
    if (verdict == kDropped || verdict == kContested) EXPECT_EQ(pages_, before);
    const bool may_rule = ruling == nullptr || ruling->bucket == bucket || bucket == "home";
    if (!may_rule) {
      EXPECT_EQ(versions_.ruling(), ruling) << "only its bucket, or the home bucket, replaces it";
      expect_kept(before, bucket);
    }
  }

  /// All pages have the version of their bucket, and one size.
  void check() const {
    for (const auto& [index, page] : pages_) {
      ASSERT_NE(versions_.ruling(), nullptr);
      EXPECT_EQ(page->info.size, versions_.ruling()->info.size);
      EXPECT_TRUE(versions_.has(*page));
    }
    if (versions_.of("home") != nullptr) EXPECT_EQ(versions_.ruling()->bucket, "home");
  }

 private:
  static constexpr const char* kBuckets[] = {"a", "b", "c", "home"};

  void drop_stale() {
    std::erase_if(pages_, [this](const auto& page) { return !versions_.has(*page.second); });
  }
  /// All pages of other buckets than `bucket` are there, or were replaced by a page of `bucket`.
  void expect_kept(const std::map<int, ObjectSourcePtr>& before, const std::string& bucket) const {
    for (const auto& [index, page] : before) {
      if (page->bucket == bucket) continue;
      ASSERT_TRUE(pages_.contains(index));
      const ObjectSourcePtr& now = pages_.at(index);
      EXPECT_TRUE(now == page || now->bucket == bucket);
    }
  }

  ObjectVersions versions_;
  std::map<int, ObjectSourcePtr> pages_;
  int now_ = 10;
};

TEST(ObjectVersions, NoOrderOfAnswersMixesVersionsOrLetsABucketDropAnothersPages) {
  for (uint32_t seed = 1; seed <= 300 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Pages pages;
    for (int i = 0; i < 300; ++i) {
      pages.step(random);
      pages.check();
    }
  }
}

}  // namespace
}  // namespace cachey::cache
