// The options of the reference's command line, with its names and meanings.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "app/options/options.h"
#include "app/options/testing/parse.h"
#include "base/units.h"

namespace cachey::app {
namespace {

using ::testing::HasSubstr;

TEST(ReferenceOptions, AreTakenWithTheValuesOfItsHelp) {
  for (const char* memory : {"512MiB", "2GB", "1.5GiB"}) EXPECT_TRUE(parse({"--memory", memory}));
  const auto options = parse({"--memory",    "4GiB",
                              "--disk-path", "/d",
                              "--disk-kind", "block",
                              "--iouring",   "--disk-capacity",
                              "100GiB",      "--hedge-budget-percent",
                              "5",           "--max-download-memory",
                              "1GiB",        "--bucket-timeout-ms",
                              "6000",        "--download-timeout-ms",
                              "20000",       "--tls-cert",
                              "cert.pem",    "--tls-key",
                              "key.pem",     "--port",
                              "8443"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->memory.limit_bytes, 4 * kGiB);
  EXPECT_EQ(options->disk_kind, store::DiskKind::kBlock);
  EXPECT_EQ(options->disk_capacity, 100 * kGiB);
  EXPECT_TRUE(options->iouring);
  EXPECT_EQ(options->hedge_budget_percent, 5);
  EXPECT_EQ(options->read_limits.bucket_timeout, std::chrono::seconds(6));
  EXPECT_EQ(options->read_limits.download_timeout, std::chrono::seconds(20));
  EXPECT_EQ(options->memory.downloads_max_bytes, kGiB);
  EXPECT_EQ(options->port, 8443);
  EXPECT_TRUE(parse({"--tls-self"}));
}

TEST(ReferenceOptions, DownloadsMayHaveMoreThanTheMemory) {
  EXPECT_TRUE(parse({"--memory", "64MiB", "--max-download-memory", "1GiB"}));
}

TEST(ReferenceOptions, HaveBounds) {
  const std::vector<std::vector<const char*>> wrong = {{"--max-download-memory", "16777215"},
                                                       {"--max-download-memory", "-1"},
                                                       {"--hedge-budget-percent", "-1"},
                                                       {"--hedge-budget-percent", "100.1"},
                                                       {"--hedge-budget-percent", "5%"}};
  for (const auto& arguments : wrong) {
    const auto options = parse(arguments);
    ASSERT_FALSE(options) << arguments[1];
    EXPECT_EQ(options.error().code, 2);
    EXPECT_EQ(std::ranges::count(options.error().text, '\n'), 1) << options.error().text;
    EXPECT_THAT(options.error().text, HasSubstr(arguments[0]));
  }
  for (const char* percent : {"0", "0.5", "100"})
    EXPECT_TRUE(parse({"--hedge-budget-percent", percent})) << percent;
  for (const char* size : {"0", "16MiB"})
    EXPECT_TRUE(parse({"--max-download-memory", size})) << size;
}

}  // namespace
}  // namespace cachey::app
