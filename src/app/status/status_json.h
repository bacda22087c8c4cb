#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "app/status/bucket_table.h"
#include "app/status/facts.h"
#include "app/status/finding.h"
#include "app/status/first_bytes.h"
#include "app/status/history.h"

namespace cachey::app {

// Parts of the texts of /ui/data and /stats. Pure, but for warnings_json(), which asks the log.

[[nodiscard]] nlohmann::ordered_json findings_json(const std::vector<Finding>& findings);

/// The worst buckets first, at most `most`. Counts are of the last minute.
[[nodiscard]] nlohmann::ordered_json buckets_json(std::span<const BucketView> buckets, size_t most);

[[nodiscard]] nlohmann::ordered_json clients_json(const std::vector<ClientFacts>& clients,
                                                  size_t most);

/// The last warnings and errors of the log, the newest first.
[[nodiscard]] nlohmann::ordered_json warnings_json(size_t most);

/// What happened in the last `seconds` rows.
[[nodiscard]] nlohmann::ordered_json window_json(const History& history,
                                                 const FirstBytes& first_bytes, size_t seconds);

/// Failed fetches by class, of totals or of a window.
[[nodiscard]] nlohmann::ordered_json failures_json(const Row& counts);

}  // namespace cachey::app
