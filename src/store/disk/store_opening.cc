#include "store/disk/store_opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

#include "base/log.h"
#include "base/size_text.h"

namespace cachey::store {
namespace {

constexpr uint64_t kSegmentBytesMin = 256 * kKiB;
constexpr uint64_t kSegmentBytesMax = kPageBytes;
constexpr uint64_t kSegmentShare = 1024;  // a segment has 1 / kSegmentShare of the capacity
// A store can get smaller as long as it has the space of as many segments.
constexpr uint64_t kSegmentsOfSmallest = 8;

}  // namespace

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

Result<void> check_usable(const ParsedSuperblock& parsed, uint64_t device_bytes) {
  switch (parsed.state) {
    case SuperblockState::kBlank:
      return {};
    case SuperblockState::kForeign:
      return fail(ErrorKind::kBadRequest, kForeignData);
    case SuperblockState::kOtherVersion:
      return fail(
          ErrorKind::kDamaged,
          fmt::format("its format is version {}, this program's is {}; --disk-wipe starts anew",
                      parsed.version, kDiskFormatVersion));
    case SuperblockState::kDamaged:
      return fail(ErrorKind::kDamaged,
                  "both copies of its superblock are damaged; --disk-wipe starts anew");
    case SuperblockState::kValid:
      break;
  }
  const uint64_t smallest =
      std::min(parsed.superblock.capacity,
               kDataOffset + kSegmentsOfSmallest * parsed.superblock.segment_units * kUnitBytes);
  if (device_bytes >= smallest) return {};
  return fail(ErrorKind::kBadRequest,
              fmt::format("it was made with a capacity of {} and cannot get smaller than {}, but "
                          "is to have {}; --disk-wipe starts anew",
                          format_size(parsed.superblock.capacity), format_size(smallest),
                          format_size(device_bytes)));
}

void heal_superblock(BlockDevice& device, Superblock& superblock, uint32_t whole) {
  ++superblock.sequence;
  const IoStatus written = store::write_superblock(device, superblock, 1 - whole);
  log::warn("disk: a copy of the superblock was damaged; the other copy opens the store",
            {{"path", device.name()},
             {"damaged_copy", 1 - whole},
             {"written_anew", written.ok()},
             {"error", written.ok() ? std::string() : to_text(written)}});
}

}  // namespace cachey::store
