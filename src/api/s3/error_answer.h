#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/error_codes.h"
#include "aws/error_document.h"
#include "base/error.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

/// Why a request has no object, in S3's terms.
struct Refusal {
  const aws::ErrorCode* code;               ///< has a message of S3's; not null
  std::string_view cause{};                 ///< for logs, a constant; empty: the code
  std::string message{};                    ///< instead of the code's own, unless empty
  std::vector<aws::ErrorDetail> details{};  ///< what S3 adds for this code
  std::optional<uint64_t> object_size{};    ///< InvalidRange
  std::chrono::nanoseconds retry_after{};   ///< SlowDown; 0: not known
  std::string store_code{};                 ///< the store's, instead of the code's own; or empty
  unsigned store_status = 0;                ///< the store's, instead of the code's own; or 0
  std::string lines{};                      ///< fields of the store's answer, see add_lines()

  /// REQUIRES: aws::find_error_code(code) has a message. `message`: instead of that, unless empty.
  [[nodiscard]] static Refusal of(std::string_view code, std::string message = {});
  /// The answer to a failure. Faults of the store are InternalError or SlowDown, because clients
  /// retry no other codes, and say in `Detail` what is known of the fault. The store's 404 says
  /// whether the bucket or the key is absent; an object that changes while it is read is SlowDown.
  [[nodiscard]] static Refusal of(const Error& error);
  /// `field`: the precondition that fails, such as `If-Match`.
  [[nodiscard]] static Refusal precondition_failed(std::string_view field);
  /// `asked`: the value of the Range field.
  [[nodiscard]] static Refusal range_not_satisfiable(std::string_view asked,
                                                     std::optional<uint64_t> object_size);
  /// `part`: the number asked for; `count`: of the object's parts.
  [[nodiscard]] static Refusal no_such_part(uint32_t part, uint32_t count);
  /// A parameter with a value that S3 does not allow. `value`: as it came.
  [[nodiscard]] static Refusal invalid_argument(std::string_view name, std::string_view value,
                                                std::string message);
  [[nodiscard]] unsigned status() const { return store_status != 0 ? store_status : code->status; }
  /// Of a method other than GET and HEAD.
  [[nodiscard]] static Refusal method_not_allowed();
};

/// The request that is refused. All texts outlive the answer.
struct RefusedRequest {
  const net::Request& request;
  std::string_view bucket;  ///< empty: not known
  std::string_view key;     ///< empty: not known, or the request has none
  std::string_view request_id;
  std::string_view host_id;
};

/// The `<Error>` document. Never contains the query, which may have a signature.
[[nodiscard]] std::string write_refusal(const Refusal& refusal, const RefusedRequest& refused);

/// Sends the whole answer: status, `x-amz-request-id`, `x-amz-id-2`, the document, and the fields
/// that belong to the status: Content-Range (416), Retry-After (503, at least 1 s), Allow (405).
/// HEAD gets status and fields, and the length 0. Has no field of the object.
[[nodiscard]] rt::Task<void> refuse(net::ResponseWriter& writer, Refusal refusal,
                                    RefusedRequest refused);

}  // namespace cachey::api::s3
