#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/units.h"
#include "cache/page.h"
#include "rt/worker.h"

namespace cachey::cache {

/// The small pages that one worker hits many times in a row. A hit through an entry writes to no
/// memory that other workers write to, so that many workers serve one object as quickly as many
/// objects. (An ordinary hit takes the lock of the table's shard, and counts references, readers
/// and pins of the page.)
///
/// An entry holds one reader, one reference and one pin of its page, for all readers of the worker.
/// A pin ends when the page has not been hit for kPinnedFor, so at most kEntries * kBytesMax bytes
/// a worker are pinned. A page that has left the table is not found here either. Owned by the
/// cache. The worker's thread only. The destructor's caller is that thread, or that thread has
/// ended.
class HotPages {
 public:
  static constexpr size_t kEntries = 8;
  static constexpr uint64_t kBytesMax = 64 * kKiB;  ///< larger pages have no entry
  /// Two hits within this time make an entry.
  static constexpr std::chrono::milliseconds kHotWithin{1};
  /// Between one and two times this long after its last hit an entry ends.
  static constexpr std::chrono::milliseconds kPinnedFor{20};

  class Entry {
   public:
    /// Null: the entry has no page.
    [[nodiscard]] Page* page() const { return page_.get(); }
    /// The entry's pin holds; else a reader pins for itself. Constant between two suspensions.
    [[nodiscard]] bool pinned() const { return pinned_; }

   private:
    friend class HotPages;
    uint64_t hash_ = 0;     // of the page, or of the page that was seen last
    MonoTime seen_at_{};    // for an entry without a page
    PagePtr page_;          // with a reader, see Evictable::reading_began()
    uint32_t readers_ = 0;  // of the worker
    bool pinned_ = false;
    bool hit_ = false;  // since the last look()
  };

  explicit HotPages(rt::Worker& worker) : worker_(worker) {}
  ~HotPages();
  HotPages(const HotPages&) = delete;
  HotPages& operator=(const HotPages&) = delete;

  /// The entry of a page, which is whole and pinned; null: look in the table. `key_hash`: the hash
  /// of `key`. The caller calls begin_reading() at once, or nothing.
  [[nodiscard]] Entry* find(KeyView key, uint64_t key_hash, uint32_t index);

  /// A hit found the whole page in the table at `now`.
  void note(Page& page, uint64_t key_hash, MonoTime now);

  void begin_reading(Entry& entry) { ++entry.readers_; }
  void end_reading(Entry& entry);

  /// The entries that have a page.
  [[nodiscard]] size_t size() const;

 private:
  [[nodiscard]] Entry& entry_of(uint64_t hash) { return entries_[hash % kEntries]; }
  void look();
  static void unpin(Entry& entry);
  static void forget(Entry& entry);

  rt::Worker& worker_;
  std::array<Entry, kEntries> entries_;
  rt::TimerWheel::Entry timer_{[this] { look(); }};  // armed while an entry is pinned
};

}  // namespace cachey::cache
