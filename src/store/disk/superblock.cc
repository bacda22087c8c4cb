#include "store/disk/superblock.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/log.h"

namespace cachey::store {
namespace {

bool preferred(const ParsedSuperblock& a, const ParsedSuperblock& b) {
  // A valid copy is the store, whatever has become of the other: each version of the format writes
  // both copies. Without a valid copy, one of another version is refused, not overwritten.
  auto rank = [](const ParsedSuperblock& parsed) {
    switch (parsed.state) {
      case SuperblockState::kValid:
        return 4;
      case SuperblockState::kOtherVersion:
        return 3;
      case SuperblockState::kDamaged:
        return 2;
      case SuperblockState::kForeign:
        return 1;
      case SuperblockState::kBlank:
        return 0;
    }
    return 0;
  };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  return a.superblock.sequence >= b.superblock.sequence;
}

/// The superblock lists no segment past `capacity`.
bool fits(const Superblock& superblock, uint64_t capacity) {
  return std::ranges::all_of(superblock.segments, [&](const JournalSegment& segment) {
    return (uint64_t{segment.first_unit} + superblock.segment_units) * kUnitBytes <= capacity;
  });
}

void log_cut(const BlockDevice& device, uint64_t capacity, IoStatus status) {
  if (status.ok()) {
    log::info("disk store is smaller now", {{"path", device.name()}, {"capacity", capacity}});
  } else {
    log::warn("disk store is smaller now, but its file is not",
              {{"path", device.name()}, {"capacity", capacity}, {"error", to_text(status)}});
  }
}

void cut_device(BlockDevice& device, uint64_t capacity) {
  log_cut(device, capacity, device.cut_now(capacity));
}

std::shared_ptr<AlignedBuffer> encoded_for_device(const Superblock& superblock) {
  const std::vector<std::byte> encoded = encode_superblock(superblock);
  auto buffer = std::make_shared<AlignedBuffer>(encoded.size());
  std::ranges::copy(encoded, buffer->bytes().begin());
  return buffer;
}

}  // namespace

Result<ParsedSuperblock> read_superblock(BlockDevice& device) {
  std::optional<ParsedSuperblock> best;
  bool unread = false;
  bool old = false;
  int valid = 0;
  for (const uint32_t copy : {0u, 1u}) {
    const uint64_t offset = superblock_offset(copy);
    if (device.size() < offset + kSuperblockBytesMax) break;
    AlignedBuffer buffer(kSuperblockBytesMax);
    if (!device.read_now(offset, buffer.bytes()).ok()) {
      unread = true;
      continue;
    }
    ParsedSuperblock parsed = parse_superblock(buffer.bytes());
    parsed.copy = copy;
    if (parsed.state == SuperblockState::kValid) {
      ++valid;
      old = old || parsed.version < kDiskFormatVersion;
    }
    if (!best || !preferred(*best, parsed)) best = std::move(parsed);
  }
  if (!best || (unread && valid == 0)) {  // the copy that cannot be read may be a whole one
    return fail(ErrorKind::kInternal, "its superblock cannot be read");
  }
  best->alone = valid == 1;
  best->old = old;
  return std::move(*best);
}

IoStatus write_superblock(BlockDevice& device, const Superblock& superblock, uint32_t first) {
  const std::shared_ptr<AlignedBuffer> encoded = encoded_for_device(superblock);
  IoStatus status = device.sync_now();
  for (const uint32_t copy : {first, 1 - first}) {
    if (status.ok()) status = device.write_now(superblock_offset(copy), encoded->bytes());
    if (status.ok()) status = device.sync_now();
  }
  return status;
}

Superblock SuperblockWriter::next(std::vector<JournalSegment> segments) {
  Superblock next = current_;
  next.sequence = ++current_.sequence;  // also if it fails: one copy may be on disk
  next.segments = std::move(segments);
  if (capacity_ < next.capacity && fits(next, capacity_)) next.capacity = capacity_;
  return next;
}

/// Nobody waits for this: a device that hangs here holds nothing up.
rt::Task<void> SuperblockWriter::cut(rt::Worker& worker) {
  const IoStatus status = co_await device_.cut(worker, capacity_);
  log_cut(device_, capacity_, status);
}

IoStatus SuperblockWriter::write_now(std::vector<JournalSegment> segments) {
  Superblock superblock = next(std::move(segments));
  const IoStatus status = write_superblock(device_, superblock, next_copy_);
  if (!status.ok()) return status;
  const bool smaller = superblock.capacity < current_.capacity;
  current_ = std::move(superblock);
  if (smaller) cut_device(device_, current_.capacity);
  return status;
}

rt::Task<IoStatus> SuperblockWriter::write(rt::Worker& worker,
                                           std::vector<JournalSegment> segments) {
  if (io_.unanswered() > 0) co_return IoStatus{ETIMEDOUT};
  Superblock superblock = next(std::move(segments));
  const IoStatus status = co_await write_copies(worker, encoded_for_device(superblock));
  if (!status.ok()) co_return status;
  const bool smaller = superblock.capacity < current_.capacity;
  current_ = std::move(superblock);
  if (smaller) worker.tasks().spawn(cut(worker));
  co_return status;
}

/// After each step one copy is whole and durable, and next_copy_ is the other copy.
rt::Task<IoStatus> SuperblockWriter::write_copies(rt::Worker& worker,
                                                  std::shared_ptr<AlignedBuffer> encoded) {
  IoStatus status = co_await io_.sync(worker);
  for (int i = 0; i < 2 && status.ok(); ++i) {
    status = co_await io_.write(worker, superblock_offset(next_copy_), encoded->part(), encoded);
    if (status.ok()) status = co_await io_.sync(worker);
    if (!status.ok()) break;
    next_copy_ = 1 - next_copy_;
    DiskStats::add(stats_.journal_bytes, encoded->bytes().size());
  }
  co_return status;
}

}  // namespace cachey::store
