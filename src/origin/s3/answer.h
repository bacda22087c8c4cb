#pragma once

#include <optional>

#include "aws/checksum.h"
#include "base/byte_range.h"
#include "base/error.h"
#include "base/object_info.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// The object and the bytes of it that a good answer brings.
struct GoodAnswer {
  ObjectInfo info;
  ByteRange range;
  /// To hold the bytes against. Only where they are the whole object: of a part, some stores
  /// announce the sum of the whole.
  std::optional<aws::ExpectedChecksum> checksum;
};

/// Whether a 2xx answer is one to a request for `asked`: it brings the range from its first byte to
/// its last or the object's end, and says the object's size. kUpstream where not;
/// kRangeNotSatisfiable where it says that there is nothing to bring. An answer that ignored the
/// range is taken only where it is the whole object all the same, and no error document.
[[nodiscard]] Result<GoodAnswer> check_answer(const ResponseHead& head, ByteRange asked);

}  // namespace cachey::origin
