#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api {

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

/// The status that tells a client of an error of this kind.
[[nodiscard]] unsigned status_of(ErrorKind kind);

/// What metrics call it: the X of `failed:init:X` and `failed:later:X`.
[[nodiscard]] std::string_view metric_code_of(ErrorKind kind);

/// A whole response with a body of text. `text` must live until the coroutine ends.
[[nodiscard]] rt::Task<void> reply_text(net::ResponseWriter& writer, net::ResponseHead head,
                                        std::string_view content_type, std::string_view text);

/// The response to an error before any byte of body: status, text, Retry-After or Content-Range
/// where they belong.
[[nodiscard]] rt::Task<void> reply_error(net::ResponseWriter& writer, Error error);

}  // namespace cachey::api
