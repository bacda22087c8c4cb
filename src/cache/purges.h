#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/key_scope.h"
#include "cache/fill.h"
#include "cache/heads.h"
#include "cache/page_table.h"
#include "cache/walk_turn.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"

namespace cachey::cache {

/// What a purge has removed.
struct Purged {
  uint64_t pages = 0;   ///< pages and parts, in memory or on the disk, each once
  uint64_t bytes = 0;   ///< of the pages and parts
  uint64_t fenced = 0;  ///< fills, looks and tails under way; their results are not kept
};

/// Removes objects from memory and from the disk. After a purge that ended well, a later request
/// gets only bytes of the objects that were asked of the store after the purge began. The same
/// holds for facts about the objects in answers.
///
/// The fence is the page table: a fill, a look or a tail keeps nothing once its page has left the
/// table. The fill goes on for the requests that wait for its bytes. So a purge leaves no rule
/// behind that later requests would have to check. The steps, for the object or for each object of
/// the table:
/// 1. its pages, looks and tails leave the table;
/// 2. its pages leave the disk, durably;
/// 3. its pages leave the table again: a request may have found one on the disk meanwhile;
/// 4. its head and its absence are forgotten.
///
/// Walks hold each mutex for a few objects at a time. Owned by Cache. Any thread, but a worker that
/// is passed in must be the calling thread's own.
class Purges {
 public:
  /// Purges of one object at a time, and as many soft ones.
  static constexpr int kObjectsAtOnce = 32;

  /// `disk`: null if there is no disk tier.
  Purges(PageTable& table, Heads& heads, Fills& fills, store::DiskTier* disk)
      : table_(table), heads_(heads), fills_(fills), disk_(disk) {}

  /// The right to purge.
  using Turn = WalkTurn;
  /// Nothing: another walk runs, or kObjectsAtOnce purges of an object.
  [[nodiscard]] std::optional<Turn> begin(const KeyScope& scope);
  /// The same for a soft purge, which may wait long for the store: the places of soft purges are
  /// their own. Nothing: kObjectsAtOnce of them run.
  [[nodiscard]] std::optional<Turn> begin_soft() { return WalkTurn::take(soft_, kObjectsAtOnce); }

  /// Errors: kInternal: the purge holds for memory, but not for the disk; see DiskTier::purge().
  /// kCancelled: the server is shutting down. A failed purge may be repeated.
  [[nodiscard]] rt::Task<Result<Purged>> purge(rt::Worker& worker, KeyScope scope, Turn turn);

  /// The fence of a soft purge: fetches that may bring bytes of a bucket without a known version
  /// keep nothing. These are looks, tails, and fills before their answer's head or of several
  /// buckets. Returns the numbers of the object's pages and bytes in the cache, and of the fetches
  /// that were fenced.
  [[nodiscard]] rt::Task<Purged> fence_unknown(rt::Worker& worker, const ObjectKey& key);

  /// Takes all pages out of memory, and forgets heads and absences. The disk keeps its pages. A
  /// fill under way feeds its readers, and is not kept. False: the server is shutting down.
  /// REQUIRES: `turn` is of KeyScope::all().
  [[nodiscard]] rt::Task<bool> empty_memory(rt::Worker& worker, Turn turn);

  /// Purges that run end soon.
  void stop() { is_over_.store(true); }

 private:
  [[nodiscard]] rt::Task<void> take_pages(rt::Worker& worker, const KeyScope& scope,
                                          Purged& purged);
  [[nodiscard]] rt::Task<void> discard(rt::Worker& worker, std::vector<PagePtr> pages,
                                       Purged& purged);
  [[nodiscard]] rt::Task<void> drop_heads(rt::Worker& worker, const KeyScope& scope);
  void count(const Page& page, Purged& purged) const;

  PageTable& table_;
  Heads& heads_;
  Fills& fills_;
  store::DiskTier* const disk_;
  std::atomic<bool> is_over_{false};
  std::atomic<int> walks_{0};
  std::atomic<int> objects_{0};
  std::atomic<int> soft_{0};
};

}  // namespace cachey::cache
