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

/// Everything learned from answers. Any thread.
struct Learnings {
  Learned<std::string> regions;    ///< by bucket
  Learned<bool> wrong_sums;        ///< by bucket: its announced sums are ignored
  Learned<int64_t> clock_offsets;  ///< by host: the store's time minus ours, in seconds
};

/// The request of one get and its server. Remedies change it between attempts.
struct Operation {
  std::string bucket;
  std::string key;
  bool path_style = false;
  GetObject get;
  Server server;
  int64_t clock_offset = 0;       ///< the store's time minus ours, in seconds
  bool fresh_connection = false;  ///< the next attempt uses no idle connection
};

/// Uses the bucket's own region if an answer named it, else `region`. kInternal: the entity tag has
/// control characters; else fails as resolve_endpoint().
[[nodiscard]] Result<Operation> make_operation(const GetRequest& request, const std::string& region,
                                               const S3Config& config, const Learnings& learned,
                                               Random& random);

/// Sets server, path and signing region for a bucket in `region`.
[[nodiscard]] Result<void> use_region(Operation& operation, std::string_view region,
                                      const S3Config& config, const Learnings& learned);

}  // namespace cachey::origin
