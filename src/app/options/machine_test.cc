#include "app/options/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace cachey::app {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

/// A tree of files in the place of / .
struct MachineFiles : ::testing::Test {
  MachineFiles() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root = std::filesystem::path(::testing::TempDir()) / (std::string("machine-") + test->name());
    std::filesystem::remove_all(root);
    write("/proc/meminfo", "MemFree:  1 kB\nMemTotal:       8388608 kB\nSwapTotal: 9 kB\n");
  }
  ~MachineFiles() override { std::filesystem::remove_all(root); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root.string() + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  void mount_version2(const std::string& top, const std::string& group) {
    write("/proc/self/mountinfo",
          "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
          "29 22 0:26 " +
              top + " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
    write("/proc/self/cgroup", "0::" + group + "\n");
  }
  void mount_version1(const std::string& top, const std::string& group) {
    write("/proc/self/mountinfo",
          "40 30 0:31 " + top +
              " /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
              "41 30 0:32 " +
              top +
              " /sys/fs/cgroup/memory rw master:9 - cgroup cgroup rw,memory\n"
              "42 30 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    write("/proc/self/cgroup", "5:memory:" + group + "\n3:cpu,cpuacct:" + group + "\n0::/\n");
  }
  [[nodiscard]] Machine read(unsigned affine = 16,
                             std::optional<uint64_t> address_space = std::nullopt) const {
    return read_machine(root.string(), affine, address_space);
  }

  std::filesystem::path root;
};

TEST_F(MachineFiles, WithoutControlGroupsThereIsRam) {
  EXPECT_EQ(read().memory, 8192 * kMiB);
  EXPECT_EQ(read().memory_limit, "RAM");
  EXPECT_EQ(read().cpus, 16u);
  EXPECT_EQ(read(0).cpus, 1u);
  EXPECT_EQ(read(1, 100 * kMiB).memory, 100 * kMiB);
}

TEST_F(MachineFiles, WithoutAnythingNothingIsKnown) {
  std::filesystem::remove_all(root);
  EXPECT_EQ(read().memory, UINT64_MAX);
  EXPECT_EQ(read().cpus, 16u);
}

TEST_F(MachineFiles, Version2TakesTheLeastOfAllLevels) {
  mount_version2("/", "/kube.slice/pod 7/app");
  write("/sys/fs/cgroup/kube.slice/pod 7/app/memory.max", "max\n");
  write("/sys/fs/cgroup/kube.slice/pod 7/memory.max", "1073741824\n");
  write("/sys/fs/cgroup/kube.slice/memory.max", "3221225472\n");
  write("/sys/fs/cgroup/kube.slice/pod 7/app/cpu.max", "350000 100000\n");
  write("/sys/fs/cgroup/kube.slice/cpu.max", "max 100000\n");
  const Machine machine = read();
  EXPECT_EQ(machine.memory, 1024 * kMiB);
  EXPECT_EQ(machine.memory_limit, "/sys/fs/cgroup/kube.slice/pod 7/memory.max");
  EXPECT_EQ(machine.cpus, 4u);
  EXPECT_EQ(read(2).cpus, 2u) << "affinity is less";
  write("/sys/fs/cgroup/kube.slice/cpu.max", "20000 100000\n");
  EXPECT_EQ(read().cpus, 1u);
}

TEST_F(MachineFiles, InAContainerTheMountPointIsOurGroup) {
  for (const auto& [top, group] :
       {std::pair("/", "/"), std::pair("/docker/abc", "/docker/abc"),
        std::pair("/", "/../../elsewhere"), std::pair("/docker/abc", "/docker/abcd")}) {
    mount_version2(top, group);
    write("/sys/fs/cgroup/memory.max", "536870912");
    write("/sys/fs/cgroup/cpu.max", "150000 100000");
    EXPECT_EQ(read().memory, 512 * kMiB) << top << " " << group;
    EXPECT_EQ(read().cpus, 2u) << top << " " << group;
  }
}

TEST_F(MachineFiles, Version1HasAHierarchyForEachController) {
  mount_version1("/", "/a/b");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
  write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(read().memory, 2048 * kMiB);
  EXPECT_EQ(read().cpus, 3u);
  mount_version1("/a", "/a/b");
  write("/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "1048576\n");
  EXPECT_EQ(read().memory, kMiB);
}

TEST_F(MachineFiles, NonsenseSetsNoLimit) {
  mount_version2("/", "/x");
  for (const char* text : {"", "many", "-5", "99999999999999999999999", "1 2 3", "\n"}) {
    write("/sys/fs/cgroup/x/memory.max", text);
    write("/sys/fs/cgroup/x/cpu.max", text);
    EXPECT_EQ(read().memory, 8192 * kMiB) << text;
    EXPECT_EQ(read().cpus, 16u) << text;
  }
  write("/proc/self/cgroup", std::string(70'000, '/'));
  write("/proc/meminfo", "MemTotal: 99999999999999999999 kB\n");
  EXPECT_EQ(read().memory, UINT64_MAX);
}

TEST_F(MachineFiles, DeepGroupsAreLookedAtToALimit) {
  std::string deep;
  for (int level = 0; level < 200; ++level) deep += "/d";
  mount_version2("/", deep);
  write("/sys/fs/cgroup" + deep + "/cpu.max", "200000 100000");
  write("/sys/fs/cgroup/cpu.max", "100000 100000");
  EXPECT_EQ(read().cpus, 2u);
}

TEST(Machine, QuotasAreRoundedUp) {
  EXPECT_EQ(parse_cpu_quota("100000", "100000"), 1u);
  EXPECT_EQ(parse_cpu_quota("100001", "100000"), 2u);
  EXPECT_EQ(parse_cpu_quota("1000", "100000\n"), 1u);
  EXPECT_EQ(parse_cpu_quota("9223372036854775807", "1"), 4096u);
  for (const char* none : {"max", "-1", "0", "", "x"})
    EXPECT_EQ(parse_cpu_quota(none, "100000"), std::nullopt) << none;
  EXPECT_EQ(parse_cpu_quota("1", "0"), std::nullopt);
}

TEST(Machine, MountsHaveEscapesAndABound) {
  const std::string line = "1 2 0:3 /a\\040b /sys\\134x rw opt:1 - cgroup2 none rw\n";
  const auto mounts = parse_cgroup_mounts(line, "0::/a b/c\n");
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].directory, "/sys\\x");
  EXPECT_EQ(mounts[0].group, "/c");
  std::string many;
  for (int i = 0; i < 100; ++i) many += line;
  EXPECT_EQ(parse_cgroup_mounts(many, "").size(), kCgroupMountsMax);
}

TEST(Machine, ThisOneHasMemoryAndCpus) {
  const Machine machine = this_machine();
  EXPECT_GE(machine.cpus, 1u);
  EXPECT_GT(machine.memory, kMiB);
  EXPECT_FALSE(machine.memory_limit.empty());
}

}  // namespace
}  // namespace cachey::app
