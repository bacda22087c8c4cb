#include "store/ghost_metrics.h"

#include <array>
#include <utility>

namespace cachey::store {

void add_ghost_metrics(Metrics& metrics, const std::string& tier,
                       const std::function<GhostHits::View()>& read) {
  constexpr std::array kNames = {"1/8", "1/4", "1/2", "1", "2", "4", "8"};
  static_assert(kNames.size() == GhostHits::kEighthsOfTier.size());
  for (size_t i = 0; i < kNames.size(); ++i) {
    metrics.read_counter("cachey_ghost_hits_total",
                         "Pages that were evicted lately and came back, by how much larger the "
                         "tier should have been to keep them",
                         [read, i] { return static_cast<double>(read().hits[i]); },
                         {{"more", kNames[i]}, {"tier", tier}});
  }
  metrics.read_gauge("cachey_ghost_reach_bytes", "The bytes of more=\"1\": a tier twice as large",
                     [read] { return static_cast<double>(read().reach_bytes); }, {{"tier", tier}});
}

}  // namespace cachey::store
