#include "store/disk/disk_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/units.h"
#include "store/disk/disk_file.h"

namespace cachey::store {
namespace {

using ::testing::HasSubstr;

/// The free space changes all the time.
std::string words_of(const std::string& message) {
  return message.substr(0, message.find(": its file system has"));
}

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
  EXPECT_EQ(fault(root_ + "/made/later", DiskKind::kFs, DiskFile::kBytesMin), "");
  EXPECT_TRUE(std::filesystem::is_empty(root_));
  std::ofstream(root_ + "/file") << "";
  std::filesystem::resize_file(root_ + "/file", DiskFile::kBytesMin);
  EXPECT_EQ(fault(root_ + "/file", DiskKind::kBlock), "");
  struct stat status{};
  ASSERT_EQ(::stat((root_ + "/file").c_str(), &status), 0);
  EXPECT_EQ(status.st_blocks, 0) << "nothing is written or reserved";
}

TEST_F(DiskCheck, WhatAStartRefusesIsRefusedInTheSameWords) {
  std::ofstream(root_ + "/foreign") << std::string(4096, 'x');
  std::filesystem::resize_file(root_ + "/foreign", DiskFile::kBytesMin);
  std::ofstream(root_ + "/small") << "";
  std::filesystem::resize_file(root_ + "/small", kMiB);
  std::filesystem::create_directory(root_ + "/store");
  std::ofstream(root_ + "/store/cachey.disk") << "";
  std::filesystem::create_symlink(root_ + "/none/at/all", root_ + "/nowhere");
  const DiskPath refused[] = {
      {root_ + "/foreign", DiskKind::kBlock},
      {root_ + "/small", DiskKind::kBlock},
      {root_, DiskKind::kBlock},
      {root_ + "/none", DiskKind::kBlock},
      {root_ + "/small", DiskKind::kFs},
      {root_ + "/small/below", DiskKind::kFs},
      {root_, DiskKind::kFs, kMiB},
      {root_, DiskKind::kFs, 15 * kTiB},
      {root_ + "/store", DiskKind::kFs, 15 * kTiB},
      {root_ + "/nowhere", DiskKind::kFs},
  };
  for (const DiskPath& path : refused) {
    SCOPED_TRACE(path.path);
    const std::string told = fault(path.path, path.kind, path.capacity);
    const auto opened = DiskFile::open(path, DiskFile::Access::kReadWrite);
    ASSERT_FALSE(opened);
    EXPECT_EQ(words_of(told), words_of(opened.error().message()));
  }
}

TEST_F(DiskCheck, AStoreInUseIsNoFault) {
  const DiskPath path{root_, DiskKind::kFs, DiskFile::kBytesMin};
  const auto used = DiskFile::open(path, DiskFile::Access::kReadWrite);
  ASSERT_TRUE(used);
  EXPECT_EQ(fault(root_, DiskKind::kFs, DiskFile::kBytesMin), "");
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
