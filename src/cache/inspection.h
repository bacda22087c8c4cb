#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/key_scope.h"
#include "base/page_size.h"
#include "base/units.h"
#include "cache/page_table.h"
#include "cache/walk_turn.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// What the cache has of one object.
struct ObjectSummary {
  struct InTier {
    uint64_t pages = 0;  ///< and parts of pages; of a page on disk, its pieces in memory
    uint64_t bytes = 0;
  };
  std::optional<uint64_t> size;
  std::string etag;  ///< empty: none, or not known
  InTier memory;
  InTier disk;
  uint64_t fills = 0;  ///< pages and parts that are being fetched
  bool pinned = false;
  MonoTime last_read{};  ///< of what is in memory; the beginning of time: not known
};

/// Objects by kind and key.
using ObjectSummaries = std::map<std::pair<std::string, std::string>, ObjectSummary>;

/// Memory that is charged to the memory tier's limit until this goes.
class ListingCharge {
 public:
  ListingCharge() = default;  ///< of nothing
  explicit ListingCharge(store::MemoryTier& memory) : memory_(&memory) {}
  ListingCharge(ListingCharge&& other) noexcept
      : memory_(other.memory_), bytes_(std::exchange(other.bytes_, 0)) {}
  ListingCharge& operator=(ListingCharge&&) = delete;
  ~ListingCharge() {
    if (bytes_ > 0) memory_->charge(-bytes_);
  }

  /// Charges at least `bytes` in all, in steps. REQUIRES: it is of a memory tier.
  void reach(uint64_t bytes);

 private:
  store::MemoryTier* memory_ = nullptr;
  int64_t bytes_ = 0;
};

struct Listing {
  ObjectSummaries objects;
  ListingCharge charge;
  bool has_more = false;
  bool is_complete = true;  ///< the disk's journal could be read
};

/// A run of an object's bytes.
struct ObjectRun {
  enum class Where : uint8_t { kMemory, kDisk, kFilling };
  Where where = Where::kMemory;
  bool is_part = false;
  ByteRange range;
};

struct ObjectDetails {
  ObjectSummary summary;
  std::vector<ObjectRun> runs;  ///< by place, then by position
  bool has_more = false;        ///< there are more runs or pages than a look tells
};

/// Tells what the cache has. A look counts as no use, and fetches nothing. Holds each mutex for a
/// few pages at a time. Owned by Cache. Any thread, but a worker that is passed in must be the
/// calling thread's own.
class Inspection {
 public:
  static constexpr size_t kRunsMax = 10'000;
  static constexpr uint32_t kPagesMax = 1'000'000;  ///< of an object, that a look tells of
  /// A listing takes at most this part of the memory limit, which is charged for it.
  static constexpr uint64_t kListingShare = 32;
  static constexpr uint64_t kListingBytesMax = 256 * kMiB;

  /// `disk`: null if there is no disk tier.
  Inspection(PageTable& table, store::DiskTier* disk, store::MemoryTier& memory)
      : table_(table), disk_(disk), memory_(memory) {}

  /// The right to make a listing and to hold it. Nothing: another one is out. So listings that
  /// clients take slowly do not add up.
  [[nodiscard]] std::optional<WalkTurn> begin() { return WalkTurn::take(listings_, 1); }

  /// The first `limit` objects of `scope` after the name `after`, in the order of kind and key, or
  /// as many as kListingShare and kListingBytesMax hold, at least one: one walk over the table and
  /// the disk's journal.
  /// The objects that the memory limit lets the cache have need some dozens of such listings, so
  /// that the time for all of them grows as their number. REQUIRES: the caller has a turn of
  /// begin().
  [[nodiscard]] rt::Task<Result<Listing>> list(rt::Worker& worker, KeyScope scope,
                                               std::pair<std::string, std::string> after,
                                               size_t limit);

  /// `size`: of the pages of the object's kind. kNotFound: the cache has nothing of the object.
  [[nodiscard]] rt::Task<Result<ObjectDetails>> look(rt::Worker& worker, ObjectKey key,
                                                     PageSize size);

  /// Walks that run end soon.
  void stop() { is_over_.store(true); }

 private:
  class Collector;
  [[nodiscard]] rt::Task<void> list_memory(rt::Worker& worker, Collector& collector);
  [[nodiscard]] rt::Task<void> look_at_disk(rt::Worker& worker, const ObjectKey& key, PageSize size,
                                            ObjectDetails& details);

  PageTable& table_;
  store::DiskTier* const disk_;
  store::MemoryTier& memory_;
  std::atomic<bool> is_over_{false};
  std::atomic<int> listings_{0};
};

}  // namespace cachey::cache
