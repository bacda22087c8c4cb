#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"
#include "origin/origin.h"
#include "origin/s3/config.h"
#include "origin/s3/counters.h"
#include "origin/s3/learned.h"
#include "origin/s3/request.h"
#include "origin/s3/wrong_sums.h"
#include "origin/transport/connection_pool.h"

namespace cachey::origin {

/// Everything learned from answers. Any thread.
struct Learnings {
  Learned<std::string> regions;  ///< by bucket
  WrongSums wrong_sums;
  Learned<int64_t> clock_offsets;  ///< by host: the store's time minus ours, in seconds
  /// By bucket: when the store refused If-Match of an object that had the tag, in Unix seconds.
  Learned<int64_t> no_if_match;
};

/// The request of one question and its server. Remedies change it between attempts.
struct Operation {
  std::string bucket;  ///< empty: the store itself
  std::string key;     ///< empty: the bucket
  bool path_style = false;
  S3Request request;
  std::string expected_tag;  ///< of the object, whether the request says so (If-Match) or not
  Server server;
  int64_t clock_offset = 0;       ///< the store's time minus ours, in seconds
  bool fresh_connection = false;  ///< the next attempt uses no idle connection
};

/// A bucket that refuses If-Match is asked without for so long; then If-Match is tried again.
inline constexpr std::chrono::seconds kNoIfMatchValid = std::chrono::hours(1);

/// The server, the path and the condition of `request`; what is asked is up to the caller. Uses the
/// bucket's own region if an answer named it, else `region`. Leaves If-Match out if the
/// bucket refused it less than kNoIfMatchValid before `unix_seconds`, or if the tag has control
/// characters. Fails as resolve_endpoint().
[[nodiscard]] Result<Operation> make_operation(const GetRequest& request, const std::string& region,
                                               const S3Config& config, const Learnings& learned,
                                               int64_t unix_seconds, Random& random);

/// The bucket refused If-Match though the object has the tag. Warns once a bucket.
void leave_out_if_match(std::string_view bucket, Learnings& learned, int64_t unix_seconds);

/// The store said that the bucket is in `region`: the next attempt goes there, and so do later
/// operations. False: the user has chosen the region, or the operation is for this one already.
[[nodiscard]] bool follow_to_region(Operation& operation, const std::string& region,
                                    const S3Config& config, Learnings& learned,
                                    S3Counters& counters);

/// The store said its time: the next attempt is signed for it, and so are later operations at this
/// host. All times in Unix seconds. False: the signing time was right within kClockErrorMax.
[[nodiscard]] bool correct_clock(Operation& operation, int64_t store_time, int64_t unix_seconds,
                                 Learnings& learned, S3Counters& counters);

/// Sets server, path and signing region for a bucket in `region`.
[[nodiscard]] Result<void> use_region(Operation& operation, std::string_view region,
                                      const S3Config& config, const Learnings& learned);

}  // namespace cachey::origin
