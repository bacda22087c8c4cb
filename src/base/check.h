#pragma once

/// CHECK: an invariant of our own code; a violation ends the process, in release builds too (a
/// crash is better than a wrong byte). Never for what a client, an origin or a disk may send.
/// DCHECK: the same where the check itself is too dear for release builds.

namespace cachey {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace cachey

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::cachey::check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof((condition) ? 1 : 0))
#else
#define DCHECK(condition) CHECK(condition)
#endif
