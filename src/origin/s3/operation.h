#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

/// One get of the S3 client: what to send, and to whom.
struct Operation {
  std::string bucket;
  std::string key;
  bool path_style = false;
  GetObject get;
  Server server;
  int64_t clock_offset = 0;       ///< the store's time minus ours, in seconds
  bool fresh_connection = false;  ///< for the next attempt
};

/// For the bucket's own region if an answer named it, else for `region`.
[[nodiscard]] Result<Operation> make_operation(const GetRequest& request, const std::string& region,
                                               const S3Config& config, const Learnings& learned,
                                               Random& random);

/// Sets server, path and signing region of `operation` as if its bucket is in `region`.
[[nodiscard]] Result<void> use_region(Operation& operation, std::string_view region,
                                      const S3Config& config, const Learnings& learned);

}  // namespace cachey::origin
