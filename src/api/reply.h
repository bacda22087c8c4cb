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

/// The HTTP status for an error of this kind.
[[nodiscard]] unsigned status_of(ErrorKind kind);

/// The X in the metric labels `failed:init:X` and `failed:later:X`.
[[nodiscard]] std::string_view metric_code_of(ErrorKind kind);

/// The text of an error for the client. Errors about the server's own credentials and region get a
/// fixed text; their own text is in the log only, because it may name paths and hosts, or quote a
/// credential service.
[[nodiscard]] std::string_view text_for_clients(const Error& error);

/// Sends a whole response with a text as its body, not to be stored by caches on the way (RFC 9111,
/// 5.2.2.5). `text` must live until the coroutine ends.
[[nodiscard]] rt::Task<void> reply_text(net::ResponseWriter& writer, net::ResponseHead head,
                                        std::string_view content_type, std::string_view text);

/// Sends the response to an error, if no head was sent yet: status, text, Retry-After with a 503
/// (Error::retry_after(), at least 1 s), Content-Range if the error has the object's size.
[[nodiscard]] rt::Task<void> reply_error(net::ResponseWriter& writer, Error error);

}  // namespace cachey::api
