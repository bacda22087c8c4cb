#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/checksum.h"
#include "base/error.h"
#include "base/object_attributes.h"

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
  ObjectAttributes attributes{{}, {}};            ///< of AttributeLines; KeepLines::kAttributes
  std::string lines;                              ///< KeepLines::kSubject
};

/// Which fields of an answer are kept as lines.
enum class KeepLines : uint8_t {
  kAttributes,  ///< ResponseHead::attributes
  /// ResponseHead::lines, `Name: value\r\n` verbatim: the fields that are about the answer's
  /// subject. Left out are those of the connection, the framing, the server and the request, and
  /// fields that are no clean field: a name that is no token, a control character, a folded line.
  kSubject,
};

/// A longer head is refused.
inline constexpr size_t kHeadBytesMax = 64 * 1024;

/// Empty lines before a status line are passed over, up to this many.
inline constexpr int kLeadingLinesMax = 4;

/// The size of the head at the front of `text`, with its empty line. 0: the end has not come yet.
/// kUpstream: more bytes would not help, because `text` does not begin with `HTTP/1.`, or a line
/// ends without a carriage return. A line feed within a field is a byte of its value, never the end
/// of a line: else the owner of an object could write fields (RFC 9112 2.2 lets a recipient
/// choose). The first `checked` bytes have been searched by an earlier call.
[[nodiscard]] Result<size_t> find_head_end(std::string_view text, size_t checked = 0);

/// Parses the head at the front of `text`. Six fields are strict: Content-Length,
/// Transfer-Encoding, Connection, Content-Range, ETag and Last-Modified. kUpstream if the text is
/// no whole head of an HTTP/1.0 or 1.1 response; if the head frames the body in two ways; if one of
/// the last three fields comes twice; or if a strict field has a control character, a folded line
/// or a blank before the colon. Attributes with such a fault are left out. Fields that nobody reads
/// are skipped, whatever their bytes are, and so are lines without a colon. The reason phrase may
/// be missing.
[[nodiscard]] Result<ResponseHead> parse_response_head(std::string_view text,
                                                       KeepLines keep = KeepLines::kAttributes);

}  // namespace cachey::origin
