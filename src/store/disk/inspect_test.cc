#include "store/disk/inspect.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

TEST(DiskInspect, TellsWhatIsThereAndHowMuchOfItIsValid) {
  DiskHarness disk(64 * kMiB);
  EXPECT_EQ(inspect_disk(disk.device())->all.pages, 0u);
  for (const uint32_t page : {0u, 1u, 2u}) disk.write(make_page("a", page, 100'000));
  disk.write(make_page("b", 0, 50'000, 3));
  DiskPage other = make_page("c", 0, 4'000);
  other.kind = "other";
  disk.write(other);
  ASSERT_TRUE(disk.flush());

  const Result<DiskContents> contents = inspect_disk(disk.device());
  ASSERT_TRUE(contents);
  EXPECT_EQ(contents->all.pages, 5u);
  EXPECT_EQ(contents->all.bytes, 354'000u);
  EXPECT_EQ(contents->objects, 3u);
  EXPECT_EQ(contents->kinds.at("kind").pages, 4u);
  EXPECT_EQ(contents->kinds.at("other").bytes, 4'000u);
  EXPECT_EQ(contents->newest - contents->oldest, 2);
  EXPECT_EQ(contents->damaged_blocks, 0u);

  const auto content = page_content(make_page("a", 1, 100'000));
  const auto at = std::ranges::search(disk.device().bytes(), content->bytes().first(64));
  ASSERT_FALSE(at.empty());
  at.begin()[5] ^= std::byte{4};
  uint64_t told = 0;
  const Result<DiskVerification> found =
      verify_disk(disk.device(), [&told](uint64_t done, uint64_t) { told = done; });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pages, 5u);
  EXPECT_EQ(found->corrupt_pages, 1u);
  EXPECT_EQ(found->corrupt_blocks, 1u);
  EXPECT_EQ(told, 354'000u);
}

TEST(DiskInspect, SaysWhenThereIsNoStore) {
  FaultyDevice device(8 * kMiB);
  EXPECT_NE(inspect_disk(device).error().message().find("nothing in it"), std::string::npos);
  device.bytes()[0] = std::byte{1};
  EXPECT_NE(verify_disk(device, [](uint64_t, uint64_t) {}).error().message().find("no store"),
            std::string::npos);
}

}  // namespace
}  // namespace cachey::store
