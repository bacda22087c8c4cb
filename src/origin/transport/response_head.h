#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/checksum.h"
#include "base/byte_range.h"
#include "base/error.h"
#include "base/object_info.h"

namespace cachey::origin {

/// What we read of an answer's status line and headers.
struct ResponseHead {
  unsigned status = 0;
  bool keep_alive = false;  ///< the connection may carry another request
  std::optional<std::chrono::seconds> keep_alive_timeout;  ///< `Keep-Alive: timeout=5`
  bool chunked = false;
  std::optional<uint64_t> content_length;
  std::string content_range;
  std::string etag;
  std::string last_modified;
  std::string content_type;
  std::optional<int64_t> date;               ///< Unix seconds
  std::string request_id;                    ///< x-amz-request-id
  std::string extended_id;                   ///< x-amz-id-2
  std::string retry_after;                   ///< x-amz-retry-after
  std::string bucket_region;                 ///< x-amz-bucket-region
  std::vector<AnnouncedChecksum> checksums;  ///< in order of preference
  std::string checksum_type;                 ///< x-amz-checksum-type
  std::string metadata_token_ttl;            ///< x-aws-ec2-metadata-token-ttl-seconds
};

/// Longer heads are refused.
inline constexpr size_t kHeadBytesMax = 64 * 1024;

/// `text` is a whole head, its last empty line included. kUpstream where it is no HTTP/1.0 or 1.1
/// response, or frames its body in two ways.
[[nodiscard]] Result<ResponseHead> parse_response_head(std::string_view text);

/// The object and the bytes of it that a good answer brings.
struct GoodAnswer {
  ObjectInfo info;
  ByteRange range;
  /// To hold the bytes against. Only where they are the whole object: of a part, some stores
  /// announce the sum of the whole.
  std::optional<ExpectedChecksum> checksum;
};

/// Whether a 2xx answer is one to a request for `asked`: it brings the range from its first byte to
/// its last or the object's end, and says the object's size. kUpstream where not;
/// kRangeNotSatisfiable where it says that there is nothing to bring. An answer that ignored the
/// range is taken only where it is the whole object all the same, and no error document.
[[nodiscard]] Result<GoodAnswer> check_answer(const ResponseHead& head, ByteRange asked);

}  // namespace cachey::origin
