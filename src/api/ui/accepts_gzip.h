#pragma once

#include <span>

#include "net/http/http.h"

namespace cachey::api {

/// Whether the client of these fields takes gzip: Accept-Encoding of RFC 9110, 12.5.3. Without the
/// field: no. A weight that is no number counts as zero.
[[nodiscard]] bool accepts_gzip(std::span<const net::Field> fields);

}  // namespace cachey::api
