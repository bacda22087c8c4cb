#include "app/options/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/options/option_table.h"

namespace cachey::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ConfigFile : public ::testing::Test {
 protected:
  std::vector<std::string> faults_of(std::string_view text) {
    std::vector<std::string> faults;
    apply(read_config_text(text, "c.toml", table_), table_, faults);
    return faults;
  }

  Options options_;
  std::vector<Option> table_ = option_table(options_);
};

TEST_F(ConfigFile, TakesEveryKindOfValue) {
  ASSERT_THAT(faults_of("# cache\n"
                        "memory = \"1.5GiB\"  # a size\n"
                        "split-after = 4096\n"
                        "port = 8080\n"
                        "idle-timeout = 0.5\n"
                        "tls-self = true\n"
                        "origin = 'dir:/a # b'\n"
                        "listen = [\n  \"::1\", # one\n  \"127.0.0.1:81\",\n]\n"),
              IsEmpty());
  EXPECT_EQ(options_.memory_option.bytes, 1536 * kMiB);
  EXPECT_EQ(options_.fill.split_after, 4096u);
  EXPECT_EQ(options_.port, 8080);
  EXPECT_EQ(options_.server.idle_timeout, std::chrono::milliseconds(500));
  EXPECT_TRUE(options_.tls.self_signed);
  EXPECT_EQ(options_.origin_directory, "/a # b");
  EXPECT_THAT(options_.listen, ElementsAre(ListenOption{"::1", {}}, ListenOption{"127.0.0.1", 81}));
  EXPECT_EQ(find_option(table_, "port")->source, "c.toml:4");
}

TEST_F(ConfigFile, EveryBadKeyAndValueIsNamedWithItsLine) {
  EXPECT_THAT(faults_of("memroy = \"1GiB\"\n"
                        "memory = \"lots\"\n"
                        "port = \"http\"\n"
                        "listen = \"::1\"\n"
                        "log-level = [\"info\"]\n"
                        "config = \"other.toml\"\n"
                        "idle-timeout = 2020-01-01\n"
                        "allow-bucket = [[\"a\"]]\n"
                        "tls-self = 1\n"
                        "[threads]\n"
                        "number = 3\n"),
              ::testing::UnorderedElementsAre(
                  "c.toml:1: memroy: no such option; did you mean memory?",
                  StartsWith("c.toml:2: memory: \"lots\" is neither a size"),
                  "c.toml:3: port: must be a whole number, without quotation marks",
                  "c.toml:4: listen: must be an array: [\"...\"]",
                  "c.toml:5: log-level: must be one value, not an array",
                  "c.toml:6: config: cannot stand in a config file",
                  "c.toml:7: idle-timeout: must be a number, without quotation marks",
                  "c.toml:8: allow-bucket: must be text in quotation marks",
                  "c.toml:9: tls-self: must be true or false, without quotation marks",
                  "c.toml:10: threads: must be a whole number, without quotation marks"));
}

TEST_F(ConfigFile, ValuesOfAnotherKindAreFaults) {
  for (const char* line :
       {"port = \"8080\"", "threads = 2.0", "tls-self = \"true\"", "tls-self = 0", "port = true",
        "drain-timeout = \"3\"", "hedge-quantile = \"0.9\"", "log-level = true", "listen = [8080]",
        "access-log = 1", "memory = 4.5", "split-after = false", "max-connections = 1e3",
        "kinds = 1979-05-27", "origin = {a = 1}"}) {
    EXPECT_THAT(faults_of(line), ElementsAre(HasSubstr(": must be "))) << line;
  }
}

TEST_F(ConfigFile, EachKindHasItsForms) {
  EXPECT_THAT(faults_of("memory = 1073741824\nsplit-after = 0\nbucket-bandwidth = \"10MB\"\n"
                        "drain-timeout = 3\nidle-timeout = 2.5\nhedge-quantile = 0\n"
                        "tls-self = true\nthreads = 0x2\nmax-connections = 1_000\n"),
              IsEmpty());
}

TEST_F(ConfigFile, WhatIsNoTomlIsOneFaultWithItsLine) {
  for (const char* text : {"port = 80\nport = 81\n", "\nmemory = 4GiB\n", "\n=\n", "\nport\n",
                           "\nport = 80 81\n", "\nlisten = [\"::1\"", "\norigin = \"\xff\"\n",
                           "\norigin = \"dir:/\x01\"\n", "\nport 80\n", "\nport: 80\n"}) {
    EXPECT_THAT(faults_of(text), ElementsAre(StartsWith("c.toml:2: "))) << text;
  }
}

TEST_F(ConfigFile, NothingToSayIsNoFault) {
  EXPECT_THAT(faults_of(""), IsEmpty());
  EXPECT_THAT(faults_of("\xEF\xBB\xBF# with a byte order mark\n"), IsEmpty());
}

TEST_F(ConfigFile, FaultsAreBounded) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "unknown-" + std::to_string(i) + " = 1\n";
  const std::vector<std::string> faults = faults_of(text);
  ASSERT_EQ(faults.size(), kConfigFaultsMax + 1);
  EXPECT_EQ(faults.back(), "c.toml: has more faults than these");
}

TEST_F(ConfigFile, NestingIsBounded) {
  EXPECT_THAT(faults_of("listen = " + std::string(100'000, '[')), ::testing::SizeIs(1));
}

TEST_F(ConfigFile, WhatIsWrittenIsReadAgain) {
  ASSERT_THAT(faults_of("origin = 'dir:/a \"b\" \\ c'\n"
                        "allow-bucket = [\"logs-*\", \"m?dia\"]\n"
                        "admin-listen = [\"[::1]:9000\"]\n"
                        "s3-force-path-style = true\n"
                        "write-timeout = 0.57\n"),
              IsEmpty());
  const std::string text = write_config_text(table_);
  EXPECT_THAT(text, HasSubstr("\nadmin-listen = [\"[::1]:9000\"]  # from c.toml:3\n"));
  EXPECT_THAT(text, HasSubstr("\nmemory = \"4GiB\"  # from default\n"));
  Options again;
  std::vector<Option> table = option_table(again);
  std::vector<std::string> faults;
  apply(read_config_text(text, "again", table), table, faults);
  EXPECT_THAT(faults, IsEmpty());
  for (size_t i = 0; i < table.size(); ++i) EXPECT_EQ(table[i].get(), table_[i].get());
}

TEST_F(ConfigFile, AFileThatCannotBeReadIsAFault) {
  const auto directory = std::filesystem::path(::testing::TempDir()) /
                         ("config_file_test." + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  EXPECT_THAT(load_config_file((directory / "none").string(), table_).faults,
              ElementsAre(HasSubstr("No such file")));
  EXPECT_THAT(load_config_file(directory.string(), table_).faults,
              ElementsAre(HasSubstr("directory")));
  const std::string big = (directory / "big.toml").string();
  std::ofstream(big) << std::string(kConfigFileBytesMax + 1, '\n');
  EXPECT_THAT(load_config_file(big, table_).faults, ElementsAre(HasSubstr("1048576 bytes")));
  std::ofstream(big) << "port = 81\n";
  const Settings read = load_config_file(big, table_);
  ASSERT_EQ(read.settings.size(), 1u);
  EXPECT_EQ(read.settings[0].source, big + ":1");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cachey::app
