#include "app/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace cachey::app {
namespace {

// Listeners, event loops, logs, the disk, DNS look-ups, refused clients until they are closed.
constexpr uint64_t kFilesOfAWorker = 80;
constexpr uint64_t kFilesBeside = 64;

}  // namespace

uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  rlimit raised = limit;
  raised.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return limit.rlim_cur;
}

size_t connections_within(uint64_t files, size_t wanted, size_t servers, const OtherFiles& others) {
  const uint64_t reserve = others.threads * (kFilesOfAWorker + others.origin_connections_max) +
                           others.admin_addresses * others.admin_connections_max + kFilesBeside;
  const uint64_t room = (files - std::min(reserve, files / 2)) / servers;
  return std::min<uint64_t>(wanted, std::max<uint64_t>(room, 1));
}

}  // namespace cachey::app
