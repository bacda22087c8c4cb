#include "app/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace cachey::app {
namespace {

TEST(OpenFiles, TheLimitIsRaisedAsFarAsItMayBe) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit tight{64, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  EXPECT_EQ(raise_open_files_limit(), before.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(OpenFiles, ClientsLeaveFilesToTheOthers) {
  const OtherFiles others{.threads = 2,
                          .origin_connections_max = 512,
                          .admin_addresses = 1,
                          .admin_connections_max = 100};
  EXPECT_EQ(connections_within(1'000'000, 10'000, 1, others), 10'000u);
  EXPECT_LT(connections_within(10'000, 10'000, 1, others), 10'000u - 2 * 512);
  EXPECT_EQ(connections_within(1'024, 10'000, 1, others), 512u);
  EXPECT_EQ(connections_within(1'024, 100, 1, others), 100u);
  EXPECT_EQ(connections_within(0, 100, 1, others), 1u);
  EXPECT_EQ(connections_within(1'024, 10'000, 2, others), 256u);
  EXPECT_EQ(connections_within(0, 100, 2, others), 1u);
}

}  // namespace
}  // namespace cachey::app
