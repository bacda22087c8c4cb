// Reads any bytes as the files of proc and of control groups.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/options/machine.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::app;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t half = text.find('\0');
  const std::string_view first = text.substr(0, half);
  const std::string_view second = half == std::string_view::npos ? "" : text.substr(half + 1);
  const auto mounts = parse_cgroup_mounts(first, second);
  CHECK(mounts.size() <= kCgroupMountsMax);
  for (const CgroupMount& mount : mounts) {
    CHECK(mount.memory || mount.cpu);
    CHECK(mount.group.empty() || (mount.group.starts_with('/') && mount.group.size() <= size));
    CHECK(!mount.group.contains("/.."));
  }
  if (const auto memory = parse_memory_total(text)) CHECK(*memory % 1024 == 0);
  (void)parse_memory_limit(text);
  if (const auto cpus = parse_cpu_quota(first, second)) CHECK(*cpus >= 1 && *cpus <= 4096);
  return 0;
}
