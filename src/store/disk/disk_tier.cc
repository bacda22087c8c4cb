#include "store/disk/disk_tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/size_text.h"
#include "store/disk/io_parts.h"
#include "store/disk/recovery.h"
#include "store/disk/superblock.h"

namespace cachey::store {
namespace {

constexpr uint64_t kSegmentBytesMin = 256 * kKiB;
constexpr uint64_t kSegmentBytesMax = kPageBytes;
constexpr std::chrono::milliseconds kFlushPoll{10};
constexpr std::chrono::seconds kProgressEvery{1};
constexpr uint64_t kSegmentShare = 1024;  // a segment has 1 / kSegmentShare of the capacity

CatalogLimits limits_of(const Superblock& superblock, const DiskTierConfig& config) {
  return CatalogLimits{units_for(kDataOffset),
                       static_cast<uint32_t>(superblock.capacity / kUnitBytes),
                       config.index_bytes_max};
}

Superblock fresh_superblock(uint64_t capacity, const Clock& clock, Random& random) {
  Superblock superblock;
  superblock.sequence = 1;
  superblock.store_id = random.bits();
  superblock.capacity = capacity;
  superblock.created_at = clock.unix_seconds();
  superblock.segment_units = static_cast<uint32_t>(
      std::clamp(std::bit_floor(capacity / kSegmentShare), kSegmentBytesMin, kSegmentBytesMax) /
      kUnitBytes);
  return superblock;
}

/// An error: the store on the device cannot be used, and why.
Result<void> check_usable(const ParsedSuperblock& parsed, uint64_t device_bytes) {
  switch (parsed.state) {
    case SuperblockState::kBlank:
      return {};
    case SuperblockState::kForeign:
      return fail(ErrorKind::kBadRequest,
                  "it holds something that is no cache of ours; --disk-wipe overwrites it");
    case SuperblockState::kOtherVersion:
      return fail(
          ErrorKind::kDamaged,
          fmt::format("its format is version {}, this program's is {}; --disk-wipe starts anew",
                      parsed.version, kDiskFormatVersion));
    case SuperblockState::kDamaged:
      return fail(ErrorKind::kDamaged, "its superblock is damaged; --disk-wipe starts anew");
    case SuperblockState::kValid:
      if (parsed.superblock.capacity <= device_bytes) return {};
      return fail(ErrorKind::kBadRequest,
                  fmt::format("it was made with a capacity of {}, not {}; --disk-wipe starts anew",
                              format_size(parsed.superblock.capacity), format_size(device_bytes)));
  }
  return {};
}

}  // namespace

std::string_view to_string(DiskDrop cause) {
  switch (cause) {
    case DiskDrop::kOpening:
      return "opening";
    case DiskDrop::kOffline:
      return "offline";
    case DiskDrop::kQueueFull:
      return "queue_full";
    case DiskDrop::kNoSpace:
      return "no_space";
    case DiskDrop::kTooLong:
      return "too_long";
    case DiskDrop::kWriteError:
      return "write_error";
    case DiskDrop::kStale:
      return "stale";
    case DiskDrop::kJournalFull:
      return "journal_full";
  }
  return "unknown";
}

DiskTier::DiskTier(DiskTierConfig config, const Clock& clock)
    : config_(std::move(config)), clock_(clock) {}

Result<std::unique_ptr<DiskTier>> DiskTier::open(BlockDevice& device, DiskTierConfig config,
                                                 Start start, const Clock& clock, Random& random) {
  auto tier = std::make_unique<DiskTier>(std::move(config), clock);
  if (Result<void> attached = tier->attach(device, start, random); !attached) {
    return std::unexpected(std::move(attached.error()));
  }
  return tier;
}

Result<void> DiskTier::attach(BlockDevice& device, Start start, Random& random) {
  const uint64_t size = device.size() / kUnitBytes * kUnitBytes;
  CHECK(size > kDataOffset && device_ == nullptr);
  Result<ParsedSuperblock> parsed = read_superblock(device);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  const bool fresh = start == Start::kWipe || parsed->state == SuperblockState::kBlank;
  if (!fresh) {
    if (Result<void> usable = check_usable(*parsed, size); !usable) return usable;
  }
  const uint32_t copy = parsed->copy;
  Superblock superblock =
      fresh ? fresh_superblock(size, clock_, random) : std::move(parsed->superblock);
  if (fresh || superblock.capacity < size) {  // new, or grown
    superblock.capacity = size;
    ++superblock.sequence;
    if (const IoStatus written = store::write_superblock(device, superblock, 1 - copy);
        !written.ok()) {
      return fail(ErrorKind::kInternal, "its superblock cannot be written");
    }
  }
  device_ = &device;
  store_id_ = superblock.store_id;
  life_ = random.bits();
  capacity_ = superblock.capacity;
  {
    const MutexLock lock(mutex_);
    journal_.emplace(StoreLife{store_id_, life_}, superblock.segment_units,
                     config_.journal_pending_bytes);
    catalog_.emplace(limits_of(superblock, config_), *journal_);
    journal_task_.emplace(
        JournalParts{device, clock_, stats_, health_, mutex_, *journal_, *catalog_,
                     [this] { failed(); }, [this] { take_offline(); }, [this] { charge(); }},
        JournalTimes{config_.journal_delay, config_.journal_retry, config_.journal_deadline},
        SuperblockWriter::Opened{std::move(superblock), copy});
  }
  charge();
  return {};
}

DiskTier::~DiskTier() {
  config_.charge(-charged_.load());
  const MutexLock lock(mutex_);
  CHECK(queue_.empty());
}

void DiskTier::recover() {
  const MonoTime began = clock_.mono();
  size_t left_out = 0;
  {
    const MutexLock lock(mutex_);
    CHECK(!recovered_.load());
    const ReplayReport report =
        restore_catalog(*device_, journal_task_->superblock().current(), *catalog_);
    left_out = report.overlapping_pages;
    journal_->restore_segments(report.segments, report.clean_before);
    begin_life(report);
    DiskStats::add(stats_.recovered_pages, catalog_->pages());
    DiskStats::add(stats_.recovered_damaged, report.damaged_blocks);
    DiskStats::add(stats_.recovered_unreadable, report.unreadable_blocks);
    const MutexLock opening(opening_mutex_);
    supersede_noted();
    recovered_.store(true, std::memory_order_release);
  }
  charge();
  const DiskUsage used = usage();
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.mono() - began).count();
  log::info("disk index read", {{"pages", used.pages},
                                {"bytes", used.payload_bytes},
                                {"capacity", used.capacity},
                                {"milliseconds", took},
                                {"damaged_blocks", stats_.recovered_damaged.load()},
                                {"unreadable_blocks", stats_.recovered_unreadable.load()},
                                {"overlapping", left_out}});
  if (used.space_memory_bytes > config_.index_bytes_max / 2) {
    log::warn("the disk is large for this memory: tables of free space leave little to pages",
              {{"tables", used.space_memory_bytes}, {"index", config_.index_bytes_max}});
  }
}

/// The life's generations are above those of all lives before. What could not be read is cut off on
/// the device at once, since the read may succeed next time; else the first record is early enough.
void DiskTier::begin_life(const ReplayReport& report) {
  const uint64_t seen = catalog_->last_generation() >> kGenerationCountBits;
  const uint64_t opening = std::max(journal_task_->superblock().current().openings, seen) + 1;
  journal_task_->superblock().set_openings(opening);
  catalog_->start_generations(first_generation(opening, life_));
  if (report.unreadable_blocks == 0) return;
  if (!journal_task_->superblock().write_now(report.segments).ok()) {
    log::error("disk: what cannot be read of the journal cannot be cut off either");
  }
}

DiskPageRef::~DiskPageRef() {
  if (tier_ != nullptr) tier_->release(*entry_);
}

void DiskTier::release(DiskEntry& entry) {
  const MutexLock lock(mutex_);
  catalog_->release(entry);
}

std::optional<DiskPageRef> DiskTier::find(rt::Worker& worker, std::string_view kind,
                                          std::string_view object, uint32_t page, DiskUse use) {
  if (!usable(worker)) return std::nullopt;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(mutex_);
  DiskEntry* entry = catalog_->find(id, page);
  if (entry == nullptr) return std::nullopt;
  if (use == DiskUse::kUse) Catalog::touch(*entry);
  catalog_->hold(*entry);
  return DiskPageRef(*this, *entry);
}

void DiskTier::touch(std::string_view kind, std::string_view object, uint32_t page) {
  if (!recovered_.load(std::memory_order_acquire)) return;
  const ObjectId id = object_id(kind, object);
  const MutexLock lock(mutex_);
  if (DiskEntry* entry = catalog_->find(id, page)) Catalog::touch(*entry);
}

/// The page cannot be read: removes it from the index.
void DiskTier::forget(DiskEntry& entry) {
  const MutexLock lock(mutex_);
  if (entry.listed != 0) catalog_->remove(entry);
}

void DiskTier::supersede(const ObjectId& object, const ObjectInfo* keep) {
  catalog_->supersede(object, keep);
  supersede_writes(object, keep);
}

void DiskTier::supersede_now(rt::Worker& worker, std::string_view kind, std::string_view object,
                             const ObjectInfo* keep) {
  const ObjectId id = object_id(kind, object);
  if (note_while_opening(id, keep)) return;
  bool any = false;
  {
    const MutexLock lock(mutex_);
    const uint64_t appended = journal_->appended();
    supersede(id, keep);
    any = journal_->appended() != appended;
  }
  if (!any) return;
  journal_task_->start(worker, JournalTask::Delay::kNone);
  charge();
}

bool DiskTier::note_while_opening(const ObjectId& object, const ObjectInfo* keep) {
  if (recovered_.load(std::memory_order_acquire)) return false;
  const MutexLock lock(opening_mutex_);
  if (recovered_.load(std::memory_order_acquire)) return false;
  if (superseded_.size() >= kSupersededMax && !superseded_.contains(object)) {
    superseded_shares_.resize(kObjectShares);
    superseded_shares_[object.low % kObjectShares] = true;
    return true;
  }
  std::optional<ObjectInfo> version;
  if (keep != nullptr) version = *keep;
  superseded_.insert_or_assign(object, std::move(version));
  return true;
}

void DiskTier::supersede_noted() {
  for (const auto& [object, keep] : std::exchange(superseded_, {})) {
    supersede(object, keep ? &*keep : nullptr);
  }
  const std::vector<bool> shares = std::exchange(superseded_shares_, {});
  if (shares.empty()) return;
  std::vector<ObjectId> gone;
  catalog_->for_each([&](const DiskEntry& entry) {
    const DiskObject& object = *entry.object;
    if (object.pages == &entry && shares[object.id.low % kObjectShares]) gone.push_back(object.id);
  });
  for (const ObjectId& object : gone) catalog_->supersede(object, nullptr);
}

void DiskTier::observe(rt::Worker& worker, std::string_view kind, std::string_view object,
                       const ObjectInfo& info) {
  supersede_now(worker, kind, object, &info);
}

void DiskTier::remove(rt::Worker& worker, std::string_view kind, std::string_view object) {
  supersede_now(worker, kind, object, nullptr);
}

void DiskTier::charge() {
  int64_t change = 0;
  {
    const MutexLock lock(mutex_);
    const auto now = static_cast<int64_t>(catalog_->memory_bytes() + journal_->memory_bytes());
    change = now - charged_.exchange(now);
  }
  if (change != 0) config_.charge(change);
}

void DiskTier::failed() {
  if (health_.failed(clock_.mono())) went_offline();
}

void DiskTier::take_offline() {
  if (health_.take_offline(clock_.mono())) went_offline();
}

void DiskTier::went_offline() {
  DiskStats::add(stats_.times_offline, 1);
  log::error("disk offline after failures; its pages are misses until a probe succeeds");
  wake_queue();  // queued writes must not wait for writes that may hang
}

bool DiskTier::usable(rt::Worker& worker) {
  if (!recovered_.load(std::memory_order_acquire)) return false;
  if (health_.online()) return true;
  if (health_.take_probe(clock_.mono())) worker.tasks().spawn(probe(worker));
  return false;
}

rt::Task<void> DiskTier::probe(rt::Worker& worker) {
  AlignedBuffer out(kUnitBytes);
  AlignedBuffer in(kUnitBytes);
  const int64_t now = clock_.mono().time_since_epoch().count();
  std::memcpy(out.bytes().data(), &now, sizeof now);
  const iovec from = out.part();
  const iovec into = in.part();
  IoStatus status = co_await device_->write(worker, kProbeOffset, std::span(&from, 1));
  if (status.ok()) status = co_await device_->read(worker, kProbeOffset, std::span(&into, 1));
  const bool well = status.ok() && std::ranges::equal(in.bytes(), out.bytes());
  if (!well) {
    health_.probe_failed(clock_.mono());
    co_return;
  }
  health_.probe_succeeded();
  log::info("disk online again");
  journal_task_->start(worker, JournalTask::Delay::kNone);
}

rt::Task<bool> DiskTier::flush(rt::Worker& worker, MonoTime deadline,
                               std::function<void(uint64_t bytes_left)> progress) {
  while (!recovered_.load(std::memory_order_acquire)) {
    if (clock_.mono() >= deadline) co_return false;
    co_await worker.timers().sleep(kFlushPoll);
  }
  MonoTime reported = clock_.mono();
  while (true) {
    uint64_t left = 0;
    {
      const MutexLock lock(mutex_);
      left = queued_bytes_;
    }
    if (left == 0 && journal_task_->all_written()) break;
    const MonoTime now = clock_.mono();
    if (now >= deadline || !health_.online()) co_return false;
    if (now - reported >= kProgressEvery) {
      progress(left);
      reported = now;
    }
    journal_task_->start(worker, JournalTask::Delay::kNone);
    co_await worker.timers().sleep(kFlushPoll);
  }
  const IoStatus synced = co_await device_->sync(worker);
  co_return synced.ok();
}

DiskUsage DiskTier::usage() const {
  DiskUsage usage;
  usage.capacity = capacity_;
  if (!recovered_.load(std::memory_order_acquire)) return usage;
  const MutexLock lock(mutex_);
  usage.used_bytes = capacity_ - catalog_->space().free_units() * kUnitBytes;
  usage.payload_bytes = catalog_->payload_bytes();
  usage.pages = catalog_->pages();
  usage.evictions = catalog_->evictions();
  usage.queued_bytes = queued_bytes_;
  usage.pending_records = journal_->appended() - journal_->flushed();
  usage.space_memory_bytes = catalog_->space().memory_bytes();
  usage.memory_bytes = catalog_->memory_bytes() + journal_->memory_bytes();
  usage.online = health_.online();
  return usage;
}

}  // namespace cachey::store
