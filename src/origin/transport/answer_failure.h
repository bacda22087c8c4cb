#pragma once

#include "aws/error_document.h"
#include "origin/transport/failure.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// What an answer other than 2xx means. The error's text holds the status, the code, the request
/// ids and the store's message, quoted and cut.
[[nodiscard]] Failure failure_of(const ResponseHead& head, const aws::ErrorDocument& document);

}  // namespace cachey::origin
