#pragma once

#include "aws/error_document.h"
#include "origin/transport/failure.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// What an answer other than 2xx means. kDenied is a refusal of the object or the bucket. A refusal
/// of our signature is kRefused, with any status; if the credentials are refused (401, codes such
/// as InvalidAccessKeyId and SignatureDoesNotMatch), with Remedy::kCredentials. The error's text
/// holds the status, the code, the request ids and the store's message, quoted and cut.
[[nodiscard]] Failure failure_of(const ResponseHead& head, const aws::ErrorDocument& document);

/// Whether the failure is the store's answer to the question: no refusal of our signature, region
/// or clock, no throttling, no failure that may pass.
[[nodiscard]] bool is_about_question(unsigned status, const Failure& failure);

/// Whether an answer without a document, of this status, may be a refusal of how we sign.
[[nodiscard]] bool may_be_about_signature(unsigned status);

/// Whether a store that cannot compare entity tags may have failed a request with If-Match like
/// this, though nothing changed.
[[nodiscard]] bool may_refuse_condition(unsigned status, const Failure& failure);

}  // namespace cachey::origin
