// Hit ratios of eviction policies over traces, without the rest of a cache. `./dev bench replay`
// draws the result. Prints JSON: one row per trace, cache size and policy. Exit 1 if a policy beats
// the optimum, because then the policy counts wrongly.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "replay/policies.h"
#include "replay/traces.h"

namespace {

using namespace cachey::bench;

constexpr uint64_t kSeed = 1;
constexpr double kShares[] = {0.01, 0.1, 0.4};  // of the working set's bytes

struct Ratio {
  uint64_t hits = 0;
  uint64_t bytes_hit = 0;
  uint64_t accesses = 0;
  uint64_t bytes = 0;
};

/// The first tenth fills the cache and is not counted. Requests of a scan are not counted either,
/// because no policy can have their objects.
Ratio replay(const Trace& trace, const std::string& name, uint64_t capacity, size_t counted) {
  const auto policy = make_replay_policy(name, capacity, trace.objects, trace.accesses);
  Ratio ratio;
  for (size_t at = 0; at < trace.accesses.size(); ++at) {
    const Access& access = trace.accesses[at];
    const bool hit = policy->access(access);
    if (at < trace.accesses.size() / 10 || access.object >= counted) continue;
    ++ratio.accesses;
    ratio.bytes += access.bytes;
    ratio.hits += hit;
    ratio.bytes_hit += hit ? access.bytes : 0;
  }
  return ratio;
}

}  // namespace

int main(int argc, char** argv) {
  const size_t accesses = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const bool progress = isatty(STDERR_FILENO) != 0;
  bool sound = true;
  const char* separator = "[\n";
  for (const std::string& name : replay_traces()) {
    const Trace trace = make_trace(name, accesses, kSeed);
    const size_t counted =
        name == "zipf-scan" ? make_trace("zipf-0.9", 1, kSeed).objects : trace.objects;
    for (const double share : kShares) {
      const auto capacity = static_cast<uint64_t>(static_cast<double>(trace.bytes) * share);
      uint64_t best = 0;
      uint64_t optimum = 0;
      for (const std::string& policy : replay_policies()) {
        if (progress) {
          std::fprintf(stderr, "\r%-12s %4.0f %% %-10s", name.c_str(), share * 100, policy.c_str());
        }
        const Ratio ratio = replay(trace, policy, capacity, counted);
        std::printf(
            "%s  {\"trace\": \"%s\", \"what\": \"%s\", \"share\": %g, \"policy\": \"%s\", "
            "\"hit_ratio\": %.5f, "
            "\"byte_hit_ratio\": %.5f}",
            separator, name.c_str(), trace.what.c_str(), share, policy.c_str(),
            static_cast<double>(ratio.hits) / static_cast<double>(ratio.accesses),
            static_cast<double>(ratio.bytes_hit) / static_cast<double>(ratio.bytes));
        separator = ",\n";
        (policy == "belady" ? optimum : best) =
            std::max(policy == "belady" ? optimum : best, ratio.hits);
      }
      if (name != "zipf-sizes" && best > optimum) sound = false;
    }
  }
  std::printf("\n]\n");
  if (progress) std::fprintf(stderr, "\r%40s\r", "");
  if (!sound) std::fprintf(stderr, "a policy beat the optimum: one of them counts wrongly\n");
  return sound ? 0 : 1;
}
