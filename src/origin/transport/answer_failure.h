#pragma once

#include "aws/error_document.h"
#include "origin/transport/failure.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// What an answer other than 2xx means. The text has the status, the code, the request's ids and
/// the store's own words, quoted and cut.
[[nodiscard]] Failure failure_of(const ResponseHead& head, const aws::ErrorDocument& document);

}  // namespace cachey::origin
