#include "store/disk/disk_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/units.h"

namespace cachey::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class DiskCheck : public ::testing::Test {
 protected:
  DiskCheck() { std::filesystem::create_directories(root_); }
  ~DiskCheck() override { std::filesystem::remove_all(root_); }

  /// Empty: no fault.
  static std::string fault(const std::string& path, DiskKind kind = DiskKind::kFs,
                           uint64_t capacity = 0) {
    const Result<void> checked = check_disk_path({path, kind, capacity, false});
    if (checked) return "";
    EXPECT_EQ(checked.error().kind(), ErrorKind::kBadRequest);
    return checked.error().message();
  }

  const std::string root_ = testing::TempDir() + "cachey-disk-check-" + std::to_string(::getpid());
};

TEST_F(DiskCheck, AGoodPathStaysAsItIs) {
  EXPECT_EQ(fault(root_), "");
  EXPECT_EQ(fault(root_ + "/made/later", DiskKind::kFs, kMiB), "");
  EXPECT_TRUE(std::filesystem::is_empty(root_));
  std::ofstream(root_ + "/file") << "x";
  EXPECT_EQ(fault(root_ + "/file", DiskKind::kBlock), "");
  EXPECT_EQ(std::filesystem::file_size(root_ + "/file"), 1u);
}

TEST_F(DiskCheck, AWrongTypeIsAFault) {
  std::ofstream(root_ + "/file") << "x";
  EXPECT_THAT(fault(root_ + "/file"), AllOf(HasSubstr("/file"), HasSubstr("not a directory")));
  EXPECT_THAT(fault(root_ + "/file/below"), HasSubstr("Not a directory"));
  EXPECT_THAT(fault(root_, DiskKind::kBlock), HasSubstr("neither a block device"));
  EXPECT_THAT(fault(root_ + "/none", DiskKind::kBlock), HasSubstr("no such device"));
}

TEST_F(DiskCheck, ACapacityPastTheFreeSpaceIsAFaultOfANewFileOnly) {
  EXPECT_THAT(fault(root_, DiskKind::kFs, 15 * kTiB), HasSubstr("no space"));
  EXPECT_THAT(fault(root_ + "/made/later", DiskKind::kFs, 15 * kTiB), HasSubstr("no space"));
  std::ofstream(root_ + "/cachey.disk") << "x";
  EXPECT_EQ(fault(root_, DiskKind::kFs, 15 * kTiB), "");
}

TEST_F(DiskCheck, MissingPermissionsAreFaults) {
  std::filesystem::permissions(root_, std::filesystem::perms::owner_read);
  const std::string fault_of_child = fault(root_ + "/child");
  std::filesystem::permissions(root_, std::filesystem::perms::owner_all);
  if (::geteuid() == 0) GTEST_SKIP() << "root may do everything";
  EXPECT_THAT(fault_of_child, HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace cachey::store
