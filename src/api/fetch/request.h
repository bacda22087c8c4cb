#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/byte_range.h"
#include "base/error.h"
#include "cache/page.h"
#include "net/http/http.h"

namespace cachey::api {

/// The path of a fetch, decoded. Errors: kBadRequest names the broken rule; kNotFound where the
/// object is empty. `target` begins with `/fetch/`; a query is ignored.
[[nodiscard]] Result<cache::ObjectKey> parse_fetch_target(std::string_view target);

/// A fetch whose every part obeys the rules.
struct FetchRequest {
  std::shared_ptr<cache::FetchSpec> spec;  ///< metrics are filled in by the caller
  ByteRange range;
};

/// Everything but the path: Range, C0-Bucket, C0-Config.
[[nodiscard]] Result<FetchRequest> parse_fetch_fields(cache::ObjectKey key,
                                                      const net::Request& request);

}  // namespace cachey::api
