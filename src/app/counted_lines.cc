#include "app/counted_lines.h"

#include <utility>

namespace cachey::app {

void CountedLines::watch(log::Event event, std::string_view advice, std::vector<Cause> causes) {
  std::vector<uint64_t> told;
  for (const Cause& cause : causes) told.push_back(cause.total());
  watched_.push_back({event, advice, std::move(causes), std::move(told), clock_.mono()});
}

void CountedLines::look() {
  const MonoTime now = clock_.mono();
  for (Watched& one : watched_) look_at(one, now);
}

void CountedLines::look_at(Watched& watched, MonoTime now) {
  if (!watched.is_quiet && now - watched.told_at < kEvery) return;
  uint64_t count = 0;
  std::string causes;
  for (size_t i = 0; i < watched.causes.size(); ++i) {
    const uint64_t total = watched.causes[i].total();
    const uint64_t more = total - std::exchange(watched.told[i], total);
    count += more;
    if (more == 0 || watched.causes[i].name.empty()) continue;
    if (!causes.empty()) causes += ", ";
    causes.append(watched.causes[i].name).append(" ").append(std::to_string(more));
  }
  const auto since = std::chrono::round<std::chrono::seconds>(now - watched.told_at);
  const bool was_quiet = std::exchange(watched.is_quiet, count == 0);
  watched.told_at = now;
  if (count == 0) return;
  log::warn(watched.event, {{"count", count},
                            {"seconds", was_quiet ? 1 : since.count()},
                            {"causes", causes},
                            {"advice", watched.advice}});
}

}  // namespace cachey::app
