#pragma once

namespace cachey {

/// Whether AddressSanitizer or ThreadSanitizer is in this build: tests take several times as long,
/// and memory is the sanitizer's.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CACHEY_SANITIZED true
#endif
#endif
#if !defined(CACHEY_SANITIZED)
#define CACHEY_SANITIZED false
#endif
inline constexpr bool kSanitized = CACHEY_SANITIZED;
#undef CACHEY_SANITIZED

}  // namespace cachey
