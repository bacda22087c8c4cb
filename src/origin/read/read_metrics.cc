#include "origin/read/read_metrics.h"

#include <memory>
#include <string>

namespace cachey::origin {
namespace {

// Between kind and bucket. Neither has control characters.
constexpr char kSeparator = '\n';

template <typename One, typename Two, typename Three>
size_t index_of(One phase, Two target, Three result) {
  return 4 * static_cast<size_t>(phase) + 2 * static_cast<size_t>(target) +
         static_cast<size_t>(result);
}

}  // namespace

HedgeCounts::HedgeCounts(Metrics& metrics)
    : pairs_(kPairsMax, [&metrics](const std::string& pair) {
        const size_t end = pair.find(kSeparator);
        const std::string kind = pair.substr(0, end);
        const std::string bucket = end == std::string::npos ? pair : pair.substr(end + 1);
        auto counts = std::make_unique<Counts>();
        for (const HedgePhase phase : {HedgePhase::kFirstByte, HedgePhase::kBody}) {
          for (const HedgeTarget target : {HedgeTarget::kPrimary, HedgeTarget::kPeer}) {
            for (const HedgeResult result : {HedgeResult::kWon, HedgeResult::kLost}) {
              (*counts)[index_of(phase, target, result)] = metrics.counter(
                  "cachey_hedges_total", "Second requests beside a late one, by how they ended",
                  {{"kind", kind},
                   {"bucket", bucket},
                   {"phase", phase == HedgePhase::kBody ? "body" : "first_byte"},
                   {"target", target == HedgeTarget::kPeer ? "peer" : "primary"},
                   {"outcome", result == HedgeResult::kWon ? "won" : "lost"}});
            }
          }
        }
        return counts;
      }) {}

void HedgeCounts::count(std::string_view kind, std::string_view bucket, HedgePhase phase,
                        HedgeTarget target, HedgeResult result) {
  std::string pair(kind);
  pair += kSeparator;
  pair += bucket;
  pairs_.of(pair)[index_of(phase, target, result)].add();
}

}  // namespace cachey::origin
