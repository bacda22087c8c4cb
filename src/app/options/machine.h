#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How much memory and how many CPUs this process may use.
namespace cachey::app {

struct Machine {
  uint64_t memory = UINT64_MAX;  ///< bytes; UINT64_MAX: not known
  std::string memory_limit;      ///< what sets `memory`, for people: `RAM`, or a file of a cgroup
  unsigned cpus = 1;             ///< at least 1
};

/// What this process may use. Memory: the least of RAM, `address_space` (RLIMIT_AS) and the limits
/// of our control groups and of all groups above. CPUs: the least of `affine` (sched_getaffinity)
/// and the quotas of these groups, rounded up. Reads proc and the cgroup file systems, versions 1
/// and 2, below `root`, which is empty except in tests. What cannot be read or parsed sets no
/// limit. Blocks.
[[nodiscard]] Machine read_machine(const std::string& root, unsigned affine,
                                   std::optional<uint64_t> address_space);

/// read_machine() of this process.
[[nodiscard]] Machine this_machine();

// The parsers. Pure. All texts are bounded by their caller.

/// MemTotal of /proc/meminfo, in bytes.
[[nodiscard]] std::optional<uint64_t> parse_memory_total(std::string_view meminfo);

/// One mounted hierarchy of control groups, and our group in it.
struct CgroupMount {
  bool version2 = false;
  bool memory = false;     ///< has memory limits
  bool cpu = false;        ///< has CPU quotas
  std::string directory;   ///< the mount point
  std::string group = {};  ///< our group below `directory`: empty, or `/a/b`
  friend bool operator==(const CgroupMount&, const CgroupMount&) = default;
};
inline constexpr size_t kCgroupMountsMax = 64;

/// At most kCgroupMountsMax, from /proc/self/mountinfo and /proc/self/cgroup. A group outside of
/// what is mounted is taken for the mount point.
[[nodiscard]] std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo,
                                                           std::string_view cgroup);

/// The limit in memory.max or memory.limit_in_bytes. Nothing: no limit.
[[nodiscard]] std::optional<uint64_t> parse_memory_limit(std::string_view text);

/// The CPUs that `quota` microseconds in each `period` are, rounded up, at least 1. Nothing: no
/// limit (`max`, -1), or no numbers.
[[nodiscard]] std::optional<unsigned> parse_cpu_quota(std::string_view quota,
                                                      std::string_view period);

}  // namespace cachey::app
