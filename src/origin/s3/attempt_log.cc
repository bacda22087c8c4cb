#include "origin/s3/attempt_log.h"

#include "base/log.h"
#include "origin/finality.h"

namespace cachey::origin {

void log_failed_attempt(const GetRequest& request, const Error& error, uint32_t number,
                        bool retry) {
  const bool surprises = is_store_failure(error.kind()) || error.kind() == ErrorKind::kRefused;
  const auto write = surprises ? log::warn : log::debug;
  write("origin attempt failed", {{"bucket", request.bucket},
                                  {"key", request.key},
                                  {"first", request.range.begin},
                                  {"attempt", number},
                                  {"retry", retry},
                                  {"error", to_string(error.kind())},
                                  {"text", error.message()},
                                  {"request_id", request.request_id},
                                  {"trace_id", trace_id_of(request.trace)}});
}

}  // namespace cachey::origin
