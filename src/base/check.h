#pragma once

/// CHECK: an invariant of our own code. A violation ends the process, in release builds too: a
/// crash is better than a wrong byte. Never for input from a client, an origin or a disk.
/// DCHECK: the same for checks that are too slow for release builds, which leave them out.

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
