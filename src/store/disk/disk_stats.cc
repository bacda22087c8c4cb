#include "store/disk/disk_stats.h"

namespace cachey::store {

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
    case DiskDrop::kEvicted:
      return "evicted";
    case DiskDrop::kJournalFull:
      return "journal_full";
    case DiskDrop::kStuck:
      return "stuck";
    case DiskDrop::kManyParts:
      return "many_parts";
    case DiskDrop::kReadOnly:
      return "read_only";
  }
  return "unknown";
}

}  // namespace cachey::store
