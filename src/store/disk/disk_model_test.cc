// The tier against a model: random writes, reads, new versions, faults, crashes and restarts, by
// seeds. CACHEY_DISK_MODEL_SEEDS=100000 runs more, CACHEY_DISK_MODEL_FIRST=5000 others.

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>

#include "store/disk/recovery.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

constexpr int kObjects = 12;
constexpr uint32_t kPages = 3;
constexpr uint64_t kDeviceBytes = 5 * kMiB;
constexpr int kSteps = 120;

uint32_t from_environment(const char* name, uint32_t otherwise) {
  const char* asked = std::getenv(name);
  return asked == nullptr ? otherwise : static_cast<uint32_t>(std::strtoul(asked, nullptr, 10));
}

uint32_t first_seed() { return from_environment("CACHEY_DISK_MODEL_FIRST", 1); }

/// The number of seeds of each world.
uint32_t seeds() {
  uint32_t usual = 500;
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(undefined_behavior_sanitizer)
  usual = 20;
#endif
#endif
  return from_environment("CACHEY_DISK_MODEL_SEEDS", usual);
}

/// The faults of a run, and what the tier guarantees then.
enum class World {
  kKilled,      ///< processes die: durable pages are there, durably removed pages are not
  kPower,       ///< also the power fails; sectors of 512 bytes: the same is guaranteed
  kUnreadable,  ///< also parts of the device fail to be read, while a store is opened too, or hang:
                ///< what was lost or removed before a flush does not come back after the flush
  kEvil,        ///< lost writes and flipped bits: no wrong byte is the only guarantee
};

DiskTierConfig model_config() {
  DiskTierConfig config = DiskHarness::quick();
  config.read_deadline = std::chrono::milliseconds(100);
  config.write_deadline = std::chrono::milliseconds(200);
  config.journal_deadline = std::chrono::milliseconds(150);
  config.journal_pending_bytes = 2 * RecordQueue::kChunkBytes;
  return config;
}

class Model {
 public:
  Model(uint32_t seed, World world)
      : random_(seed),
        world_(world),
        disk_(kDeviceBytes, model_config(), world != World::kKilled && seed % 2 == 0 ? 512 : 4096,
              seed) {
    if (loses_power()) disk_.device().track_unsynced();
  }

  void run() {
    for (int step = 0; step < kSteps; ++step) {
      const uint32_t dice = random() % 100;
      if (dice < 45) {
        write(any_page());
      } else if (dice < 70) {
        read(any_page());
      } else if (dice < 80) {
        change(any_object());
      } else if (dice < 87) {
        flush();
      } else if (dice < 90) {
        disk_.device().fail_writes(EIO, 1 + static_cast<int>(random() % 4));
      } else if (dice < 92) {
        disk_.device().fail_reads(EIO, 1);
      } else if (dice < 95) {
        die();
      } else if (world_ == World::kUnreadable) {
        harm_a_part();
      } else if (world_ == World::kEvil) {
        harm();
      }
    }
    restart();
    for (int object = 0; object < kObjects; ++object) {
      for (uint32_t page = 0; page < kPages; ++page) read({object, page});
    }
  }

  /// The device and the errors found, for the canary tests.
  [[nodiscard]] DiskHarness& disk() { return disk_; }
  [[nodiscard]] const std::vector<std::string>& wrongs() const { return wrongs_; }
  [[nodiscard]] uint64_t hits() const { return hits_; }
  [[nodiscard]] uint64_t moves() const { return moves_; }    ///< of the journal
  [[nodiscard]] uint64_t unread() const { return unread_; }  ///< openings with unreadable blocks

  struct PageName {
    int object;
    uint32_t page;
    auto operator<=>(const PageName&) const = default;
  };

  void write(PageName name) {
    seen_.insert(name.object);
    const DiskWrite result = disk_.write(page_of(name, versions_[name.object]));
    if (result == DiskWrite::kStored)
      durable_.erase(name);  // the page had left, if it ever was there
  }

  void read(PageName name) {
    const std::string object = std::to_string(name.object);
    std::optional<DiskPageRef> found = disk_.tier().find(disk_.worker(), "kind", object, name.page);
    if (!found) return;
    const int version = std::stoi(found->info().etag.substr(2));
    if (version > versions_[name.object] || version < oldest_possible_[name.object]) {
      wrongs_.push_back("version " + std::to_string(version) + " of object " + object);
    }
    found.reset();
    const DiskPage page = page_of(name, version);
    const uint64_t blocks = blocks_for(page.bytes);
    const uint64_t first = random_() % blocks;
    const uint64_t last = first + 1 + random_() % (blocks - first);
    const size_t before = disk_.wrong_reads();
    const auto result = disk_.read(
        page, ByteRange{first * kDiskBlockBytes, std::min(page.bytes, last * kDiskBlockBytes)});
    if (result == DiskRead::kOk) ++hits_;
    if (disk_.wrong_reads() != before) wrongs_.push_back("wrong bytes of object " + object);
  }

  void change(int object) {
    ++versions_[object];
    seen_.insert(object);
    disk_.tier().observe(disk_.worker(), "kind", std::to_string(object),
                         page_of({object, 0}, versions_[object]).info);
  }

  void flush() {
    if (!disk_.flush() || dead_) return;
    if (world_ == World::kEvil) return;
    for (const int object : seen_) oldest_possible_[object] = versions_[object];
    durable_ = listed();
  }

  void restart() {
    const std::map<PageName, int> last_known = listed();
    disk_.device().fail_writes(0, 0);
    disk_.device().fail_reads(0, 0);
    disk_.device().fail_parts({});
    disk_.device().release();
    disk_.settle();
    const bool lost = disk_.tier().stats().journal_lost_blocks > 0;  // while it was cleaned
    moves_ += disk_.tier().stats().journal_moves;
    disk_.close();
    disk_.device().revive();
    dead_ = false;
    const bool power_lost = loses_power() && random_() % 2 == 0;
    if (power_lost) disk_.device().lose_power(random());
    if (world_ == World::kUnreadable) fail_reads_of_the_journal();
    disk_.open();
    disk_.device().fail_parts({});
    disk_.device().fail_reads(0, 0);
    seen_.clear();
    if (world_ == World::kEvil) return;
    const bool unread = disk_.tier().stats().recovered_unreadable > 0;
    unread_ += unread;
    if (unread) {  // pages are lost, and what the unread blocks removed may be back
      oldest_possible_.clear();
    } else if (!lost) {
      check_durable(last_known);
    }
    // A page may be back because its removal was not durable. Its space may be overwritten: then
    // the first read is a miss and removes the page.
    for (const auto& [name, version] : listed()) (void)disk_.read(page_of(name, version));
    if (disk_.wrong_reads() > 0) wrongs_.push_back("wrong bytes after a restart");
    // What is there survives further kills; a loss of power, if it was durable or has survived one.
    const std::map<PageName, int> now = listed();
    const bool all = power_lost || !loses_power();
    std::erase_if(durable_, [&](const auto& page) {
      const auto found = now.find(page.first);
      return found == now.end() || found->second != page.second;
    });
    if (all) durable_ = now;
  }

  [[nodiscard]] DiskPage page_of(PageName name, int version) const {
    // The size depends on name and version: from below 4 KiB to about 256 KiB.
    std::mt19937 sizes(static_cast<uint32_t>(name.object * 1'000 + name.page * 100 + version % 7));
    const uint64_t limit = 4096u << sizes() % 7;
    const uint64_t bytes = 1 + sizes() % limit;
    return make_page(std::to_string(name.object), name.page, bytes, version);
  }

 private:
  [[nodiscard]] uint32_t random() { return static_cast<uint32_t>(random_()); }
  [[nodiscard]] int any_object() { return static_cast<int>(random_() % kObjects); }
  [[nodiscard]] PageName any_page() {
    return {any_object(), static_cast<uint32_t>(random_() % kPages)};
  }
  [[nodiscard]] bool loses_power() const { return world_ != World::kKilled; }

  [[nodiscard]] std::map<PageName, int> listed() {
    std::map<PageName, int> pages;
    for (int object = 0; object < kObjects; ++object) {
      for (uint32_t page = 0; page < kPages; ++page) {
        const auto found = disk_.tier().find(disk_.worker(), "kind", std::to_string(object), page);
        if (found) pages[{object, page}] = std::stoi(found->info().etag.substr(2));
      }
    }
    return pages;
  }

  /// Durable pages are there, except those that had left before the end.
  void check_durable(const std::map<PageName, int>& last_known) {
    const std::map<PageName, int> now = listed();
    for (const auto& [name, version] : durable_) {
      const auto known = last_known.find(name);
      if (known == last_known.end() || known->second != version) continue;
      const auto found = now.find(name);
      const std::string object = std::to_string(name.object);
      if (found == now.end() || found->second != version) {
        wrongs_.push_back("lost page of object " + object);
        continue;
      }
      const std::optional<DiskRead> read = disk_.read(page_of(name, version));
      if (read == DiskRead::kOk) continue;
      wrongs_.push_back("page of object " + object + " cannot be read: " +
                        (read ? std::to_string(static_cast<int>(*read)) : "gone"));
    }
  }

  /// Kills the process in the middle of a write, some writes from now.
  void die() {
    disk_.device().die_after(random() % 6, random());
    dead_ = true;
    for (uint32_t i = random() % 8; i > 0; --i) {
      random_() % 4 == 0 ? change(any_object()) : write(any_page());
    }
    if (random_() % 2 == 0) (void)disk_.flush();
    restart();
  }

  [[nodiscard]] ByteRange some_part(uint64_t begin, uint64_t end) {
    const uint64_t units = (end - begin) / kUnitBytes;
    const uint64_t at = begin + random_() % units * kUnitBytes;
    return {at, std::min(end, at + (1 + random_() % (units / 2)) * kUnitBytes)};
  }

  void harm_a_part() {
    const FaultyDevice::Part part{.range = some_part(0, kDeviceBytes),
                                  .reads = random_() % 2 == 0,
                                  .writes = random_() % 2 == 0};
    switch (random_() % 4) {
      case 0:
        disk_.device().fail_parts({part});
        break;
      case 1:
        disk_.device().hang_parts({part});
        break;
      case 2:
        disk_.device().fail_parts({});
        break;
      default:
        disk_.device().release();
        break;
    }
  }

  /// Reads of a part of the journal fail while the store is opened: each, or the first ones.
  void fail_reads_of_the_journal() {
    const Result<ParsedSuperblock> read = read_superblock(disk_.device());
    if (!read || read->superblock.segments.empty() || random_() % 2 == 0) return;
    const Superblock& superblock = read->superblock;
    const JournalSegment& segment = superblock.segments[random_() % superblock.segments.size()];
    const uint64_t begin = segment.first_unit * kUnitBytes;
    const ByteRange part = some_part(begin, begin + superblock.segment_units * kUnitBytes);
    disk_.device().fail_parts({{.range = part, .writes = false}});
  }

  void harm() {
    switch (random_() % 3) {
      case 0:
        for (int i = 0; i < 40; ++i) {  // past the superblocks: without one the store is refused
          const uint64_t byte = kDataOffset + random_() % (kDeviceBytes - kDataOffset);
          disk_.device().flip_bit(byte * 8 + random_() % 8);
        }
        break;
      case 1:
        disk_.device().lose_writes(4, random());
        break;
      default:
        disk_.device().lose_writes(0, 0);
        break;
    }
  }

  std::mt19937 random_;
  const World world_;
  DiskHarness disk_;
  std::map<int, int> versions_;
  std::map<int, int> oldest_possible_;  // after a crash; 0: any
  std::set<int> seen_;                  // objects with a version that this process observed
  std::map<PageName, int> durable_;
  bool dead_ = false;
  std::vector<std::string> wrongs_;
  uint64_t hits_ = 0;
  uint64_t moves_ = 0;
  uint64_t unread_ = 0;
};

void run_seeds(World world) {
  uint64_t hits = 0;
  uint64_t moves = 0;
  uint64_t unread = 0;
  int failed = 0;
  const uint32_t end = first_seed() + seeds();
  for (uint32_t seed = first_seed(); seed < end && failed < 5; ++seed) {
    Model model(seed, world);
    model.run();
    hits += model.hits();
    moves += model.moves();
    unread += model.unread();
    if (model.wrongs().empty()) continue;
    ADD_FAILURE() << "seed " << seed << ": " << model.wrongs().front();
    ++failed;
  }
  EXPECT_GT(hits, 3u * seeds()) << "or nothing was tested";
  if (world != World::kUnreadable) return;
  EXPECT_GT(moves, seeds() / 20);
  EXPECT_GT(unread, seeds() / 4);
}

TEST(DiskModel, KeepsWhatWasDurableOverKills) { run_seeds(World::kKilled); }

TEST(DiskModel, KeepsWhatWasDurableOverLossesOfPower) { run_seeds(World::kPower); }

TEST(DiskModel, WhatWasRemovedStaysSoWhateverCouldNotBeReadOrWritten) {
  run_seeds(World::kUnreadable);
}

TEST(DiskModel, NeverGivesAWrongByteWhateverTheDeviceDoes) { run_seeds(World::kEvil); }

/// The journal of a closed store, to be forged.
class Forger {
 public:
  explicit Forger(DiskHarness& disk)
      : device_(disk.device().bytes()), superblock_(read_superblock(disk.device())->superblock) {}

  /// Flips a bit of a page and adjusts its checksum, as if the tier did not verify.
  void forge_a_page() {
    const auto [block, life, number, records] = first_block();
    RecordReader reader(records);
    const auto page = std::get<PageRecord>(*reader.next());
    std::byte* data = device_.data() + page.extent(0).first * kUnitBytes;
    data[0] ^= std::byte{1};
    const iovec bytes{data, std::min<size_t>(page.bytes, kDiskBlockBytes)};
    const uint64_t sum = block_checksum(
        BlockIdentity{superblock_.store_id, page.object, page.page, page.generation, 0},
        {&bytes, 1});
    std::memcpy(block.data() + (page.checksums - block.data()), &sum, sizeof sum);
    seal_journal_block(block, life, number, records.size());
  }

  /// Appends the first block again behind the last one, as if what an earlier life left there had
  /// verified.
  void repeat_the_first_block() {
    const auto [block, first_life, first_number, records] = first_block();
    const JournalSegment& last = superblock_.segments.back();
    const StoreLife life{superblock_.store_id, last.life};
    uint64_t i = 0;
    while (open_journal_block(at(last, i), life, last.first_block + i)) ++i;
    std::ranges::copy(block, at(last, i).begin());
    seal_journal_block(at(last, i), life, last.first_block + i, records.size());
  }

  /// Writes no superblock since then, as if unread blocks were not cut off.
  void restore_superblocks(std::span<const std::byte> before) {
    std::ranges::copy(before, device_.begin());
  }
  [[nodiscard]] std::vector<std::byte> superblocks() const {
    const auto bytes = device_.first(kProbeOffset);
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] ByteRange place_of_last() const {
    const uint64_t begin = superblock_.segments.back().first_unit * kUnitBytes;
    return {begin, begin + superblock_.segment_units * kUnitBytes};
  }

 private:
  struct Block {
    std::span<std::byte> bytes;
    StoreLife life;
    uint64_t number;
    std::span<const std::byte> records;
  };
  [[nodiscard]] std::span<std::byte> at(const JournalSegment& segment, uint64_t index) {
    return device_.subspan((segment.first_unit + index) * kUnitBytes, kJournalBlockBytes);
  }
  [[nodiscard]] Block first_block() {
    const JournalSegment& first = superblock_.segments.front();
    const StoreLife life{superblock_.store_id, first.life};
    const auto records = open_journal_block(at(first, 0), life, first.first_block);
    CHECK(records);
    return {at(first, 0), life, first.first_block, *records};
  }

  std::span<std::byte> device_;
  const Superblock superblock_;
};

TEST(DiskModel, WouldSeeATierThatDoesNotVerify) {
  Model model(1, World::kKilled);
  model.write({0, 0});
  model.flush();
  for (int i = 0; i < 10; ++i) model.read({0, 0});
  EXPECT_TRUE(model.wrongs().empty());
  model.disk().close();
  Forger(model.disk()).forge_a_page();
  model.disk().open();
  for (int i = 0; i < 100; ++i) model.read({0, 0});  // the reads include the first block
  EXPECT_FALSE(model.wrongs().empty());
}

TEST(DiskModel, WouldSeeBlocksOfAnEarlierLife) {
  for (const bool forged : {false, true}) {
    Model model(1, World::kKilled);
    model.write({0, 0});
    model.flush();
    model.change(0);
    model.flush();
    model.disk().close();
    if (forged) Forger(model.disk()).repeat_the_first_block();
    model.disk().open();
    model.read({0, 0});
    EXPECT_EQ(model.wrongs().empty(), !forged);
  }
}

TEST(DiskModel, WouldSeeUnreadBlocksThatAreNotCutOff) {
  for (const bool forged : {false, true}) {
    Model model(1, World::kUnreadable);
    model.write({0, 0});
    model.flush();
    model.disk().close();
    Forger forger(model.disk());
    const std::vector<std::byte> before = forger.superblocks();
    model.disk().device().fail_parts({{.range = forger.place_of_last(), .writes = false}});
    model.disk().open();
    model.disk().device().fail_parts({});
    model.change(0);
    model.flush();
    model.disk().close();
    if (forged) forger.restore_superblocks(before);
    model.disk().open();
    model.read({0, 0});
    EXPECT_EQ(model.wrongs().empty(), !forged);
  }
}

TEST(DiskModel, WouldSeeALostPage) {
  Model model(1, World::kPower);
  model.write({0, 0});
  model.flush();
  const auto content = page_content(model.page_of({0, 0}, 0));
  const auto at = std::ranges::search(model.disk().device().bytes(), content->bytes().first(64));
  ASSERT_FALSE(at.empty());
  at.begin()[5] ^= std::byte{4};  // as if a late write of the journal had come there
  model.restart();
  EXPECT_FALSE(model.wrongs().empty());
}

}  // namespace
}  // namespace cachey::store
