#pragma once

#include <cstddef>
#include <string_view>

#include "api/s3/error_answer.h"
#include "api/s3/forward_rules.h"

namespace cachey::api::s3 {

/// The most that is read of a store's error document.
inline constexpr size_t kErrorDocumentBytesMax = 64 * 1024;

/// The store's refusal in a document of ours: with the store's status, code and message, and what
/// it adds about the question. `document`: may be cut, or none; then code and message are those of
/// the status. `lines`: ForwardAnswer::lines(); about a version and its delete marker they go back.
/// Refusal::code is the nearest one of ours, so that metrics have few codes.
/// REQUIRES: `status` is 4xx or 501.
[[nodiscard]] Refusal store_refusal(const PassQuestion& question, unsigned status,
                                    std::string_view document, std::string_view lines);

}  // namespace cachey::api::s3
