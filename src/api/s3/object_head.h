#pragma once

#include <string_view>

#include "api/s3/metrics.h"
#include "api/s3/object_question.h"
#include "base/byte_range.h"
#include "base/object_info.h"
#include "cache/range_reader.h"
#include "net/http/http.h"

namespace cachey::api::s3 {

/// The value of `x-amz-id-2`.
inline constexpr std::string_view kHostId = "cachey";

/// What the head of an answer with an object says. GET and HEAD of one moment have the same head.
struct ObjectHead {
  unsigned status = 200;       ///< 200, 206 or 304
  const ObjectSource& source;  ///< the newest answer's version and attributes
  ByteRange range;             ///< of the body; of a 304: the whole object
  const ObjectQuestion& question;
  CacheWord word = CacheWord::kHit;
  /// Null: no C0-Status, because no page was looked at.
  const cache::RangeReader* reader = nullptr;
  uint32_t parts_count = 0;  ///< x-amz-mp-parts-count; 0: none
  bool plain = false;        ///< no X-Cache and no C0-Status
  bool trailers = false;     ///< C0-Status of the other pages follows the body
};

/// Starts the response.
void start_object(net::ResponseWriter& writer, const ObjectHead& object);

}  // namespace cachey::api::s3
