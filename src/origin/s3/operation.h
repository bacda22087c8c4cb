#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "origin/origin.h"
#include "origin/s3/config.h"
#include "origin/s3/learned.h"
#include "origin/s3/request.h"
#include "origin/transport/connection_pool.h"

namespace cachey::origin {

/// What answers have taught. Any thread.
struct Learnings {
  Learned<std::string> regions;    ///< by bucket
  Learned<bool> wrong_sums;        ///< by bucket: they are not checked
  Learned<int64_t> clock_offsets;  ///< by host: the store's time minus ours, in seconds
};

/// One get of the S3 client: what to send, to whom, and until when.
struct Operation {
  std::string bucket;
  std::string key;
  bool path_style = false;
  GetObject get;
  std::stop_token stop;
  Server server;
  int64_t clock_offset = 0;  ///< the store's time minus ours, in seconds
  S3Limits limits;
  MonoTime deadline;              ///< of the whole operation
  bool fresh_connection = false;  ///< for the next attempt
};

/// Aimed at the bucket's own region where that is known, else at `region`; without limits yet.
[[nodiscard]] Result<Operation> prepare(const GetRequest& request, const std::string& region,
                                        const S3Config& config, const Learnings& learned,
                                        Random& random);

/// Where to ask for the operation's bucket, if it is in `region`.
[[nodiscard]] Result<void> aim(Operation& operation, std::string_view region,
                               const S3Config& config, const Learnings& learned);

}  // namespace cachey::origin
