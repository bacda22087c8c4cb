#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "base/byte_range.h"
#include "base/error.h"
#include "cache/cache_metrics.h"
#include "cache/page.h"
#include "net/http/http.h"
#include "origin/origin.h"

namespace cachey::api {

/// The path of a fetch, decoded. Errors: kBadRequest names the broken rule; kNotFound where the
/// object is empty. `target` begins with `/fetch/`; a query is ignored.
[[nodiscard]] Result<cache::ObjectKey> parse_fetch_target(std::string_view target);

/// The header fields of a fetch. Each obeys its rules.
struct FetchFields {
  ByteRange range;                   ///< of Range
  std::vector<std::string> buckets;  ///< of C0-Bucket, in order, without duplicates; else the kind
  origin::RequestConfig config;      ///< of C0-Config
};

/// Errors: kBadRequest and kRangeNotSatisfiable name the broken rule.
[[nodiscard]] Result<FetchFields> parse_fetch_fields(std::string_view kind,
                                                     const net::Request& request);

/// What the cache needs to know of a fetch. `request_id`: empty if the request has none.
[[nodiscard]] cache::FetchSpecPtr make_fetch_spec(cache::ObjectKey&& key, AllowedBuckets&& buckets,
                                                  const origin::RequestConfig& config,
                                                  cache::CacheMetrics& metrics,
                                                  std::string_view request_id);

}  // namespace cachey::api
