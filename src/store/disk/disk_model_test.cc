// The tier against a model: random writes, reads, new versions, faults, crashes and restarts, by
// seeds. CACHEY_DISK_MODEL_ROUNDS=1000 runs longer.

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

constexpr int kObjects = 24;
constexpr uint32_t kPages = 3;
constexpr uint64_t kDeviceBytes = 24 * kMiB;
constexpr int kSteps = 400;

int rounds() {
  const char* asked = std::getenv("CACHEY_DISK_MODEL_ROUNDS");
  return asked == nullptr ? 6 : std::atoi(asked);
}

/// The faults of a run, and what the tier guarantees then.
enum class World {
  kKilled,  ///< processes die: durable pages are there, durably removed pages are not
  kEvil,    ///< also power loss, lost writes and flipped bits: no wrong byte is the only guarantee
};

class Model {
 public:
  Model(uint32_t seed, World world) : random_(seed), world_(world), disk_(kDeviceBytes) {
    if (world == World::kEvil) disk_.device().track_unsynced();
  }

  void run() {
    for (int step = 0; step < kSteps; ++step) {
      const uint32_t dice = random() % 100;
      if (dice < 45) {
        write(any_page());
      } else if (dice < 75) {
        read(any_page());
      } else if (dice < 83) {
        change(any_object());
      } else if (dice < 90) {
        flush();
      } else if (dice < 93) {
        disk_.device().fail_writes(EIO, 1 + static_cast<int>(random() % 2));
      } else if (dice < 95) {
        disk_.device().fail_reads(EIO, 1);
      } else if (dice < 98) {
        die();
      } else if (world_ == World::kEvil) {
        harm();
      }
    }
    restart();
    for (int object = 0; object < kObjects; ++object) {
      for (uint32_t page = 0; page < kPages; ++page) read({object, page});
    }
  }

  /// The device and the errors found, for the canary test.
  [[nodiscard]] DiskHarness& disk() { return disk_; }
  [[nodiscard]] const std::vector<std::string>& wrongs() const { return wrongs_; }
  [[nodiscard]] uint64_t hits() const { return hits_; }

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

 private:
  [[nodiscard]] uint32_t random() { return static_cast<uint32_t>(random_()); }
  [[nodiscard]] int any_object() { return static_cast<int>(random_() % kObjects); }
  [[nodiscard]] PageName any_page() {
    return {any_object(), static_cast<uint32_t>(random_() % kPages)};
  }

  [[nodiscard]] DiskPage page_of(PageName name, int version) const {
    // The size depends on name and version: from below 4 KiB to about 1 MiB.
    std::mt19937 sizes(static_cast<uint32_t>(name.object * 1'000 + name.page * 100 + version % 7));
    const uint64_t limit = 4096u << sizes() % 9;
    const uint64_t bytes = 1 + sizes() % limit;
    return make_page(std::to_string(name.object), name.page, bytes, version);
  }

  void change(int object) {
    ++versions_[object];
    seen_.insert(object);
    disk_.tier().observe(disk_.worker(), "kind", std::to_string(object),
                         page_of({object, 0}, versions_[object]).info);
  }

  void flush() {
    if (!disk_.flush() || dead_) return;
    for (const int object : seen_) {
      if (world_ == World::kKilled) oldest_possible_[object] = versions_[object];
    }
    durable_ = listed();
  }

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

  void restart() {
    disk_.device().fail_writes(0, 0);
    disk_.device().fail_reads(0, 0);
    const std::map<PageName, int> last_known = listed();
    disk_.close();
    disk_.device().revive();
    dead_ = false;
    if (world_ == World::kEvil && random_() % 2 == 0) disk_.device().lose_power(random());
    disk_.open();
    seen_.clear();
    if (world_ == World::kEvil) return;
    const std::map<PageName, int> now = listed();
    for (const auto& [name, version] : durable_) {
      const auto known = last_known.find(name);
      if (known == last_known.end() || known->second != version) continue;  // left before
      const auto found = now.find(name);
      if (found == now.end() || found->second != version) {
        wrongs_.push_back("lost page of object " + std::to_string(name.object));
      } else {
        const std::optional<DiskRead> read = disk_.read(page_of(name, version));
        if (read != DiskRead::kOk) {
          wrongs_.push_back("page of object " + std::to_string(name.object) + " cannot be read: " +
                            (read ? std::to_string(static_cast<int>(*read)) : "gone"));
        }
      }
    }
    // A page may be back because its removal was not durable. Its space may be overwritten: then
    // the first read is a miss and removes the page.
    for (const auto& [name, version] : now) (void)disk_.read(page_of(name, version));
    if (disk_.wrong_reads() > 0) wrongs_.push_back("wrong bytes after a restart");
    durable_ = listed();
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
};

TEST(DiskModel, KeepsWhatWasDurableOverKills) {
  uint64_t hits = 0;
  for (int seed = 1; seed <= rounds(); ++seed) {
    Model model(static_cast<uint32_t>(seed), World::kKilled);
    model.run();
    EXPECT_TRUE(model.wrongs().empty()) << "seed " << seed << ": " << model.wrongs().front();
    hits += model.hits();
  }
  EXPECT_GT(hits, 20u * static_cast<uint64_t>(rounds())) << "or nothing was tested";
}

TEST(DiskModel, NeverGivesAWrongByteWhateverTheDeviceDoes) {
  uint64_t hits = 0;
  for (int seed = 1; seed <= rounds(); ++seed) {
    Model model(static_cast<uint32_t>(1'000 + seed), World::kEvil);
    model.run();
    EXPECT_TRUE(model.wrongs().empty()) << "seed " << seed << ": " << model.wrongs().front();
    hits += model.hits();
  }
  EXPECT_GT(hits, 10u * static_cast<uint64_t>(rounds())) << "or nothing was tested";
}

/// Flips a bit of a page and adjusts its checksum, as if the tier did not verify.
bool forge_a_page(std::span<std::byte> device) {
  const Superblock superblock = parse_superblock(device.first(kSuperblockBytesMax)).superblock;
  for (const JournalSegment& segment : superblock.segments) {
    for (uint64_t i = 0; i < superblock.segment_units; ++i) {
      const std::span<std::byte> block =
          device.subspan((segment.first_unit + i) * kUnitBytes, kJournalBlockBytes);
      const StoreLife life{superblock.store_id, segment.life};
      const auto records = open_journal_block(block, life, segment.first_block + i);
      if (!records) continue;
      RecordReader reader(*records);
      const auto record = reader.next();
      if (!record || !std::holds_alternative<PageRecord>(*record)) continue;
      const auto& page = std::get<PageRecord>(*record);
      std::byte* data = device.data() + page.extent(0).first * kUnitBytes;
      data[0] ^= std::byte{1};
      const iovec bytes{data, std::min<size_t>(page.bytes, kDiskBlockBytes)};
      const uint64_t sum = block_checksum(
          BlockIdentity{superblock.store_id, page.object, page.page, page.generation, 0},
          {&bytes, 1});
      std::memcpy(block.data() + (page.checksums - block.data()), &sum, sizeof sum);
      seal_journal_block(block, life, segment.first_block + i, records->size());
      return true;
    }
  }
  return false;
}

TEST(DiskModel, WouldSeeATierThatDoesNotVerify) {
  Model model(1, World::kKilled);
  model.write({0, 0});
  ASSERT_TRUE(model.disk().flush());
  for (int i = 0; i < 10; ++i) model.read({0, 0});
  EXPECT_TRUE(model.wrongs().empty());
  model.disk().close();
  ASSERT_TRUE(forge_a_page(model.disk().device().bytes()));
  model.disk().open();
  for (int i = 0; i < 100; ++i) model.read({0, 0});  // the reads include the first block
  EXPECT_FALSE(model.wrongs().empty());
}

}  // namespace
}  // namespace cachey::store
