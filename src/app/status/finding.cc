#include "app/status/finding.h"

#include <array>

namespace cachey::app {
namespace {

constexpr std::array<std::string_view, kFindingCodes> kCodeNames = {
    "bucket_down",     "connections_full", "credentials_fail",  "disk_unusable",
    "disk_offline",    "misses_refused",   "turns_refused",     "loop_held",
    "fetches_fail",    "disk_read_only",   "disk_file_deleted", "disk_slow",
    "bucket_refuses",  "bucket_throttles", "bucket_slow",       "one_client",
    "thrashing",       "client_limited",   "reload_failed",     "certificate_expires",
    "pins_over_limit", "logs_dropped"};

}  // namespace

std::string_view to_string(FindingCode code) { return kCodeNames[static_cast<size_t>(code)]; }

std::string_view to_string(FindingLevel level) {
  return level == FindingLevel::kBad ? "bad" : "warn";
}

}  // namespace cachey::app
