#include "store/disk/superblock.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

namespace cachey::store {
namespace {

bool preferred(const ParsedSuperblock& a, const ParsedSuperblock& b) {
  // A copy of another version is preferred, so that it is refused instead of overwritten.
  auto rank = [](const ParsedSuperblock& parsed) {
    switch (parsed.state) {
      case SuperblockState::kOtherVersion:
        return 4;
      case SuperblockState::kValid:
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
    // The device has foreign data, even if an old second copy of ours is left.
    if (offset == 0 && parsed.state == SuperblockState::kForeign) return parsed;
    if (!best || !preferred(*best, parsed)) best = std::move(parsed);
  }
  const bool blank = best && best->state == SuperblockState::kBlank;
  if (!best || (blank && unread)) {  // the copy that cannot be read may be a whole one
    return fail(ErrorKind::kInternal, "its superblock cannot be read");
  }
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
  return next;
}

IoStatus SuperblockWriter::write_now(std::vector<JournalSegment> segments) {
  Superblock superblock = next(std::move(segments));
  const IoStatus status = write_superblock(device_, superblock, next_copy_);
  if (status.ok()) current_ = std::move(superblock);
  return status;
}

rt::Task<IoStatus> SuperblockWriter::write(rt::Worker& worker,
                                           std::vector<JournalSegment> segments) {
  if (io_.unanswered() > 0) co_return IoStatus{ETIMEDOUT};
  Superblock superblock = next(std::move(segments));
  const IoStatus status = co_await write_copies(worker, encoded_for_device(superblock));
  if (status.ok()) current_ = std::move(superblock);
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
