#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cachey::app {

/// What may be wrong, the worst first, and a cause before its effects. docs/runbook.md has a row
/// for each.
enum class FindingCode : uint8_t {
  kBucketDown,
  kConnectionsFull,
  kCredentialsFail,
  kDiskUnusable,
  kDiskOffline,
  kMissesRefused,
  kTurnsRefused,
  kLoopHeld,
  kFetchesFail,
  kDiskReadOnly,
  kDiskFileDeleted,
  kDiskSlow,
  kBucketRefuses,
  kBucketThrottles,
  kBucketSlow,
  kOneClient,
  kThrashing,
  kClientLimited,
  kReloadFailed,
  kCertificateExpires,
  kPinsOverLimit,
  kLogsDropped,
};
inline constexpr size_t kFindingCodes = static_cast<size_t>(FindingCode::kLogsDropped) + 1;
[[nodiscard]] std::string_view to_string(FindingCode code);

/// kBad: clients get errors, or will soon. kWarn: slower or dearer than it should be.
enum class FindingLevel : uint8_t { kBad, kWarn };
[[nodiscard]] std::string_view to_string(FindingLevel level);

struct Finding {
  FindingCode code{};
  FindingLevel level = FindingLevel::kWarn;
  std::string text;      ///< in words, with numbers; names of clients' making are quoted
  int64_t since_ms = 0;  ///< Unix time
};

}  // namespace cachey::app
