#pragma once

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/throughput.h"
#include "cache/disk_bypass.h"
#include "cache/may_have.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "origin/read/object_read.h"
#include "rt/worker.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// The duty to end the load of a piece, so that its readers never wait in vain. If it is destroyed
/// before end(), an exception has ended the load: the piece is not given. Any thread.
class PieceLoad {
 public:
  PieceLoad(PageTable& table, store::MemoryTier& memory, PagePtr page, PiecePtr piece)
      : table_(&table), memory_(&memory), page_(std::move(page)), piece_(std::move(piece)) {}
  PieceLoad(PieceLoad&&) noexcept = default;
  PieceLoad& operator=(PieceLoad&&) = delete;
  ~PieceLoad() { end(Piece::State::kNotGiven); }

  [[nodiscard]] const Page& page() const { return *page_; }
  [[nodiscard]] const PiecePtr& piece() const { return piece_; }

  /// The first call decides. REQUIRES for kLoaded: the piece's memory is published.
  void end(Piece::State state);

 private:
  PageTable* table_;
  store::MemoryTier* memory_;
  PagePtr page_;  // null: ended, or moved away
  PiecePtr piece_;
};

/// Loads pieces of pages from the disk as readers need them. A load is a task of the worker that
/// started it and outlives the request that asked for it. A load that fails affects only the
/// readers that wait for its piece. If the disk does not give the bytes, the page leaves the table,
/// too, so that these readers get a new page, from the origin. Owned by the cache. Any thread; a
/// `worker` passed in is the calling thread's own.
class DiskReads {
 public:
  /// A page that was found on the disk; keeps its space there. Null: none.
  using Found = std::shared_ptr<const store::DiskPageRef>;

  /// What reads that the store answers need, because the disk is slow.
  struct Bypass {
    bool is_on = true;
    const origin::ReadContext& origin;
    Throughput& ingress;
    const Clock& clock;
  };

  /// `disk`: null if there is no disk tier.
  DiskReads(store::DiskTier* disk, store::MemoryTier& memory, PageTable& table,
            const MayHave& may_have, const Bypass& bypass);

  /// Looks on the disk for a page that find_or_create made. Not null: the disk has the page in the
  /// object's current version; its phase is now kOnDisk, and it needs no fill. If the page is of a
  /// bucket that its kind may not have, the object's pages from there leave the disk. Null: the
  /// table learns the version of the object's other pages on the disk, if it knows none. `use`: how
  /// the look-up counts for the disk's eviction.
  [[nodiscard]] Found adopt_from_disk(rt::Worker& worker, Page& page,
                                      store::DiskUse use = store::DiskUse::kUse);

  /// The disk has the page in some version.
  [[nodiscard]] bool has(rt::Worker& worker, const FetchSpec& spec, uint32_t index);
  struct FoundPart {
    Found part;                ///< with the first wanted byte; null: the disk has none
    uint64_t missing_end = 0;  ///< before the next part that is no island; at most the wanted end
    uint64_t purges = 0;       ///< PageTable::purges() before the search
  };
  /// The part on the disk that has the first byte of `wanted`, which is in one page of the object.
  [[nodiscard]] FoundPart find_part(rt::Worker& worker, const FetchSpec& spec, ByteRange wanted);
  /// Turns a pending page of the table into a page on disk. False: the page found does not fit, or
  /// a purge may have removed it since the search. `purges`: PageTable::purges() before the search.
  [[nodiscard]] bool adopt(Page& page, const store::DiskPageRef& found, uint64_t purges);
  /// The disk lacks the page, but may have others of the object: the table learns their version, if
  /// the table knows none.
  void learn_version(rt::Worker& worker, const Page& page);
  /// The version of the object's pages on the disk, from a bucket that the kind may have. Pages
  /// from other buckets leave the disk. Null: none. No I/O.
  [[nodiscard]] ObjectSourcePtr version_of(rt::Worker& worker, KeyView key);
  /// The versions of all such buckets.
  [[nodiscard]] std::vector<ObjectSourcePtr> versions_of(rt::Worker& worker, KeyView key);
  /// The size of the object, if the disk has this page and the table's version and the kind's
  /// buckets allow the page. Else nothing. No I/O, and no use of the page.
  [[nodiscard]] std::optional<uint64_t> object_size_if_here(rt::Worker& worker,
                                                            const FetchSpec& spec, uint32_t index);

  struct Load {
    PiecePtr piece;       ///< of the first wanted byte; null: the page is not on disk
    bool joined = false;  ///< the piece was loading, or loaded, before
  };
  /// Starts loading the bytes of `wanted` that are neither in memory nor being loaded, and by
  /// `ahead` more bytes. `found`: what adopt_from_disk() returned for the page; null: looks again.
  Load start(rt::Worker& worker, const PagePtr& page, ByteRange wanted, LoadAhead ahead,
             const FetchSpecPtr& spec, Found found);

  [[nodiscard]] DiskBypass& bypass() { return bypass_; }

  /// The page was used in memory at `now`: counts as a use for the disk's eviction, too.
  void note_use(Page& page, MonoTime now);

 private:
  [[nodiscard]] Found find(rt::Worker& worker, const Page& page, store::DiskUse use);
  [[nodiscard]] bool is_allowed(rt::Worker& worker, KeyView key, const store::DiskPageRef& found);
  [[nodiscard]] rt::Task<void> load(rt::Worker& worker, PieceLoad one, Found found,
                                    FetchSpecPtr spec);
  [[nodiscard]] rt::Task<Piece::State> read_piece(rt::Worker& worker, PieceLoad& one, Found found,
                                                  FetchSpecPtr spec);
  // disk_reads_bypass.cc
  [[nodiscard]] rt::Task<store::DiskRead> read_disk(rt::Worker& worker, Found found,
                                                    ByteRange range, store::DiskPageMemory into);
  [[nodiscard]] rt::Task<bool> read_store(rt::Worker& worker, const Page& page, ByteRange range,
                                          const std::vector<iovec>& into, const FetchSpec& spec,
                                          std::chrono::milliseconds limit);
  [[nodiscard]] rt::Task<bool> bypass_disk(rt::Worker& worker, const Page& page, ByteRange range,
                                           const std::vector<iovec>& into, Found found,
                                           const FetchSpec& spec);
  [[nodiscard]] rt::Task<void> probe_disk(rt::Worker& worker, Found found, ByteRange range);

  store::DiskTier* const disk_;
  store::MemoryTier& memory_;
  PageTable& table_;
  const MayHave& may_have_;
  const origin::ReadContext origin_;
  Throughput& ingress_;
  const Clock& clock_;
  DiskBypass bypass_;
};

}  // namespace cachey::cache
