#pragma once

#include <boost/container/static_vector.hpp>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/object_attributes.h"
#include "base/object_info.h"
#include "store/disk/checksum.h"
#include "store/disk/format.h"
#include "store/disk/page_at.h"

namespace cachey::store {

struct DiskEntry;

using ExtentList = boost::container::static_vector<DiskExtent, kExtentsMax>;

/// Attributes that records of the journal name by id, see AttributesTable. Made and destroyed by
/// the table; the tier's mutex guards it.
struct StoredAttributes {
  /// What was found of the text so far, while a store is opened.
  struct Parts {
    std::string text;
    uint16_t lines = 0;
    bool too_large = false;
    uint8_t missing = 0;  // a bit a fragment
  };

  explicit StoredAttributes(uint64_t of) : id(of) {}

  /// The memory of the entry and of the text, about.
  [[nodiscard]] size_t memory_bytes() const;

  const uint64_t id;
  ObjectAttributesPtr text;                // null while a store is opened
  std::unique_ptr<Parts> parts;            // null unless a store is opened
  uint64_t journal_block = UINT64_MAX;     // the block of its first record; UINT64_MAX: not on disk
  StoredAttributes* next_by_id = nullptr;  // in the table
  StoredAttributes* next_by_text = nullptr;  // in the table
  uint32_t users = 0;                        // objects
  uint16_t text_bytes = 0;
  bool waits = false;  // while a store is opened: in the table's list of unused texts
};

/// The pages and parts of pages on disk of an object that came from one bucket, in one version.
/// Made and destroyed by the catalog; the tier's mutex guards it, except the id, which does not
/// change.
struct DiskObject {
  enum class State : uint8_t {
    kCurrent,     ///< look-ups find it
    kSuperseded,  ///< its version is old: its pages go next
    kEmpty,       ///< superseded, and only pages that are held are left
  };

  DiskObject(const ObjectId& of, ObjectSourcePtr version) : id(of), source(std::move(version)) {}

  /// The memory of the object, about, with its source.
  [[nodiscard]] size_t memory_bytes() const;

  const ObjectId id;       ///< that of the object: other buckets' pages have the same
  ObjectSourcePtr source;  ///< as the newest answer that was observed; of one version
  StoredAttributes* attributes = nullptr;  ///< as the journal has them; null: not known
  DiskEntry* pages = nullptr;              ///< those in the index, the newest first
  DiskObject* next = nullptr;  ///< in the catalog's table, or list of superseded objects
  uint32_t entries = 0;        ///< all entries of the object, in the index or not
  uint32_t parts : 29 = 0;     ///< those entries in the index that are parts of pages
  State state : 2 = State::kCurrent;
  bool is_answer_newer : 1 = false;  ///< `source` is of a newer answer than the journal has
};
static_assert(sizeof(DiskObject) == 64, "one a cached object: it has a size of the heap");

/// An extent in memory. `slot` is the extent's place among the owners of its chunk.
struct PageExtent {
  uint32_t first = 0;
  uint16_t units = 0;
  uint16_t slot = 0;
};

/// The index entry of a page, or of a part of a page, on disk: all data that a read needs. The
/// extents and the checksums of the blocks follow the entry in the same allocation. Made and
/// destroyed by the catalog; the tier's mutex guards it.
struct DiskEntry {
  struct Free {
    void operator()(DiskEntry* entry) const;
  };
  using Owned = std::unique_ptr<DiskEntry, Free>;

  [[nodiscard]] static Owned make(uint32_t bytes, std::span<const DiskExtent> extents);

  [[nodiscard]] std::span<PageExtent> page_extents() {
    return {reinterpret_cast<PageExtent*>(this + 1), extent_count};
  }
  [[nodiscard]] std::span<const PageExtent> page_extents() const {
    return {reinterpret_cast<const PageExtent*>(this + 1), extent_count};
  }
  [[nodiscard]] ExtentList extents() const;
  [[nodiscard]] std::span<uint64_t> sums() {
    return {reinterpret_cast<uint64_t*>(page_extents().data() + extent_count), blocks_for(bytes)};
  }
  [[nodiscard]] std::span<const uint64_t> sums() const {
    return {reinterpret_cast<const uint64_t*>(page_extents().data() + extent_count),
            blocks_for(bytes)};
  }

  /// The memory of this page, about: the entry, and the policy's memory of an evicted entry.
  [[nodiscard]] size_t memory_bytes() const;

  [[nodiscard]] BlockIdentity identity(uint64_t store_id, uint64_t block) const {
    return BlockIdentity{store_id, object->id, at.code(), generation, block};
  }

  static constexpr uint64_t kNoJournalBlock = UINT64_MAX;

  DiskObject* object = nullptr;
  uint64_t generation = 0;
  int64_t cached_at = 0;
  uint64_t journal_block =
      kNoJournalBlock;                 // the block of its record; kNoJournalBlock: not on disk
  DiskEntry* next_page = nullptr;      // of the object
  DiskEntry* previous_page = nullptr;  // of the object
  DiskEntry* next_in_table = nullptr;
  boost::intrusive::list_member_hook<> hook;  // the policy's; while a store is opened: of all pages
  PageAt at;
  uint32_t holders = 0;  // reads and writes that run; keeps the space
  uint32_t bytes : 25 = 0;
  uint32_t extent_count : 5 = 0;
  uint32_t keep : 1 = 0;  // PinRules name the object
  uint32_t kept : 1 = 0;  // no eviction takes the entry
  uint16_t record_bytes : 15 = 0;
  uint16_t listed : 1 = 0;  // in the index; find() returns the entry if its object is current
  uint8_t queue = 0;        // the policy's
  uint8_t uses = 0;         // a UseCount, for the policy

 private:
  DiskEntry() = default;
  ~DiskEntry() = default;
};

/// A page and the object that its record tells of. The entry does not point to the object yet.
struct RestoredPage {
  /// From a record that was read from that block of the journal. `keep`: see DiskEntry.
  RestoredPage(const PageRecord& record, uint64_t journal_block, bool keep = false);

  DiskEntry::Owned entry;
  std::unique_ptr<DiskObject> object;
  uint64_t attributes = 0;  // RecordedAnswer::attributes
};

}  // namespace cachey::store
