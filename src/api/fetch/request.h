#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/range_header.h"
#include "base/byte_range.h"
#include "base/error.h"
#include "base/page_size.h"
#include "cache/cache_metrics.h"
#include "cache/page.h"
#include "cache/wishes.h"
#include "net/http/http.h"
#include "origin/origin.h"

namespace cachey::api {

/// Decodes the path of a fetch. A query is ignored, unless a store would answer otherwise because
/// of the query (as with `versionId`). Errors: kBadRequest, with the broken rule as its text;
/// kNotFound if there is no object. REQUIRES: `target` begins with `/fetch/`.
[[nodiscard]] Result<cache::ObjectKey> parse_fetch_target(std::string_view target);

/// The most buckets that a request may name.
inline constexpr size_t kBucketsNamedMax = 100;

/// The header fields of a fetch, checked.
struct FetchFields {
  ByteRange range;  ///< Range; of a tail the first bytes, until the object's size is known
  AnyRange::Form form = AnyRange::Form::kBothEnds;
  std::vector<std::string> buckets;  ///< C0-Bucket in order, no duplicates; may be empty
  origin::RequestConfig config;      ///< C0-Config
  cache::Wishes wishes;              ///< see parse_wishes()
  bool has_preconditions = false;    ///< see Preconditions
};

/// Which ranges are served (`--fetch-any-range`).
enum class RangeForms : uint8_t {
  kBothEnds,  ///< a Range with both ends
  kAny,       ///< any form of AnyRange
};

/// Times in C0-Config are cut at `client_limit_max`, the range at C0-Object-Size. Errors:
/// kBadRequest and kRangeNotSatisfiable; the text names the broken rule.
[[nodiscard]] Result<FetchFields> parse_fetch_fields(const net::Request& request,
                                                     std::chrono::milliseconds client_limit_max,
                                                     RangeForms forms = RangeForms::kBothEnds);

/// Makes what the cache needs to answer from its pages and to fetch misses. The buckets of `fields`
/// are ignored. `page_size`: of the kind. `request_id` is empty if the request has no id. `client`:
/// see api/client.h. `trace`: of the request.
[[nodiscard]] cache::FetchSpecPtr make_fetch_spec(cache::ObjectKey&& key, AllowedBuckets&& buckets,
                                                  const FetchFields& fields, PageSize page_size,
                                                  cache::CacheMetrics& metrics,
                                                  std::string_view request_id,
                                                  std::string&& client = {},
                                                  TraceContextPtr trace = {});

}  // namespace cachey::api
