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

/// The index entry of a page on disk: all data that a read needs. The extents and the checksums of
/// the blocks follow the entry in the same allocation. Made and destroyed by the catalog; the
/// tier's mutex guards it.
struct DiskEntry {
  struct Free {
    void operator()(DiskEntry* entry) const;
  };
  using Owned = std::unique_ptr<DiskEntry, Free>;

  [[nodiscard]] static Owned make(uint32_t bytes, size_t extents);
  /// Makes the entry of a record that was read from that block of the journal.
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

  /// The memory of this page, about: the entry, slots in tables, allocator overhead, and the source
  /// if the object has one page.
  [[nodiscard]] size_t memory_bytes() const;

  [[nodiscard]] BlockIdentity identity(uint64_t store_id, uint64_t block) const {
    return BlockIdentity{store_id, object, page, generation, block};
  }

  ObjectId object;
  uint64_t generation = 0;
  int64_t cached_at = 0;
  ObjectSourcePtr source;
  uint64_t journal_block = 0;          // the block of its record; kNoJournalBlock: not on disk
  DiskEntry* next_page = nullptr;      // of the object
  DiskEntry* previous_page = nullptr;  // of the object
  boost::intrusive::list_member_hook<> hook;  // the policy's
  uint32_t page = 0;
  uint32_t bytes = 0;
  uint32_t holders = 0;  // reads and writes that run; keeps the space
  uint16_t record_bytes = 0;
  uint8_t extent_count = 0;
  uint8_t queue = 0;    // the policy's
  uint8_t uses = 0;     // the policy's
  bool listed = false;  // find() returns the entry

  static constexpr uint64_t kNoJournalBlock = UINT64_MAX;
  static constexpr uint8_t kUsesMax = 3;

 private:
  DiskEntry() = default;
  ~DiskEntry() = default;
};

}  // namespace cachey::store
