#include "cache/heads.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/sanitized.h"
#include "store/s3_fifo.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

ObjectSourcePtr version(std::string etag, std::string lines = "Content-Type: text/plain\r\n",
                        std::string bucket = "k", uint64_t size = 10) {
  ObjectInfo info{std::move(etag), size, 0};
  info.attributes = std::make_shared<ObjectAttributes>(std::move(lines), std::string());
  return std::make_shared<ObjectSource>(std::move(info), std::move(bucket));
}

constexpr MonoTime at(int seconds) { return MonoTime(std::chrono::seconds(seconds)); }

class HeadsTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kBytesMax = kMiB;

  static std::string name(int number) { return fmt::format("object-{:08}", number); }
  void note(const std::string& object, ObjectSourcePtr source, MonoTime sent_at) {
    const KeyView key{"k", object};
    heads_.note(key, key.hash(), std::move(source), sent_at);
  }
  [[nodiscard]] std::optional<Head> find(const std::string& object) {
    const KeyView key{"k", object};
    return heads_.find(key, key.hash());
  }
  void expect(const std::string& etag, MonoTime confirmed_at) {
    const std::optional<Head> head = find("o");
    ASSERT_TRUE(head && head->source);
    EXPECT_EQ(head->source->info.etag, etag);
    EXPECT_EQ(head->confirmed_at, confirmed_at);
  }

  const SystemClock clock_;
  store::MemoryTier memory_{store::MemoryTierConfig{.limit_bytes = 64 * kMiB},
                            std::make_unique<store::S3Fifo>(), clock_};
  Heads heads_{kBytesMax, memory_};
};

TEST_F(HeadsTest, TellsTheNewestAnswer) {
  EXPECT_FALSE(find("o"));
  note("o", version("\"1\""), at(10));
  expect("\"1\"", at(10));
  note("o", version("\"2\""), at(20));
  expect("\"2\"", at(20));
  EXPECT_FALSE(find("p"));
}

TEST_F(HeadsTest, AnAnswerThatComesLateReplacesNothing) {
  note("o", version("\"2\""), at(20));
  note("o", version("\"1\""), at(10));
  expect("\"2\"", at(20));
  note("o", version("\"3\""), at(20));
  expect("\"3\"", at(20));
}

TEST_F(HeadsTest, TheSameVersionTakesTheNewestAttributes) {
  note("o", version("\"1\"", "Content-Type: a\r\n"), at(10));
  note("o", version("\"1\"", "Content-Type: b\r\n"), at(20));
  expect("\"1\"", at(20));
  EXPECT_EQ(find("o")->source->info.attributes->lines(), "Content-Type: b\r\n");
  note("o", version("\"1\"", "Content-Type: a\r\n"), at(15));
  EXPECT_EQ(find("o")->source->info.attributes->lines(), "Content-Type: b\r\n");
}

TEST_F(HeadsTest, UnknownAttributesReplaceNoKnownOnesOfTheVersion) {
  note("o", version("\"1\"", "Content-Type: a\r\n"), at(10));
  const auto without = [](std::string etag) {
    return std::make_shared<ObjectSource>(ObjectInfo{std::move(etag), 10, 0}, "k");
  };
  note("o", without("\"1\""), at(20));
  expect("\"1\"", at(20));
  EXPECT_NE(find("o")->source->info.attributes, nullptr);
  note("o", without("\"2\""), at(30));
  EXPECT_EQ(find("o")->source->info.attributes, nullptr);
}

TEST_F(HeadsTest, AnAnswerWithoutChecksumsTakesNoneAway) {
  const auto with = [](std::string checksums) {
    ObjectInfo info{"\"1\"", 10, 0};
    info.attributes = std::make_shared<ObjectAttributes>("A: a\r\n", std::move(checksums));
    return std::make_shared<ObjectSource>(std::move(info), "k");
  };
  note("o", with("x-amz-checksum-crc32: 1\r\n"), at(10));
  note("o", with(""), at(20));
  EXPECT_EQ(find("o")->source->info.attributes->checksum_lines(), "x-amz-checksum-crc32: 1\r\n");
  expect("\"1\"", at(20));
}

TEST_F(HeadsTest, AnAnswerThatTellsOfNoChecksumsIsNews) {
  const auto with = [](bool tells) {
    ObjectInfo info{"\"1\"", 10, 0};
    ObjectAttributes attributes("A: a\r\n", "");
    if (tells) attributes.set_tells_checksums();
    info.attributes = std::make_shared<ObjectAttributes>(std::move(attributes));
    return std::make_shared<ObjectSource>(std::move(info), "k");
  };
  note("o", with(false), at(10));
  note("o", with(true), at(20));
  EXPECT_TRUE(find("o")->source->info.attributes->tells_checksums());
  note("o", with(false), at(30));
  EXPECT_TRUE(find("o")->source->info.attributes->tells_checksums());
}

TEST_F(HeadsTest, TheDiskConfirmsNothing) {
  note("o", version("\"1\""), Head::kNever);
  expect("\"1\"", Head::kNever);
  note("o", version("\"1\""), at(10));
  expect("\"1\"", at(10));
  note("o", version("\"0\""), Head::kNever);
  expect("\"1\"", at(10));
}

TEST_F(HeadsTest, AnotherBucketOfTheSameSizeConfirmsAndChangesNothing) {
  note("o", version("\"a\"", "", "a"), at(10));
  note("o", version("\"b\"", "", "b"), at(20));
  expect("\"a\"", at(20));
  note("o", version("\"b\"", "", "b"), at(15));
  expect("\"a\"", at(20));
  note("o", version("\"a2\"", "", "a"), at(30));
  expect("\"a2\"", at(30));
}

/// Its tag is what S3 clients compare with, also if all else is as in the other bucket.
TEST_F(HeadsTest, TheHomeBucketTakesThePlaceOfOthersWithTheSameAttributes) {
  const std::string lines = "Content-Type: a\r\n";
  note("o", version("\"other\"", lines, "o", 10), at(10));
  note("o", version("\"home\"", lines, "k", 10), at(20));
  expect("\"home\"", at(20));
}

TEST_F(HeadsTest, TheHomeBucketTakesThePlaceOfOthers) {
  note("o", version("\"a\"", "", "a", 20), at(10));
  note("o", version("\"home\"", "", "k", 10), at(20));
  expect("\"home\"", at(20));
  note("o", version("\"a\"", "", "a", 10), at(30));
  expect("\"home\"", at(20));
}

TEST_F(HeadsTest, AnotherBucketOfAnotherSizeSaysNothingUntilTheVersionIsGone) {
  const ObjectSourcePtr gone = version("\"a\"", "", "a", 10);
  note("o", gone, at(10));
  note("o", version("\"b\"", "", "b", 20), at(20));
  expect("\"a\"", at(10));
  const KeyView key{"k", "o"};
  heads_.drop(key, key.hash(), *version("\"other\"", "", "a", 10));
  expect("\"a\"", at(10));
  heads_.drop(key, key.hash(), *gone);
  EXPECT_FALSE(find("o"));
  note("o", version("\"b\"", "", "b", 20), at(20));
  expect("\"b\"", at(20));
}

TEST_F(HeadsTest, ALateAnswerDoesNotBringBackAnAbsentObject) {
  const KeyView key{"k", "o"};
  heads_.note_absence(key, key.hash(), "k", at(5));
  EXPECT_FALSE(find("o")) << "absences of unknown names take no room";
  note("o", version("\"1\""), at(10));
  heads_.note_absence(key, key.hash(), "k", at(9));
  heads_.note_absence(key, key.hash(), "another bucket", at(12));
  expect("\"1\"", at(10));
  heads_.note_absence(key, key.hash(), "k", at(20));
  ASSERT_TRUE(find("o"));
  EXPECT_EQ(find("o")->source, nullptr);
  EXPECT_EQ(find("o")->confirmed_at, at(20));
  note("o", version("\"1\""), at(15));
  EXPECT_EQ(find("o")->source, nullptr);
  note("o", version("\"2\""), at(30));
  expect("\"2\"", at(30));
}

TEST_F(HeadsTest, BytesAreBoundedAndCharged) {
  const int64_t before = memory_.charged_bytes();
  for (int i = 0; i < 20'000; ++i) note(name(i), version("\"1\""), at(10));
  EXPECT_LE(heads_.bytes(), kBytesMax);
  EXPECT_GT(heads_.bytes(), kBytesMax * 3 / 4);
  EXPECT_EQ(memory_.charged_bytes() - before, static_cast<int64_t>(heads_.bytes()));
  EXPECT_EQ(heads_.entries() + heads_.evictions(), 20'000u);
  EXPECT_FALSE(find(name(0)));
  EXPECT_TRUE(find(name(19'999)));
}

TEST_F(HeadsTest, EntriesThatAreFoundStay) {
  for (int i = 0; i < 20'000; ++i) {
    note(name(i), version("\"1\""), at(10));
    for (int kept = 0; kept < 10; ++kept) (void)find(name(kept));
  }
  for (int kept = 0; kept < 10; ++kept) EXPECT_TRUE(find(name(kept))) << kept;
}

TEST_F(HeadsTest, AnEntryLargerThanAShardIsNotKept) {
  note("o", version("\"1\"", std::string(kBytesMax, 'x')), at(10));
  EXPECT_FALSE(find("o"));
  EXPECT_EQ(heads_.entries(), 0u);
  EXPECT_EQ(heads_.bytes(), 0u);
}

TEST_F(HeadsTest, AllMemoryIsGivenBack) {
  const int64_t before = memory_.charged_bytes();
  {
    Heads heads(kBytesMax, memory_);
    const KeyView key{"k", "o"};
    heads.note(key, key.hash(), version("\"1\""), at(10));
    EXPECT_GT(memory_.charged_bytes(), before);
  }
  EXPECT_EQ(memory_.charged_bytes(), before);
}

TEST_F(HeadsTest, ThreadsShareIt) {
  const int64_t before = memory_.charged_bytes();
  const auto work = [this](unsigned seed) {
    std::minstd_rand random(seed);
    for (int i = 0; i < 5'000; ++i) {
      const std::string object = name(static_cast<int>(random() % 50));
      const KeyView key{"k", object};
      const MonoTime when = at(static_cast<int>(random() % 1'000));
      switch (random() % 4) {
        case 0:
          heads_.note_absence(key, key.hash(), "k", when);
          break;
        case 1:
          heads_.drop(key, key.hash(), *version("\"1\""));
          break;
        case 2:
          heads_.note(key, key.hash(), version("\"1\"", std::string(random() % 8'000, 'x')), when);
          break;
        default:
          (void)heads_.find(key, key.hash());
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  }
  EXPECT_LE(heads_.entries(), 50u);
  EXPECT_LE(heads_.bytes(), kBytesMax);
  EXPECT_EQ(memory_.charged_bytes() - before, static_cast<int64_t>(heads_.bytes()));
}

TEST_F(HeadsTest, OffItKeepsNothing) {
  const int64_t before = memory_.charged_bytes();
  Heads off(0, memory_);
  const KeyView key{"k", "o"};
  off.note(key, key.hash(), version("\"1\""), at(10));
  off.note_absence(key, key.hash(), "k", at(20));
  off.drop(key, key.hash(), *version("\"1\""));
  EXPECT_FALSE(off.enabled());
  EXPECT_FALSE(off.find(key, key.hash()));
  EXPECT_EQ(off.entries(), 0u);
  EXPECT_EQ(memory_.charged_bytes(), before);
}

/// The bytes allocated by the process.
int64_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

TEST_F(HeadsTest, WhatIsChargedIsWhatIsTaken) {
  if (kSanitized) GTEST_SKIP() << "sanitizers have their own memory";
  constexpr int kObjects = 20'000;
  Heads heads(64 * kMiB, memory_);
  const std::string etag = "\"0123456789abcdef0123456789abcdef\"";
  const int64_t charged = memory_.charged_bytes();
  const int64_t allocated = allocated_bytes();
  for (int i = 0; i < kObjects; ++i) {
    const std::string object = name(i);
    const KeyView key{"k", object};
    heads.note(key, key.hash(), version(etag, std::string(200, 'x')), at(10));
  }
  const int64_t told = (memory_.charged_bytes() - charged) / kObjects;
  const int64_t taken = (allocated_bytes() - allocated) / kObjects;
  EXPECT_NEAR(static_cast<double>(told), static_cast<double>(taken),
              static_cast<double>(taken) * 0.15);
}

}  // namespace
}  // namespace cachey::cache
