#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "cache/condition.h"
#include "cache/disk_reads.h"
#include "cache/disk_writes.h"
#include "cache/fill.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "cache/retry_rule.h"
#include "cache/warm_pace.h"
#include "rt/worker.h"
#include "store/admission.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// What Warms works with. All outlive it.
struct WarmParts {
  PageTable& table;
  Fills& fills;
  DiskReads& disk_reads;
  DiskWrites& disk_writes;
  store::MemoryTier& memory;
  CacheMetrics& metrics;
  const Clock& clock;
};

struct WarmRequest {
  FetchSpecPtr spec;
  ByteRange range;                       ///< not empty; may reach past the object's end
  std::string client;                    ///< has a share of its own; empty: unknown, as all such
  const Condition* condition = nullptr;  ///< null: none; outlives the request
};

/// The result of a warm request.
struct Warmed {
  ObjectSourcePtr source;   ///< the version of the first page
  bool may_refuse = false;  ///< that version refuses the request, so that no more was fetched
  uint64_t pages = 0;       ///< of the range, cut at the object's end
  uint64_t fetched = 0;     ///< the pages that were not there
  uint64_t bytes = 0;       ///< of the pages that were not there
};

/// Brings pages into the cache for later readers (`warm=1`). Because of a warm request, no present
/// reader waits for memory or a turn:
///
/// - Its fills are speculation at the origin's gate, and take memory only if it is free at once
///   (Fills::try_reserve). After kPatience without memory the request is shed: kOverloaded. A
///   reader that joins such a fill makes it demand. While clients read, fills begin at a rate that
///   they hardly notice (WarmRate).
/// - All warm requests together have at most kPagesMax pages under way, and 1 / kMemoryShare of the
///   memory, or one page. Clients share both (store::Admissions); a request has at most
///   kPagesOfRequest. Requests that wait for a place are bounded, too.
/// - With a disk that takes pages, a page is written before it counts as warm. Then the page leaves
///   memory, if more than kFreeShare of the memory is used.
/// - Without a disk, a page stays in memory as a cold one (Evictable::cold). The page may take free
///   memory, up to kFreeShare. Past that, all warm pages that nobody has read, with those under
///   way, must fit into kUnreadShare; else kNoRoom. So a warm page that was reported is not evicted
///   by another warm page.
///
/// The request ends with its deadline, or when its client leaves; the pages under way go on. Owned
/// by the cache. Any thread; a `worker` passed in is the calling thread's own.
class Warms {
 public:
  static constexpr uint32_t kRangePagesMax = 64;  ///< of one request
  static constexpr uint32_t kPagesOfRequest = 16;
  static constexpr uint64_t kPagesMax = 32;
  static constexpr uint64_t kMemoryShare = 8;
  static constexpr uint64_t kUnreadShare = 10;  ///< as the small queue of S3-FIFO
  static constexpr size_t kWaitingMax = 4096;   ///< pages that wait for a place
  static constexpr std::chrono::milliseconds kPatience{1000};
  static constexpr std::chrono::milliseconds kPlaceTimeout{10'000};

  explicit Warms(const WarmParts& parts);

  /// Success: all pages of the range are whole in memory or on the disk, or Warmed::may_refuse.
  /// Errors: those of a fill; kTimeout and kCancelled, if `until` ended the wait; kOverloaded:
  /// shed; kNoRoom; kChanged: the object has changed meanwhile; kNotCached: only cached pages are
  /// wanted; kBadRequest: more than kRangePagesMax pages. REQUIRES: the spec's wishes are not
  /// own_buckets.
  [[nodiscard]] rt::Task<Result<Warmed>> warm(rt::Worker& worker, WarmRequest request,
                                              rt::Until until);

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  struct Following;
  class Promise;
  enum class Kept : uint8_t { kYes, kNoRoom, kGone };

  [[nodiscard]] rt::Task<Result<Warmed>> run(rt::Worker& worker, const WarmRequest& request,
                                             const JobPtr& job, std::stop_token client_left);
  [[nodiscard]] rt::Task<Result<void>> wait_for_change(Job& job, const std::stop_token& left) const;
  [[nodiscard]] bool are_all_here(rt::Worker& worker, const Job& job, ByteRange range);

  [[nodiscard]] rt::Task<void> run_page(rt::Worker& worker, JobPtr job, uint32_t index);
  [[nodiscard]] rt::Task<Result<void>> warm_page(rt::Worker& worker, Job& job, uint32_t index);
  [[nodiscard]] ObjectSourcePtr find_here(rt::Worker& worker, const Job& job, uint32_t index);
  [[nodiscard]] rt::Task<Result<FillMemory>> take_memory(rt::Worker& worker, const Job& job,
                                                         uint32_t index,
                                                         std::optional<Promise>& promise);
  [[nodiscard]] PagePtr start_fill(rt::Worker& worker, const Job& job, uint32_t index,
                                   FillMemory memory, PageRole& role);
  [[nodiscard]] rt::Task<Result<Kept>> follow(rt::Worker& worker, Job& job, Following& following);
  [[nodiscard]] bool may_ask_again(const Job& job, const Following& following) const;
  [[nodiscard]] rt::Task<Kept> keep(rt::Worker& worker, PagePtr page,
                                    std::optional<PageReading>& reading);
  void drop_unread(Page& page);
  [[nodiscard]] uint64_t bytes_of(const Job& job, uint32_t index) const;
  [[nodiscard]] uint64_t weight_of(uint64_t bytes) const;
  [[nodiscard]] uint64_t places_limit() const;
  [[nodiscard]] bool is_memory_free() const;
  [[nodiscard]] bool has_unread_share(uint64_t bytes) const;
  [[nodiscard]] bool may_keep() const;

  const WarmParts parts_;
  store::Admissions places_;
  WarmPace pace_;
  std::atomic<uint64_t> promised_{0};  // bytes of the pages under way
  std::atomic<uint64_t> coming_{0};    // bytes of those without memory yet
};

}  // namespace cachey::cache
