// The loads of pieces of a page on disk: a load that fails concerns only the readers of its piece.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cache/testing/reader_harness.h"
#include "store/testing/test_page.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

class PieceLoads : public ReaderHarness {
 protected:
  PieceLoads() : ReaderHarness(kMemory, FillConfig{}, disk_with_deadline()) {}

  static store::DiskTierConfig disk_with_deadline() {
    store::DiskTierConfig config = quick_disk();
    config.read_deadline = 200ms;
    return config;
  }

  static constexpr uint64_t kMemory = 64 * kMiB;
  static constexpr ByteRange kFirst{0, 100};
  static constexpr ByteRange kElsewhere{8 * kMiB, 8 * kMiB + 100};

  void SetUp() override {
    for (const char* object : {"o", "p"}) {
      origin_.put("b", object, {.size = kPageBytes});
      expect_whole(read(spec(object), {0, kPageBytes}).get(), {0, kPageBytes});
    }
    settle();
    forget_memory();
    ASSERT_EQ(disk_->usage().pages, 2u);
    asked_ = origin_.asked().size();
  }

  /// Pages that hold all memory, as fills do.
  class AllMemory {
   public:
    explicit AllMemory(PieceLoads& test) : memory_(test.memory_) {
      while (memory_.room_bytes() - memory_.used_bytes() >= store::Arena::kSlabBytes) {
        const uint64_t left = memory_.room_bytes() - memory_.used_bytes();
        const uint64_t bytes = left >= kPageBytes ? kPageBytes : store::Arena::kSlabBytes;
        pages_.push_back(new store::TestPage(pages_.size()));
        std::promise<bool> done;
        test.workers_.run_on_each([&](rt::Worker& worker) {
          if (&worker == &test.workers_[0]) worker.tasks().spawn(take(worker, bytes, done));
        });
        EXPECT_TRUE(done.get_future().get());
      }
    }
    ~AllMemory() {
      for (const store::TestPagePtr& page : pages_) memory_.publish(*page);
      for (const store::TestPagePtr& page : pages_) memory_.discard(*page);
    }
    AllMemory(const AllMemory&) = delete;
    AllMemory& operator=(const AllMemory&) = delete;

   private:
    rt::Task<void> take(rt::Worker& worker, uint64_t bytes, std::promise<bool>& done) {
      const Result<void> taken = co_await memory_.allocate(worker, *pages_.back(), bytes);
      done.set_value(taken.has_value());
    }

    store::MemoryTier& memory_;
    std::vector<store::TestPagePtr> pages_;
  };

  /// GETs since SetUp().
  [[nodiscard]] size_t asked() const { return origin_.asked().size() - asked_; }

  /// Takes all memory that pieces may have.
  [[nodiscard]] store::Admission take_all_of_pieces() {
    uint64_t bytes = kMemory;
    while (true) {
      if (auto all = memory_.pieces().try_admit("b", bytes)) return std::move(*all);
      bytes -= 4 * kKiB;
    }
  }

  size_t asked_ = 0;
};

TEST_F(PieceLoads, AReaderThatJoinsALoadHasATimeOfItsOwnForMemory) {
  std::optional<AllMemory> all(*this);
  auto first = read(spec("o"), kFirst);  // waits for memory, for admission_timeout
  std::this_thread::sleep_for(200ms);
  auto joined = read(spec("o"), kFirst);
  auto elsewhere = read(spec("o"), kElsewhere);
  const Got failed = first.get();
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->kind(), ErrorKind::kOverloaded);
  all.reset();
  expect_whole(joined.get(), kFirst);
  expect_whole(elsewhere.get(), kElsewhere);
  EXPECT_EQ(asked(), 0u) << "the disk has the page";
}

TEST_F(PieceLoads, IfTheDiskKeepsTheMemoryOfPiecesTheOriginHasTheBytes) {
  const store::Admission all = take_all_of_pieces();
  std::vector<std::future<Got>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(read(spec("o"), kFirst));
  for (auto& client : clients) expect_whole(client.get(), kFirst);
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(disk_->usage().pages, 2u) << "nothing is wrong with the page on disk";
}

TEST_F(PieceLoads, AllWhoHadTheirTimeFail) {
  const AllMemory all(*this);
  std::vector<std::future<Got>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(read(spec("o"), kFirst));
  for (auto& client : clients) {
    const Got got = client.get();
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->kind(), ErrorKind::kOverloaded);
  }
  settle();
  EXPECT_EQ(cache_.table().objects(), 0u) << "nothing is left of the page";
  EXPECT_EQ(disk_->usage().pages, 2u) << "but on the disk";
}

TEST_F(PieceLoads, AReaderOfOtherPiecesKeepsThePage) {
  expect_whole(read(spec("o"), kElsewhere).get(), kElsewhere);  // this piece is in memory now
  const PagePtr page = cache_.table().find(spec("o")->key.view(), 0);
  ASSERT_NE(page, nullptr);
  page->reading_began(clock_.mono());
  device_.fail_reads(EIO, 1);
  std::vector<std::future<Got>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(read(spec("o"), kFirst));
  for (auto& client : clients) expect_whole(client.get(), kFirst);
  settle();
  EXPECT_EQ(asked(), 1u) << "one fill for all who need the bytes";
  EXPECT_EQ(page->phase(), Page::Phase::kOnDisk);
  EXPECT_NE(page->piece_at(kElsewhere.begin), nullptr);
  if (page->reading_ended()) page->discard();
}

TEST_F(PieceLoads, ALateReadSendsItsReadersToTheOrigin) {
  device_.hang();
  auto first = read(spec("o"), kFirst);
  auto joined = read(spec("o"), kFirst);
  expect_whole(first.get(), kFirst);
  expect_whole(joined.get(), kFirst);
  device_.release();
  settle();
  EXPECT_EQ(asked(), 1u);
}

TEST_F(PieceLoads, ALoadThatIsNotEndedEndsWithItsDuty) {
  const std::shared_ptr<FetchSpec> of = spec("o");
  const PagePtr page = cache_.table().find_or_create(of, 0, FillOrder::kFromBegin).page;
  workers_.run_on_each([&](rt::Worker& worker) {
    if (&worker != &workers_[0]) return;
    EXPECT_NE(cache_.disk_reads().adopt_from_disk(worker, *page), nullptr);
  });
  page->reading_began(clock_.mono());
  Page::Missing missing = page->add_missing(kFirst, LoadAhead::kNo);
  ASSERT_EQ(missing.added.size(), 1u);
  EXPECT_TRUE(missing.first_is_added);
  const PiecePtr piece = missing.first;
  auto joined = read(of, kFirst);
  EXPECT_EQ(joined.wait_for(20ms), std::future_status::timeout);
  {
    const PieceLoad duty(cache_.table(), memory_, page, std::move(missing.added.front()));
  }
  EXPECT_EQ(piece->state(), Piece::State::kNotGiven);
  expect_whole(joined.get(), kFirst);
  EXPECT_EQ(asked(), 1u);
  if (page->reading_ended()) page->discard();
}

TEST_F(PieceLoads, OneSearchOfTheDiskForAReadOfOneBlock) {
  const std::shared_ptr<FetchSpec> of = spec("o");
  const PagePtr page = cache_.table().find_or_create(of, 0, FillOrder::kFromBegin).page;
  page->reading_began(clock_.mono());
  DiskReads::Found found;
  DiskReads::Load load;
  rt::Worker& worker = workers_[0];
  workers_.run_on_each([&](rt::Worker& each) {
    if (&each != &worker) return;
    found = cache_.disk_reads().adopt_from_disk(worker, *page);
    disk_->remove(worker, of->key.kind, of->key.object);  // a second search would find nothing
    load = cache_.disk_reads().start(worker, page, kFirst, LoadAhead::kNo, spec("o"),
                                     std::move(found));
  });
  settle();
  ASSERT_NE(load.piece, nullptr);
  EXPECT_FALSE(load.joined);
  EXPECT_EQ(load.piece->state(), Piece::State::kLoaded);
  EXPECT_EQ(disk_->usage().pages, 1u);
  if (page->reading_ended()) page->discard();
}

}  // namespace
}  // namespace cachey::cache
