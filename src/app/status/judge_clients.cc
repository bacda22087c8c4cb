#include <functional>
#include <string_view>
#include <vector>

#include "app/status/judgements.h"

namespace cachey::app {

Judgement judge_connections_full(const Scene& scene, bool /*began*/) {
  const int64_t refused = recent(scene, Column::kConnectionsRefused);
  if (refused == 0) return {};
  return holds(FindingLevel::kBad,
               fmt::format("{} client connections were refused or ended in the last {} s: the "
                           "limit of connections, or an address's share of them, is reached",
                           refused, kRuleSeconds));
}

namespace {

constexpr double kOneClientPart = 0.5;
constexpr int64_t kOneClientMissesMin = 100;
constexpr size_t kWaitingSecondsMin = 3;

bool others_wait(const Scene& scene, bool began) {
  const size_t rows = began ? 1 : kWaitingSecondsMin;
  return scene.history.rows_with(Column::kMemoryWaiting, 1, kRuleSeconds) >= rows ||
         scene.history.rows_with(Column::kTurnsWaiting, 1, kRuleSeconds) >= rows ||
         recent(scene, Column::kConnectionsRefused) > 0;
}

/// Judges what clients did for some time: `misses_of` says how much of that was a client's.
Judgement judge_largest(const Scene& scene, int64_t ClientFacts::* misses_of, int64_t all,
                        std::string_view time, bool began) {
  std::vector<ClientFacts> clients = scene.facts.clients;
  std::ranges::sort(clients, std::greater<>(), misses_of);
  const int64_t most = clients[0].*misses_of;
  const double part = ratio_of(most, all);
  const int64_t times = began ? 2 : 3;  // those of the next client
  if (most < std::max(kOneClientMissesMin, times * clients[1].*misses_of)) return {};
  if (part <= (began ? 0.8 * kOneClientPart : kOneClientPart)) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("client {} makes {} of the misses of the last {} ({} of {}), and others "
                           "wait",
                           shown(clients[0].name), percent(part), time, most, all));
}

}  // namespace

/// By the newest seconds, which tell soon, or by the minute, if misses are few.
Judgement judge_one_client(const Scene& scene, bool began) {
  const Facts& facts = scene.facts;
  if (facts.clients.size() < 2 || !others_wait(scene, began)) return {};
  Judgement newest = judge_largest(scene, &ClientFacts::newest_misses,
                                   facts.newest_misses_of_clients, "seconds", began);
  if (newest.holds) return newest;
  return judge_largest(scene, &ClientFacts::misses, facts.misses_of_clients, "minute", began);
}

namespace {

constexpr double kGhostPart = 0.3;
constexpr double kMissPart = 0.5;  // of the pages asked for
constexpr int64_t kGhostHitsMin = 20;

Judgement judge_ghosts(const Scene& scene, size_t seconds, bool began) {
  const auto sum = [&](Column column) { return scene.history.sum(column, seconds); };
  const int64_t ghosts = sum(Column::kGhostHits);
  const int64_t misses = sum(Column::kPagesMiss);
  if (ghosts < (began ? kGhostHitsMin / 4 : kGhostHitsMin)) return {};
  const double part = ratio_of(ghosts, std::max(ghosts, misses));
  const int64_t hits =
      sum(Column::kPagesMemory) + sum(Column::kPagesDisk) + sum(Column::kPagesCoalesced);
  if (part <= (began ? kGhostPart / 2 : kGhostPart)) return {};
  if (ratio_of(misses, hits + misses) <= (began ? kMissPart / 2 : kMissPart)) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("{} of the misses of the last {} s are pages that were evicted lately "
                           "({} of {}): the cache is too small for what is read",
                           percent(part), seconds, ghosts, std::max(ghosts, misses)));
}

}  // namespace

/// By the newest seconds, which tell soon, or by twice as many, if misses are few.
Judgement judge_thrashing(const Scene& scene, bool began) {
  Judgement newest = judge_ghosts(scene, kRuleSeconds / 2, began);
  return newest.holds ? newest : judge_ghosts(scene, kRuleSeconds, began);
}

Judgement judge_client_limited(const Scene& scene, bool began) {
  constexpr int64_t kLimitedMin = 5;
  const int64_t limited = recent(scene, Column::kClientsLimited);
  if (limited < (began ? 1 : kLimitedMin)) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("{} requests of the last {} s were refused because their client is past "
                           "its limit of misses or bandwidth",
                           limited, kRuleSeconds));
}

}  // namespace cachey::app
