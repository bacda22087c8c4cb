#pragma once

#include <optional>

#include "aws/checksum.h"
#include "base/byte_range.h"
#include "base/error.h"
#include "base/object_info.h"
#include "origin/origin.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// A good answer: the object's version, and the range that the body holds.
struct GoodAnswer {
  ObjectInfo info;
  ByteRange range;  ///< empty: there is no body
  /// The sum that the body must have. Set only if the body is the whole object, because some stores
  /// send the sum of the whole object with a part.
  std::optional<aws::ExpectedChecksum> checksum;
};

/// Checks that a 2xx answer has what a request for `asked` needs: the object's size, and the range
/// from its first byte to its last byte or to the object's end. kUpstream otherwise;
/// kRangeNotSatisfiable if the answer says that the range has no bytes: a size of 0, a length of 0
/// without Content-Range, 204. A 200 or 204 is good only with an ETag that names a version
/// (is_informative_tag) or a Last-Modified; a 200 without Content-Range must also be the whole
/// object, and `asked` must begin at 0 and cover the object.
///
/// Ask::kTail: the range must be the object's last bytes, as many as `asked` has, or all of the
/// object. Ask::kHead: a 200 with a Content-Length, which is the object's size, and with an ETag or
/// a Last-Modified; else kUpstream.
[[nodiscard]] Result<GoodAnswer> check_answer(const ResponseHead& head, ByteRange asked,
                                              Ask ask = Ask::kRange);

}  // namespace cachey::origin
