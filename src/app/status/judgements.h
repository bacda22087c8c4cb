#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "app/status/rules.h"
#include "base/log.h"

namespace cachey::app {

// What rules share.

/// Names are cut here.
inline constexpr size_t kShownNameBytesMax = 64;

inline std::string shown(const std::string& name) { return log::quoted(name, kShownNameBytesMax); }

inline double ratio_of(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

/// `12 %`.
inline std::string percent(double ratio) {
  return fmt::format("{:.0f} %", 100 * std::min(ratio, 1.0));
}

/// `1.5 s`, `20 ms`, `0.4 ms`.
inline std::string time_of(double ms) {
  if (ms >= 1000) return fmt::format("{:.1f} s", ms / 1000);
  return ms >= 10 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} ms", ms);
}

inline int64_t recent(const Scene& scene, Column column) {
  return scene.history.sum(column, kRuleSeconds);
}

inline Judgement holds(FindingLevel level, std::string text) {
  return {true, level, std::move(text)};
}

// The disk: judge_disk.cc.
Judgement judge_disk_unusable(const Scene& scene, bool began);
Judgement judge_disk_offline(const Scene& scene, bool began);
Judgement judge_disk_read_only(const Scene& scene, bool began);
Judgement judge_disk_file_deleted(const Scene& scene, bool began);
Judgement judge_disk_slow(const Scene& scene, bool began);

// Clients and memory: judge_clients.cc.
Judgement judge_connections_full(const Scene& scene, bool began);
Judgement judge_one_client(const Scene& scene, bool began);
Judgement judge_thrashing(const Scene& scene, bool began);
Judgement judge_client_limited(const Scene& scene, bool began);

}  // namespace cachey::app
