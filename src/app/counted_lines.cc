#include "app/counted_lines.h"

#include <utility>

namespace cachey::app {

void CountedLines::watch(log::Event event, std::string_view advice, std::vector<Cause> causes) {
  std::vector<uint64_t> told;
  for (const Cause& cause : causes) told.push_back(cause.total());
  watched_.push_back({event, advice, std::move(causes), std::move(told), {clock_.mono()}});
}

void CountedLines::watch_each(log::Event event, std::string_view label, std::string_view advice,
                              std::function<std::vector<Named>()> totals) {
  watched_each_.push_back({event, label, advice, std::move(totals), {}});
}

void CountedLines::look() {
  const MonoTime now = clock_.mono();
  for (Watched& one : watched_) look_at(one, now);
  for (WatchedEach& one : watched_each_) look_at(one, now);
}

int64_t CountedLines::Pace::told(MonoTime now, bool is_none) {
  const auto since = std::chrono::round<std::chrono::seconds>(now - told_at);
  const bool was_quiet = std::exchange(is_quiet, is_none);
  told_at = now;
  return was_quiet ? 1 : since.count();
}

void CountedLines::look_at(Watched& watched, MonoTime now) {
  if (!watched.pace.is_due(now)) return;
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
  const int64_t seconds = watched.pace.told(now, count == 0);
  if (count == 0) return;
  log::warn(
      watched.event,
      {{"count", count}, {"seconds", seconds}, {"causes", causes}, {"advice", watched.advice}});
}

void CountedLines::look_at(WatchedEach& watched, MonoTime now) {
  std::map<std::string, Told> told;  // without names that are gone
  for (Named& named : watched.totals()) {
    const auto found = watched.told.find(named.name);
    const bool is_new = found == watched.told.end() || named.total < found->second.last.total;
    Told one = is_new ? Told{{named.name, 0, 0}, {now}} : found->second;
    if (one.pace.is_due(now)) {
      const uint64_t count = named.total - one.last.total;
      const int64_t seconds = one.pace.told(now, count == 0);
      if (count > 0) {
        log::warn(watched.event, {{watched.label, named.name},
                                  {"count", count},
                                  {"of", named.of - one.last.of},
                                  {"seconds", seconds},
                                  {"advice", watched.advice}});
      }
      one.last = named;
    }
    told.emplace(std::move(named.name), std::move(one));
  }
  watched.told = std::move(told);
}

}  // namespace cachey::app
