#include "app/options/machine.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <thread>
#include <utility>

#include "base/ascii.h"
#include "base/read_file.h"

namespace cachey::app {
namespace {

constexpr size_t kMountInfoBytesMax = size_t{1} << 20;
constexpr size_t kSmallFileBytesMax = size_t{1} << 16;
/// Deeper groups than this are looked at up to this depth from our own.
constexpr size_t kDepthMax = 64;
constexpr unsigned kCpusMax = 4096;

/// Removes the first piece of `text`, up to `end`, and returns it.
std::string_view take_to(std::string_view& text, char end) {
  const size_t at = text.find(end);
  const std::string_view piece = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return piece;
}

bool list_has(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    if (take_to(list, ',') == name) return true;
  }
  return false;
}

/// A path of mountinfo, in which blanks and backslashes are octal escapes.
std::string unescaped(std::string_view path) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (size_t i = 0; i < path.size(); ++i) {
    const std::string_view digits = path.substr(i + 1).substr(0, 3);
    const bool escaped = path[i] == '\\' && digits.size() == 3 && digits[0] <= '3' &&
                         std::ranges::all_of(digits, is_octal);
    if (escaped) {
      plain += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0');
      i += 3;
    } else {
      plain += path[i];
    }
  }
  return plain;
}

/// `group` seen from the mounted root `top`; empty if the group is not below it.
std::string below(std::string_view group, std::string_view top) {
  if (top.ends_with('/')) top.remove_suffix(1);
  if (!group.starts_with(top)) return {};
  group.remove_prefix(top.size());
  if (!group.starts_with('/') || group == "/" || group.contains("/..")) return {};
  return std::string(group);
}

/// Our group in the hierarchy with `controller`; of version 2 if `controller` is empty.
std::string group_of(std::string_view cgroup, std::string_view controller) {
  while (!cgroup.empty()) {
    std::string_view line = take_to(cgroup, '\n');
    (void)take_to(line, ':');
    const std::string_view controllers = take_to(line, ':');
    const bool found = controller.empty() ? controllers.empty() : list_has(controllers, controller);
    if (found) return std::string(line);
  }
  return {};
}

std::optional<CgroupMount> parse_mount(std::string_view line, std::string_view cgroup) {
  for (int field = 0; field < 3; ++field) (void)take_to(line, ' ');
  const std::string top = unescaped(take_to(line, ' '));
  CgroupMount mount;
  mount.directory = unescaped(take_to(line, ' '));
  while (!line.empty() && take_to(line, ' ') != "-") continue;
  const std::string_view type = take_to(line, ' ');
  (void)take_to(line, ' ');
  mount.version2 = type == "cgroup2";
  if (!mount.version2 && type != "cgroup") return std::nullopt;
  mount.memory = mount.version2 || list_has(line, "memory");
  mount.cpu = mount.version2 || list_has(line, "cpu");
  if (!mount.memory && !mount.cpu) return std::nullopt;
  const char* const controller = mount.version2 ? "" : mount.memory ? "memory" : "cpu";
  mount.group = below(group_of(cgroup, controller), top);
  return mount;
}

/// Reads files below the test's root, and keeps the least of all limits.
class Reader {
 public:
  Reader(const std::string& root, Machine& machine) : root_(root), machine_(machine) {}

  [[nodiscard]] std::string read(const std::string& path, size_t bytes_max) const {
    Result<std::string> text = read_file_start(root_ + path, bytes_max);
    return text ? std::move(*text) : std::string();
  }

  void limit_memory(std::optional<uint64_t> bytes, const std::string& by) {
    if (!bytes || *bytes >= machine_.memory) return;
    machine_.memory = *bytes;
    machine_.memory_limit = by;
  }

  /// The limits of our group and of all groups above it, up to the mount point.
  void take(const CgroupMount& mount) {
    std::string group = mount.group;
    for (size_t depth = 0; depth < kDepthMax; ++depth) {
      take_group(mount, mount.directory + group + "/");
      if (group.empty()) return;
      group.resize(group.rfind('/'));
    }
  }

 private:
  void take_group(const CgroupMount& mount, const std::string& directory) {
    if (mount.memory) {
      const std::string path =
          directory + (mount.version2 ? "memory.max" : "memory.limit_in_bytes");
      limit_memory(parse_memory_limit(read(path, kSmallFileBytesMax)), path);
    }
    if (mount.cpu) limit_cpus(mount, directory);
  }

  void limit_cpus(const CgroupMount& mount, const std::string& directory) {
    std::string quota;
    std::string period;
    if (mount.version2) {
      const std::string text = read(directory + "cpu.max", kSmallFileBytesMax);
      std::string_view rest = text;
      quota = take_to(rest, ' ');
      period = rest;
    } else {
      quota = read(directory + "cpu.cfs_quota_us", kSmallFileBytesMax);
      period = read(directory + "cpu.cfs_period_us", kSmallFileBytesMax);
    }
    const std::optional<unsigned> cpus = parse_cpu_quota(quota, period);
    if (cpus) machine_.cpus = std::min(machine_.cpus, *cpus);
  }

  const std::string& root_;
  Machine& machine_;
};

/// The CPUs that the scheduler may give us.
unsigned affine_cpus() {
  const std::unique_ptr<cpu_set_t, std::function<void(cpu_set_t*)>> set(
      CPU_ALLOC(kCpusMax), [](cpu_set_t* all) { CPU_FREE(all); });
  const size_t bytes = CPU_ALLOC_SIZE(kCpusMax);
  if (set == nullptr || ::sched_getaffinity(0, bytes, set.get()) != 0)
    return std::max(1u, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::max(1, CPU_COUNT_S(bytes, set.get())));
}

}  // namespace

std::optional<uint64_t> parse_memory_total(std::string_view meminfo) {
  constexpr std::string_view kName = "MemTotal:";
  while (!meminfo.empty()) {
    std::string_view line = take_to(meminfo, '\n');
    if (!line.starts_with(kName)) continue;
    line = trimmed(line.substr(kName.size()));
    if (!line.ends_with(" kB")) return std::nullopt;
    const auto kib = parse_number<uint64_t>(trimmed(line.substr(0, line.size() - 3)));
    if (!kib || *kib == 0 || *kib > std::numeric_limits<uint64_t>::max() / 1024)
      return std::nullopt;
    return *kib * 1024;
  }
  return std::nullopt;
}

std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo, std::string_view cgroup) {
  std::vector<CgroupMount> mounts;
  while (!mountinfo.empty() && mounts.size() < kCgroupMountsMax) {
    std::optional<CgroupMount> mount = parse_mount(take_to(mountinfo, '\n'), cgroup);
    if (mount) mounts.push_back(std::move(*mount));
  }
  return mounts;
}

std::optional<uint64_t> parse_memory_limit(std::string_view text) {
  return parse_number<uint64_t>(trimmed(text, kWhiteSpace));
}

std::optional<unsigned> parse_cpu_quota(std::string_view quota, std::string_view period) {
  const auto used = parse_number<int64_t>(trimmed(quota, kWhiteSpace));
  const auto of = parse_number<int64_t>(trimmed(period, kWhiteSpace));
  if (!used || !of || *used <= 0 || *of <= 0) return std::nullopt;
  const int64_t cpus = *used / *of + (*used % *of == 0 ? 0 : 1);
  return static_cast<unsigned>(std::clamp<int64_t>(cpus, 1, kCpusMax));
}

Machine read_machine(const std::string& root, unsigned affine,
                     std::optional<uint64_t> address_space) {
  Machine machine;
  machine.cpus = std::clamp(affine, 1u, kCpusMax);
  Reader reader(root, machine);
  reader.limit_memory(parse_memory_total(reader.read("/proc/meminfo", kSmallFileBytesMax)), "RAM");
  reader.limit_memory(address_space, "the address space (ulimit -v)");
  const std::string mountinfo = reader.read("/proc/self/mountinfo", kMountInfoBytesMax);
  const std::string cgroup = reader.read("/proc/self/cgroup", kSmallFileBytesMax);
  for (const CgroupMount& mount : parse_cgroup_mounts(mountinfo, cgroup)) reader.take(mount);
  return machine;
}

Machine this_machine() {
  rlimit space{};
  const bool known = ::getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY;
  return read_machine("", affine_cpus(),
                      known ? std::optional<uint64_t>(space.rlim_cur) : std::nullopt);
}

}  // namespace cachey::app
