#include "app/status/judgements.h"

namespace cachey::app {
namespace {

std::string because(const std::string& error) { return error.empty() ? "" : ": " + error; }

}  // namespace

Judgement judge_disk_unusable(const Scene& scene, bool /*began*/) {
  if (scene.facts.disk.state != DiskFacts::State::kUnusable) return {};
  return holds(FindingLevel::kBad, "the disk cannot be used" + because(scene.facts.disk.error));
}

Judgement judge_disk_offline(const Scene& scene, bool /*began*/) {
  const DiskFacts& disk = scene.facts.disk;
  if (disk.state == DiskFacts::State::kOffline) {
    return holds(FindingLevel::kBad,
                 "the disk is offline, its pages come from the store" + because(disk.error));
  }
  if (disk.state != DiskFacts::State::kOpening || scene.history.newest() < kRuleSeconds) return {};
  return holds(FindingLevel::kBad,
               "the disk does not answer since the start" + because(disk.error));
}

Judgement judge_disk_read_only(const Scene& scene, bool /*began*/) {
  if (!scene.facts.disk.read_only) return {};
  return holds(FindingLevel::kWarn,
               "the disk is only read: its file system is full, over its quota or read-only");
}

Judgement judge_disk_file_deleted(const Scene& scene, bool /*began*/) {
  if (!scene.facts.disk.file_deleted) return {};
  return holds(FindingLevel::kWarn,
               "the file of the disk was deleted: its pages are lost when the process ends, and "
               "its space is not free before");
}

Judgement judge_disk_slow(const Scene& scene, bool /*began*/) {
  const DiskFacts& disk = scene.facts.disk;
  if (!disk.slow || disk.state != DiskFacts::State::kInUse) return {};
  return holds(FindingLevel::kWarn,
               fmt::format("the disk is slower than the store: reads take {} (median), the store "
                           "{}; most of its pages come from the store",
                           time_of(disk.disk_p50_ms), time_of(disk.store_p50_ms)));
}

}  // namespace cachey::app
