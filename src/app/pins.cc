#include "app/pins.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace cachey::app {
namespace {

using ReadKept = std::function<store::KeptPages()>;

void add_pin_metrics(Metrics& metrics, const char* tier, const ReadKept& read) {
  const auto value_of = [read](uint64_t store::KeptPages::* member) {
    return [read, member] { return static_cast<double>(read().*member); };
  };
  const Metrics::Labels labels{{"tier", tier}};
  metrics.read_gauge("cachey_pinned_bytes", "Bytes of pages of --pin that no eviction takes",
                     value_of(&store::KeptPages::bytes), labels);
  metrics.read_gauge("cachey_pinned_pages", "Pages of --pin that no eviction takes",
                     value_of(&store::KeptPages::pages), labels);
  metrics.read_gauge("cachey_pin_over_limit_pages",
                     "Pages of --pin that are there and may be evicted, because of --pin-limit",
                     value_of(&store::KeptPages::over_limit_pages), labels);
  metrics.read_counter("cachey_pin_over_limit_total",
                       "Pages of --pin that came when --pin-limit was reached",
                       value_of(&store::KeptPages::over_limit_total), labels);
}

}  // namespace

store::PinRules::Matches matches_of(std::vector<api::BucketGlob> patterns) {
  if (patterns.empty()) return nullptr;
  const auto shared = std::make_shared<const std::vector<api::BucketGlob>>(std::move(patterns));
  return [shared](std::string_view kind, std::string_view object) {
    std::string name;
    name.reserve(kind.size() + 1 + object.size());
    name.append(kind).append("/").append(object);
    return std::ranges::any_of(*shared, [&name](const auto& glob) { return glob.matches(name); });
  };
}

void add_pin_metrics(Metrics& metrics, const store::MemoryTier& memory,
                     const store::DiskTier* disk) {
  add_pin_metrics(metrics, "memory", [&memory] { return memory.kept(); });
  if (disk != nullptr) add_pin_metrics(metrics, "disk", [disk] { return disk->usage().kept; });
}

}  // namespace cachey::app
