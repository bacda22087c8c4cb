#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "store/disk/disk_tier.h"
#include "store/disk/recovery.h"
#include "store/disk/store_opening.h"
#include "store/disk/superblock.h"

// The disk tier's begin: its store is opened, and the index is read.

namespace cachey::store {

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
  CHECK(size > kDataOffset && !io_);
  Result<ParsedSuperblock> parsed = read_superblock(device);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  const bool fresh = start == Start::kWipe || parsed->state == SuperblockState::kBlank;
  if (!fresh) {
    if (Result<void> usable = check_usable(*parsed, size); !usable) return usable;
  }
  const uint32_t copy = parsed->copy;
  Superblock superblock =
      fresh ? fresh_superblock(size, clock_, random) : std::move(parsed->superblock);
  const bool grown = superblock.capacity < size;
  // Before a record that an older program would misread is written.
  const bool upgraded = !fresh && parsed->old;
  if (fresh || grown || upgraded) {
    if (fresh || grown) superblock.capacity = size;
    ++superblock.sequence;
    if (const IoStatus written = store::write_superblock(device, superblock, 1 - copy);
        !written.ok()) {
      return fail(ErrorKind::kInternal,
                  fmt::format("its superblock cannot be written: {}", to_text(written)));
    }
  } else if (parsed->alone) {
    heal_superblock(device, superblock, copy);
  }
  // What an interrupted change of the size has left past the end.
  if (superblock.capacity == size) (void)device.cut_now(size);
  store_id_ = superblock.store_id;
  life_ = random.bits();
  capacity_ = size;
  index_.open(superblock, size, life_, config_.index_bytes_max, config_.journal_pending_bytes);
  io_.emplace(device, DiskRegions(units_for(kDataOffset), static_cast<uint32_t>(size / kUnitBytes)),
              config_.late_bytes_max, stats_, clock_, config_.times);
  log_io_.emplace(device, clock_, config_.journal_deadline);
  writer_.emplace(store_id_, PageWriterConfig{config_.writes, config_.write_deadline, config_.pins},
                  index_, *io_, stats_);
  {
    const MutexLock lock(index_.mutex);
    journal_.emplace(
        JournalParts{device, clock_, stats_, io_->health(), io_->room(), index_.mutex,
                     *index_.journal, *index_.catalog,
                     [this](uint64_t offset, DiskDirection direction, IoStatus status) {
                       io_->failed({offset, direction, status});
                     },
                     [this](std::string_view cause) { io_->take_offline(cause); },
                     [this] { index_.charge(); }},
        JournalTimes{config_.journal_delay, config_.journal_retry, config_.journal_deadline},
        SuperblockWriter::Opened{std::move(superblock), copy, size});
  }
  io_->on_online(
      [this](rt::Worker& worker) { journal_->start(worker, JournalTask::Delay::kNone); });
  io_->on_regions(region_calls());
  writer_->on_records(
      [this](rt::Worker& worker) { journal_->start(worker, JournalTask::Delay::kGather); });
  return {};
}

DeviceIo::RegionCalls DiskTier::region_calls() {
  return {.changed =
              [this] {
                const MutexLock lock(index_.mutex);
                index_.catalog->avoid(io_->regions().out());
              },
          .take_unit =
              [this](uint32_t near) {
                const MutexLock lock(index_.mutex);
                return index_.catalog->take_probe_unit(near);
              },
          .release_unit =
              [this](DiskExtent unit) {
                const MutexLock lock(index_.mutex);
                index_.catalog->release_probe_unit(unit);
              }};
}

void DiskTier::recover() {
  const MonoTime began = clock_.mono();
  size_t left_out = 0;
  uint64_t was = 0;  // the capacity
  {
    const MutexLock lock(index_.mutex);
    CHECK(!recovered_.load());
    was = journal_->superblock().current().capacity;
    if (config_.pins != nullptr) index_.catalog->keep_at_most(config_.pins->limit_of(capacity_));
    const ReplayReport report = restore_catalog(io_->device(), journal_->superblock().current(),
                                                *index_.catalog, config_.intern, config_.pins);
    left_out = report.overlapping_pages;
    index_.journal->restore_segments(report.segments, clean_before(report));
    begin_life(report);
    DiskStats::add(stats_.recovered_pages, index_.catalog->pages() + index_.catalog->parts());
    DiskStats::add(stats_.recovered_damaged, report.damaged_blocks);
    DiskStats::add(stats_.recovered_unreadable, report.unreadable_blocks);
    notes_.apply(index_);
    recovered_.store(true, std::memory_order_release);
  }
  notes_.uncharge();
  index_.charge();
  const DiskUsage used = usage();
  if (was > used.capacity) {
    log::info("disk store gets smaller: pages past its new end are dropped",
              {{"capacity", used.capacity}, {"was", was}});
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.mono() - began).count();
  log::info("disk index read", {{"pages", used.pages},
                                {"parts", used.parts},
                                {"bytes", used.payload_bytes},
                                {"capacity", used.capacity},
                                {"milliseconds", took},
                                {"damaged_blocks", stats_.recovered_damaged.load()},
                                {"unreadable_blocks", stats_.recovered_unreadable.load()},
                                {"left_out", left_out}});
  if (used.space_memory_bytes > config_.index_bytes_max / 2) {
    log::warn("the disk is large for this memory: tables of free space leave little to pages",
              {{"tables", used.space_memory_bytes}, {"index", config_.index_bytes_max}});
  }
}

/// The life's generations are above those of all lives before. What could not be read is cut off on
/// the device at once, since the read may succeed next time; else the first record is early enough.
void DiskTier::begin_life(const ReplayReport& report) {
  const uint64_t seen = index_.catalog->last_generation() >> kGenerationCountBits;
  SuperblockWriter& superblock = journal_->superblock();
  const uint64_t opening = std::max(superblock.current().openings, seen) + 1;
  superblock.set_openings(opening);
  index_.catalog->start_generations(first_generation(opening, life_));
  if (report.unreadable_blocks == 0 && !superblock.is_shrinking()) return;
  const IoStatus written = superblock.write_now(report.segments);
  if (written.ok() || report.unreadable_blocks == 0) return;
  log::error("disk: what cannot be read of the journal cannot be cut off either",
             {{"path", io_->device().name()}, {"error", to_text(written)}});
}

/// Also the segments past the capacity are to be cleaned.
uint64_t DiskTier::clean_before(const ReplayReport& report) const {
  uint64_t before = report.clean_before;
  for (const JournalSegment& segment : report.segments) {
    const uint64_t end = uint64_t{segment.first_unit} + index_.journal->segment_units();
    if (end * kUnitBytes > capacity_) before = std::max(before, segment.first_block + 1);
  }
  return before;
}

}  // namespace cachey::store
