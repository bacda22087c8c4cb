#pragma once

#include "base/clock.h"

namespace cachey::api {

/// When the kernel took the bytes of one body; for TLS and HTTP/2: when the connection's buffer of
/// at most 256 KiB took them.
struct BodyTimes {
  MonoTime first = MonoTime::min();  ///< min(): no bytes were taken
  MonoTime last = MonoTime::min();   ///< of a whole body

  [[nodiscard]] bool has_begun() const { return first != MonoTime::min(); }
};

}  // namespace cachey::api
