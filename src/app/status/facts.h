#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/status/columns.h"
#include "base/fine_histogram.h"

namespace cachey::app {

/// What is known of a bucket now.
struct BucketFacts {
  std::string name;  ///< a client may have made it up
  bool breaker_open = false;
  int consecutive_failures = 0;
  uint64_t failed_reads = 0;  ///< that counted against the bucket, since the start
  double share = 1;           ///< of the requests that are asked, if there is no other bucket
  double error_ratio = 0;     ///< recent
  std::optional<double> p50_ms;
  std::optional<double> p99_ms;
  std::optional<double> hedge_ms;
  std::optional<int64_t> waiting;  ///< requests for a turn
  // Totals since the start, if they are known.
  std::optional<int64_t> attempts;
  std::optional<int64_t> failures;
  std::optional<int64_t> failed_objects;  ///< see origin::ObjectChanges
  std::optional<int64_t> throttled;
  std::optional<int64_t> good;  ///< ok or not found
  std::optional<int64_t> denied;
  std::optional<int64_t> denied_objects;  ///< see origin::ObjectChanges
  bool is_known = true;                   ///< has given a good answer since the start
  /// Times to the first byte since the start.
  FineHistogram::Snapshot first_byte;
  /// Their median in the last seconds; nothing: too few answers. BucketTable sets it.
  std::optional<double> now_ms;
};

/// A client's part of the last minute.
struct ClientFacts {
  std::string name;
  int64_t requests = 0;
  int64_t misses = 0;
  int64_t bytes = 0;
  int64_t limited = 0;
  int64_t newest_misses = 0;  ///< of the last 5 to 10 s
};

struct DiskFacts {
  enum class State : uint8_t { kNone, kOpening, kInUse, kOffline, kUnusable };
  State state = State::kNone;
  uint64_t capacity_bytes = 0;
  bool read_only = false;
  bool file_deleted = false;
  std::string error;  ///< one line for the operator, if there is one
  bool slow = false;  ///< slower than the store, and left alone
  double disk_p50_ms = 0;
  double store_p50_ms = 0;
};

/// Memory, disk and miss.
inline constexpr size_t kFirstByteTiers = 3;
/// Times to the first byte since the start, by tier.
using FirstByteTotals = std::array<FineHistogram::Snapshot, kFirstByteTiers>;

/// All that is read of the process once a second.
struct Facts {
  Row totals;  ///< what History::add takes
  FirstByteTotals first_bytes;
  DiskFacts disk;
  std::vector<BucketFacts> buckets;
  std::vector<ClientFacts> clients;            ///< the largest first
  int64_t misses_of_clients = 0;               ///< of all clients, of which `clients` may be a few
  int64_t newest_misses_of_clients = 0;        ///< likewise, of the last 5 to 10 s
  std::optional<int64_t> certificate_ends_ms;  ///< Unix time
  bool credentials_fail = false;               ///< the last search found none
  bool buckets_are_limited = false;            ///< see api::BucketRules::limit_names
  std::string failed_reloads;                  ///< what the last SIGHUP could not read again
  int64_t pinned_over_limit = 0;               ///< pages
};

}  // namespace cachey::app
