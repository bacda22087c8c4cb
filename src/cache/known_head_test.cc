// What feeds the cache's heads, and what a request learns of an object before the store is asked.

#include <gtest/gtest.h>

#include "cache/testing/reader_harness.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

FillConfig with_heads() {
  FillConfig config;
  config.heads_bytes_max = kMiB;
  return config;
}

class KnownHeadTest : public ReaderHarness {
 protected:
  KnownHeadTest() : ReaderHarness(256 * kMiB, with_heads()) {}

  static ObjectSourcePtr version(std::string etag, std::string lines, std::string bucket = "b",
                                 uint64_t size = 10) {
    ObjectInfo info{std::move(etag), size, 0};
    info.attributes = std::make_shared<ObjectAttributes>(std::move(lines), std::string());
    return std::make_shared<ObjectSource>(std::move(info), std::move(bucket));
  }
  PagePtr page() { return cache_.table().find_or_create(spec_, 0, FillOrder::kFromBegin).page; }
  PageTable::Observed observe(Page& page, ObjectSourcePtr source, MonoTime sent_at) {
    PageTable::Observed seen = cache_.table().observe(page, std::move(source), sent_at);
    if (seen.contested == nullptr) page.set_head(seen.source);
    return seen;
  }
  PageTable::Observed see(ObjectSourcePtr source, MonoTime sent_at) {
    const PagePtr look = cache_.table().look(spec_).page;
    PageTable::Observed seen = cache_.table().observe_look(*look, std::move(source), sent_at);
    cache_.table().remove(*look);
    return seen;
  }
  [[nodiscard]] Head known() { return cache_.known_head(workers_[0], *spec_, key_.hash()); }
  [[nodiscard]] std::string tag() {
    const Head head = known();
    return head.source == nullptr ? "none" : head.source->info.etag;
  }

  const FetchSpecPtr spec_ = spec("o");
  const KeyView key_ = spec_->key.view();
  const MonoTime now_ = clock_.mono();
};

TEST_F(KnownHeadTest, AFillsAnswerIsKnownWithoutItsPage) {
  EXPECT_EQ(tag(), "none");
  const PagePtr one = page();
  observe(*one, version("\"1\"", "A: 1\r\n"), now_);
  cache_.table().remove(*one);
  EXPECT_EQ(tag(), "\"1\"");
  EXPECT_EQ(known().confirmed_at, now_);
}

TEST_F(KnownHeadTest, ALooksAnswerIsKnownWithoutAnyPage) {
  (void)see(version("\"1\"", "A: 1\r\n"), now_);
  EXPECT_EQ(tag(), "\"1\"");
  EXPECT_EQ(known().confirmed_at, now_);
}

TEST_F(KnownHeadTest, TheSameVersionBringsNewAttributes) {
  const PagePtr one = page();
  observe(*one, version("\"1\"", "A: 1\r\n"), now_);
  (void)see(version("\"1\"", "A: 2\r\n"), now_ + 1s);
  EXPECT_EQ(known().source->info.attributes->lines(), "A: 2\r\n");
  EXPECT_EQ(known().confirmed_at, now_ + 1s);
  EXPECT_NE(cache_.table().find(key_, 0), nullptr) << "the page stays";
}

TEST_F(KnownHeadTest, AnAnswerThatWasOvertakenSaysNothing) {
  const PagePtr one = page();
  observe(*one, version("\"2\"", "", "b", 10), now_ + 1s);
  (void)see(version("\"1\"", "", "b", 10), now_);
  EXPECT_EQ(tag(), "\"2\"");
}

TEST_F(KnownHeadTest, AContestedVersionSaysNothing) {
  const PagePtr one = page();
  observe(*one, version("\"1\"", "", "b", 10), now_);
  const auto seen = see(version("\"c\"", "", "c", 20), now_ + 1s);
  EXPECT_NE(seen.contested, nullptr);
  EXPECT_EQ(tag(), "\"1\"");
  EXPECT_EQ(known().confirmed_at, now_);
}

TEST_F(KnownHeadTest, AVersionThatIsGoneIsNotKnown) {
  const ObjectSourcePtr gone = version("\"1\"", "");
  const PagePtr one = page();
  observe(*one, gone, now_);
  (void)cache_.table().forget(key_, *gone);
  EXPECT_EQ(tag(), "none");
  (void)see(gone, now_);
  EXPECT_EQ(tag(), "\"1\"");
  (void)cache_.table().forget(key_, *gone);  // without pages
  EXPECT_EQ(tag(), "none");
}

TEST_F(KnownHeadTest, AnAbsentObjectIsNotKnownAlthoughItsPagesAre) {
  const PagePtr one = page();
  observe(*one, version("\"1\"", ""), now_);
  cache_.heads().note_absence(key_, key_.hash(), "b", now_ + 1s);
  EXPECT_EQ(tag(), "none");
}

TEST_F(KnownHeadTest, AVersionWithoutAttributesIsNotKnown) {
  const PagePtr one = page();
  observe(*one, std::make_shared<ObjectSource>(ObjectInfo{"\"1\"", 10, 0}, "b"), now_);
  EXPECT_EQ(tag(), "none");
}

TEST_F(KnownHeadTest, PagesTellOfAnObjectThatHasNoHead) {
  const PagePtr one = page();
  const ObjectSourcePtr source = version("\"1\"", "");
  observe(*one, source, now_);
  cache_.heads().drop(key_, key_.hash(), *source);
  EXPECT_EQ(tag(), "\"1\"");
  EXPECT_EQ(known().confirmed_at, now_);
  EXPECT_EQ(cache_.heads().entries(), 1u) << "the next request finds it there";
}

}  // namespace
}  // namespace cachey::cache
