#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/checksum.h"
#include "base/error.h"

namespace cachey::origin {

/// The parts of an answer's status line and headers that we use.
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
  std::optional<int64_t> date;                    ///< Unix seconds
  std::string request_id;                         ///< x-amz-request-id
  std::string extended_id;                        ///< x-amz-id-2
  std::string retry_after;                        ///< x-amz-retry-after
  std::string bucket_region;                      ///< x-amz-bucket-region
  std::vector<aws::AnnouncedChecksum> checksums;  ///< in order of preference
  std::string checksum_type;                      ///< x-amz-checksum-type
  std::string metadata_token_ttl;                 ///< x-aws-ec2-metadata-token-ttl-seconds
};

/// The end of a head: the last line's end and the empty line.
inline constexpr std::string_view kHeadEnd = "\r\n\r\n";

/// A longer head is refused.
inline constexpr size_t kHeadBytesMax = 64 * 1024;

/// Whether `text` may be the beginning of a head: begins with `HTTP/1.`, and every line feed
/// follows a carriage return. kUpstream if not: more bytes would not help. The first `checked`
/// bytes have been checked by an earlier call, and are not searched again.
[[nodiscard]] Result<void> check_head_begin(std::string_view text, size_t checked = 0);

/// Parses a whole head, including its last empty line. kUpstream if `text` is no head of an
/// HTTP/1.0 or 1.1 response, frames the body in two ways, or has two ETag, Content-Range or
/// Last-Modified fields.
[[nodiscard]] Result<ResponseHead> parse_response_head(std::string_view text);

}  // namespace cachey::origin
