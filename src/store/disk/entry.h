#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/object_info.h"
#include "store/disk/checksum.h"
#include "store/disk/format.h"

namespace cachey::store {

/// What is kept in memory of a page on disk: all that serving it takes. Its extents and the
/// checksums of its blocks follow it in the same piece of memory. Made and ended by the catalog.
struct DiskEntry {
  struct Free {
    void operator()(DiskEntry* entry) const;
  };
  using Owned = std::unique_ptr<DiskEntry, Free>;

  [[nodiscard]] static Owned make(uint32_t bytes, size_t extents);
  /// As the record in that block of the journal says.
  [[nodiscard]] static Owned restore(const PageRecord& record, uint64_t journal_block);

  [[nodiscard]] std::span<DiskExtent> extents() {
    return {reinterpret_cast<DiskExtent*>(this + 1), extent_count};
  }
  [[nodiscard]] std::span<const DiskExtent> extents() const {
    return {reinterpret_cast<const DiskExtent*>(this + 1), extent_count};
  }
  [[nodiscard]] std::span<uint64_t> sums() {
    return {reinterpret_cast<uint64_t*>(extents().data() + extent_count), blocks_for(bytes)};
  }
  [[nodiscard]] std::span<const uint64_t> sums() const {
    return {reinterpret_cast<const uint64_t*>(extents().data() + extent_count), blocks_for(bytes)};
  }

  /// What this page adds to the process's memory: itself, its places in tables, allocator overhead,
  /// and its source where it is the object's only page.
  [[nodiscard]] size_t memory_bytes() const;

  [[nodiscard]] BlockIdentity identity(uint64_t store_id, uint64_t block) const {
    return BlockIdentity{store_id, object, page, generation, block};
  }

  ObjectId object;
  uint64_t generation = 0;
  int64_t cached_at = 0;
  ObjectSourcePtr source;
  uint64_t journal_block = 0;          // where its record stands; kNoJournalBlock: nowhere yet
  DiskEntry* next_page = nullptr;      // of the object
  DiskEntry* previous_page = nullptr;  // of the object
  boost::intrusive::list_member_hook<> hook;  // the policy's
  uint32_t page = 0;
  uint32_t bytes = 0;
  uint32_t holders = 0;  // reads and writes under way: its space is not given away
  uint16_t record_bytes = 0;
  uint8_t extent_count = 0;
  uint8_t queue = 0;    // the policy's
  uint8_t uses = 0;     // the policy's
  bool listed = false;  // can be found

  static constexpr uint64_t kNoJournalBlock = UINT64_MAX;
  static constexpr uint8_t kUsesMax = 3;

 private:
  DiskEntry() = default;
  ~DiskEntry() = default;
};

}  // namespace cachey::store
