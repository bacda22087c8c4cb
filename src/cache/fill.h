#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "cache/absences.h"
#include "cache/cache_metrics.h"
#include "cache/disk_writes.h"
#include "cache/may_have.h"
#include "cache/page.h"
#include "cache/page_table.h"
#include "origin/read/object_read.h"

namespace cachey::cache {

struct FillConfig {
  /// If the first wanted byte is further into the page than this, the fill begins at that byte and
  /// fetches the bytes before it in a second request. 0: never.
  uint64_t split_after = kMiB;
  /// The number of ranges of a page that are fetched side by side, unless the request sets a
  /// number.
  uint32_t parts = 1;
  /// Pages fetched ahead of a client that reads page after page. 0: none.
  uint32_t read_ahead_pages = 0;
  /// The memory of Heads. 0: no heads are kept, and the pages of an object stay when the store says
  /// that it no longer has the object.
  uint64_t heads_bytes_max = 0;
  /// While the disk is slower than the store, the store answers reads of pages on disk.
  bool disk_bypass = true;
  /// The TTL of a 404 (see Absences). 0: not remembered.
  std::chrono::milliseconds negative_ttl{0};
};

/// The memory that a fill begins with.
struct FillMemory {
  store::Admission start;  ///< for the fill itself
  store::Admission body;   ///< for its page
};

/// Fetches pages from the origin. A fill is a task of the worker that started it and outlives the
/// request that asked for it. It ends with a whole, published page, or with a failed page that has
/// left the table, also if an exception ends it. Owned by the cache. Any thread.
///
/// A fill waits for three things, always in this order: admission of kStartBytes; its bucket's turn
/// at the gate; and, when the answer's head has told the size, admission of the page's bytes.
/// During the third wait requests that have memory may use the fill's place at the gate.
class Fills {
 public:
  /// How long the bucket of a contested version may take to say whether it still has that version.
  static constexpr std::chrono::seconds kAskedAgainMax{2};

  Fills(FillConfig config, const origin::ReadContext& origin, store::MemoryTier& memory,
        PageTable& table, DiskWrites& disk, CacheMetrics& metrics, const Clock& clock,
        const MayHave& may_have)
      : config_(config),
        origin_(origin),
        memory_(memory),
        table_(table),
        disk_(disk),
        metrics_(metrics),
        clock_(clock),
        may_have_(may_have),
        absences_(config.negative_ttl, clock, metrics.absence_hits) {}

  /// The order of a fill whose first wanted byte is at `offset` of its page.
  [[nodiscard]] FillOrder order_for(uint64_t offset) const {
    const bool splits = config_.split_after != 0 && offset > config_.split_after;
    return splits ? FillOrder::kFromWanted : FillOrder::kFromBegin;
  }

  /// The object's size, as the table knows it, else as the request says it (C0-Object-Size).
  /// Nothing: not known.
  [[nodiscard]] std::optional<uint64_t> object_size(const FetchSpec& spec) const;

  /// The store's answer that it does not have the object, if it said so within `negative_ttl`.
  [[nodiscard]] std::optional<Absence> known_absence(const FetchSpec& spec) {
    return absences_.find(spec);
  }

  void forget_absences(const KeyScope& scope) { absences_.forget(scope); }

  /// These buckets, in the order in which a read would ask them now.
  [[nodiscard]] std::vector<std::string> by_health(std::span<const std::string> buckets) const;

  /// The memory for a fill that no request waits for. Nothing: there is no room for it now.
  /// `wanted`: of the object.
  [[nodiscard]] std::optional<FillMemory> try_reserve(const FetchSpec& spec, ByteRange wanted);

  /// A reader waits for the byte at `offset` of the page: the part with it is demand from now on.
  void want(Page& page, uint64_t offset);

  /// Starts the fill of a page that find_or_create made. `wanted`: by the request, in the page.
  /// `memory`: nothing if the fill must wait for its memory. The worker's thread.
  void start(rt::Worker& worker, PagePtr page, FetchSpecPtr spec, ByteRange wanted,
             std::optional<FillMemory> memory);

  /// Starts a look, for a page that PageTable::look made: one HeadObject without a condition,
  /// otherwise like a fill. The answer tells the version that the store has now. The table and the
  /// disk drop the pages that this version replaces, or all pages if no bucket has the object. The
  /// look's page ends with a head, or fails. `wanted`: the byte of the object that the caller
  /// wants, if any. An object that ends before this byte is accepted only if no other bucket has a
  /// longer one.
  void look(rt::Worker& worker, PagePtr page, FetchSpecPtr spec, std::optional<uint64_t> wanted);

  /// Starts a fetch of the object's last bytes, in one request, for a page that PageTable::tail
  /// made. The answer tells the size, and so the pages and parts of pages that have these bytes.
  /// The fetch makes these pages and parts. Once they have their heads, the page of the fetch ends
  /// with a head, too; else it fails. A store that answers with other bytes is kUpstream with
  /// kUnusableAnswer; an empty object is kRangeNotSatisfiable.
  void tail(rt::Worker& worker, PagePtr page, FetchSpecPtr spec);

  /// The longest time that a request with limits of its own waits for a head: its `ot`, or what all
  /// attempts at its buckets may take, and kQueueTimeMax. Nothing: the request has no limits.
  [[nodiscard]] std::optional<std::chrono::milliseconds> time_to_head(const FetchSpec& spec) const;

 private:
  /// A request may have this many parts, however little of the page the request wants.
  static constexpr uint64_t kPartsForAny = 4;
  /// The waits of a fill for memory and for its turn, as far as a request's limits allow for these.
  static constexpr std::chrono::seconds kQueueTimeMax{15};

  struct Filling;
  [[nodiscard]] uint64_t bytes_needed(const FetchSpec& spec, ByteRange wanted) const;
  [[nodiscard]] rt::Task<void> run(rt::Worker& worker, PagePtr page, FetchSpecPtr spec,
                                   ByteRange wanted, std::optional<FillMemory> memory,
                                   origin::Ask ask = origin::Ask::kRange);
  [[nodiscard]] Result<void> check_buckets(const FetchSpec& spec) const;
  void fill_failed(Page& page, const FetchSpec& spec, Error error);
  [[nodiscard]] rt::Task<Result<void>> fill(Filling& filling);
  [[nodiscard]] uint32_t parts_for(const FetchSpec& spec, ByteRange wanted) const;
  [[nodiscard]] static bool take_servers_limits(Filling& filling, const Error& failure);
  [[nodiscard]] store::Admissions::Account account_of(const FetchSpec& spec) const;
  [[nodiscard]] std::chrono::nanoseconds patience_of(const Filling& filling) const;
  [[nodiscard]] Result<void> look_ahead(const Filling& filling);
  [[nodiscard]] rt::Task<Result<void>> admit_start(Filling& filling);
  [[nodiscard]] rt::Task<Result<void>> admit_body(Filling& filling, std::string bucket,
                                                  uint64_t bytes);
  [[nodiscard]] rt::Task<Result<void>> first_part(Filling& filling);
  [[nodiscard]] rt::Task<Result<void>> take_head(Filling& filling, origin::ObjectRead& read);
  [[nodiscard]] rt::Task<Result<void>> take_memory(Filling& filling, ObjectSourcePtr source);
  void find_parts(Filling& filling);
  static void forget_parts(Filling& filling);
  [[nodiscard]] static ObjectSourcePtr other_source_of(const Filling& filling,
                                                       std::string_view bucket);
  [[nodiscard]] rt::Task<Result<void>> take_parts_head(Filling& filling);
  [[nodiscard]] Result<ObjectSourcePtr> observe_answer(Filling& filling,
                                                       const origin::ObjectRead& read);
  [[nodiscard]] bool explains_absence(const Filling& filling) const;
  [[nodiscard]] Result<void> take_look(Filling& filling, const origin::ObjectRead& read);
  [[nodiscard]] rt::Task<Result<void>> take_tail(Filling& filling, origin::ObjectRead& read);
  void take_failure(const Filling& filling, const Error& failure, MonoTime asked_at);
  void take_absence(const Filling& filling, const Error& failure);
  void take_ends(Filling& filling, const origin::ObjectRead& read);
  [[nodiscard]] rt::Task<Result<void>> try_first_part(Filling& filling);
  [[nodiscard]] rt::Task<bool> is_version_gone(rt::Worker& worker, const FetchSpec& spec,
                                               ObjectSourcePtr version);
  void forget(rt::Worker& worker, KeyView key, const ObjectSource& gone);
  void start_others(Filling& filling);
  [[nodiscard]] rt::Task<void> read_rest(Filling& filling);
  class Running;
  class TailBody;
  [[nodiscard]] rt::Task<void> other_part(Filling& filling, Running running);
  [[nodiscard]] rt::Task<void> read_parts(Filling& filling);
  [[nodiscard]] rt::Task<void> copy_parts(Filling& filling, Running running);
  [[nodiscard]] rt::Task<void> copy_part(Filling& filling, PagePtr part);
  [[nodiscard]] rt::Task<Result<void>> read_part(Filling& filling, ByteRange range);

  const FillConfig config_;
  const origin::ReadContext origin_;
  store::MemoryTier& memory_;
  PageTable& table_;
  DiskWrites& disk_;
  CacheMetrics& metrics_;
  const Clock& clock_;
  const MayHave& may_have_;
  Absences absences_;
};

}  // namespace cachey::cache
