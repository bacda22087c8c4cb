#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace cachey::app {

/// What the history keeps of each second. /ui/data tells all columns up to kColumnsShown, in this
/// order; /stats and the findings use the others, too.
enum class Column : uint8_t {
  kTimeMs,
  kPagesMemory,
  kPagesDisk,
  kPagesCoalesced,
  kPagesMiss,
  kEgressBytes,
  kIngressBytes,
  kDiskReadBytes,
  kDiskWrittenBytes,
  kMemoryUsed,
  kMemoryWaiting,
  kDiskUsed,
  kDropsEvicted,
  kDropsChanged,
  kDropsFailed,
  kDiskEvictions,
  kGhostHits,
  kMemoryP50,
  kMemoryP99,
  kMemoryP999,
  kDiskP50,
  kDiskP99,
  kDiskP999,
  kMissP50,
  kMissP99,
  kMissP999,
  kStatus2xx,
  kStatus3xx,
  kStatus4xx,
  kStatus5xx,
  kConnections,
  kFills,
  kLoopLagMax,
  kOriginAttempts,
  kOriginFailures,
  kOriginThrottled,
  kTurnsWaiting,
  kHedges,
  kCpuMs,
  // Not shown:
  kStatusFailed,  ///< 5xx, but for what this server does not do
  kFetches,
  kFailedStore,
  kFailedTimeout,
  kFailedOverloaded,
  kFailedInternal,
  kFailedRequest,
  kClientGone,
  kMissesRefused,
  kTurnsRefused,
  kConnectionsRefused,
  kClientsLimited,
  kOriginOk,
  kKeyRefused,         ///< see origin::KeyRefusals
  kKeyRefusedObjects,  ///< likewise
  kOtherGood,  ///< ok or not found, of buckets without counts of their own: origin::BucketAttempts
  kOtherDenied,         ///< of the same buckets
  kOtherDeniedObjects,  ///< likewise: see origin::ObjectChanges
  kLogsDropped,
};
inline constexpr size_t kColumns = static_cast<size_t>(Column::kLogsDropped) + 1;
inline constexpr size_t kColumnsShown = static_cast<size_t>(Column::kCpuMs) + 1;

enum class Measure : uint8_t {
  kLevel,  ///< a row has the value of its second
  kCount,  ///< a total since the start; a row has the difference to the second before
};

struct ColumnInfo {
  std::string_view name;  ///< in /ui/data
  Measure measure;
};
[[nodiscard]] const ColumnInfo& info_of(Column column);

/// Not known, or nothing happened of which there could be a value.
inline constexpr int64_t kNoValue = std::numeric_limits<int64_t>::min();

/// A value for each column.
class Row {
 public:
  Row() { values_.fill(kNoValue); }
  [[nodiscard]] int64_t& operator[](Column column) { return values_[static_cast<size_t>(column)]; }
  [[nodiscard]] int64_t operator[](Column column) const {
    return values_[static_cast<size_t>(column)];
  }

 private:
  std::array<int64_t, kColumns> values_;
};

}  // namespace cachey::app
