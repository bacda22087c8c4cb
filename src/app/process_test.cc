#include "app/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "store/disk/format.h"

namespace cachey::app {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What the server answers to `request` until it closes.
std::string ask(const std::string& address, const std::string& request) {
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  const size_t colon = address.rfind(':');
  const auto ip = asio::ip::make_address(address.substr(0, colon));
  const auto port = static_cast<uint16_t>(std::stoi(address.substr(colon + 1)));
  socket.connect({ip, port});
  asio::write(socket, asio::buffer(request));
  std::string answer;
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(answer), end);
  return answer;
}

constexpr const char* kFetch =
    "GET /fetch/kind/object HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\nC0-Bucket: "
    "bucket\r\nConnection: close\r\n\r\n";
constexpr const char* kAskStats = "GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// A directory with the object `bucket/object`.
class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest() {
    std::filesystem::create_directories(directory_ / "bucket");
    std::ofstream(directory_ / "bucket" / "object") << "0123456789";
  }
  ~ProcessTest() override { std::filesystem::remove_all(directory_); }

  /// Options of a small server on a free port, and `more`.
  [[nodiscard]] Options options(std::vector<std::string> more = {}) const {
    std::vector<std::string> texts = {"cachey",      "--origin=dir:" + directory_.string(),
                                      "--port=0",    "--listen=127.0.0.1",
                                      "--threads=2", "--memory=64MiB"};
    texts.insert(texts.end(), more.begin(), more.end());
    std::vector<const char*> arguments;
    for (const std::string& text : texts) arguments.push_back(text.c_str());
    const char* const environment[] = {nullptr};
    auto parsed = parse_options(static_cast<int>(arguments.size()), arguments.data(), environment,
                                this_machine());
    EXPECT_TRUE(parsed) << parsed.error().text;
    return *parsed;
  }

  const std::filesystem::path directory_ =
      testing::TempDir() + "cachey-process-" + std::to_string(::getpid());
};

TEST_F(ProcessTest, ServesUntilTheSignalAndEnds) {
  const auto process = Process::make(options());
  ASSERT_TRUE(process) << process.error().message();
  const Result<void> started = (*process)->start();
  ASSERT_TRUE(started) << started.error().message();
  ASSERT_EQ((*process)->addresses().size(), 1u);
  const std::string answer = ask((*process)->addresses().front(),
                                 "GET /fetch/kind/object HTTP/1.1\r\nHost: x\r\nRange: "
                                 "bytes=2-5\r\nC0-Bucket: bucket\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 206 "), EndsWith("\r\n\r\n2345")));
  ::kill(::getpid(), SIGTERM);
  (*process)->serve();
  EXPECT_TRUE((*process)->stop());
}

TEST_F(ProcessTest, KeepsWhatWasReadOnTheDisk) {
  const std::string disk = (directory_ / "disk").string();
  std::filesystem::create_directories(disk);
  const std::vector<std::string> with_disk = {"--disk-path=" + disk, "--disk-capacity=64MiB"};
  for (const char* read_from : {"the origin", "the disk"}) {
    SCOPED_TRACE(read_from);
    const auto process = Process::make(options(with_disk));
    ASSERT_TRUE(process) << process.error().message();
    ASSERT_TRUE((*process)->start());
    const std::string answer = ask((*process)->addresses().front(), kFetch);
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 206 "), EndsWith("0123456789")));
    std::filesystem::remove_all(directory_ / "bucket");
    ::kill(::getpid(), SIGTERM);
    (*process)->serve();
    EXPECT_TRUE((*process)->stop());
  }
}

TEST_F(ProcessTest, AnAddressThatIsTakenIsAnErrorAndNothingRunsOn) {
  const auto first = Process::make(options());
  ASSERT_TRUE(first && (*first)->start());
  const std::string& address = (*first)->addresses().front();
  const auto second = Process::make(options({"--listen=" + address}));
  ASSERT_TRUE(second);
  const Result<void> started = (*second)->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr(address));
}

/// A server with a disk of 64 MiB in the directory `disk`.
class ProcessWithDisk : public ProcessTest {
 protected:
  ProcessWithDisk() { std::filesystem::create_directories(disk_); }

  /// Starts and stops a server. The result of its start.
  Result<void> start(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--disk-path=" + disk_.string(), "--disk-capacity=64MiB"});
    const auto process = Process::make(options(more));
    EXPECT_TRUE(process);
    Result<void> started = (*process)->start();
    if (!started) return started;
    stats_ = ask((*process)->addresses().front(), kAskStats);
    const std::string answer = ask((*process)->addresses().front(), kFetch);
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 206 "), EndsWith("0123456789")));
    ::kill(::getpid(), SIGTERM);
    (*process)->serve();
    EXPECT_TRUE((*process)->stop());
    return started;
  }
  void damage_superblocks() const {
    std::fstream file(disk_ / "cachey.disk", std::ios::in | std::ios::out | std::ios::binary);
    for (const uint64_t copy : {uint64_t{0}, store::kSuperblockCopyOffset}) {
      file.seekp(static_cast<std::streamoff>(copy + 30));
      file << "torn";
    }
  }
  [[nodiscard]] std::string content() const {
    const std::filesystem::path path = disk_ / "cachey.disk";
    std::string bytes(std::filesystem::file_size(path), '\0');
    std::ifstream(path, std::ios::binary).read(bytes.data(), std::ssize(bytes));
    return bytes;
  }

  const std::filesystem::path disk_ = directory_ / "disk";
  std::string stats_;
};

TEST_F(ProcessWithDisk, ADamagedStoreIsDoneWithoutAndHealedByWipe) {
  ASSERT_TRUE(start());
  EXPECT_THAT(stats_, HasSubstr(R"("state":"online","error":"")"));
  damage_superblocks();
  const std::string before = content();
  ASSERT_TRUE(start());
  EXPECT_THAT(stats_, AllOf(HasSubstr(R"("state":"unusable")"), HasSubstr("--disk-wipe")));
  EXPECT_TRUE(content() == before) << "a damaged store is not written to";
  ASSERT_TRUE(start({"--disk-wipe"}));
  ASSERT_TRUE(start());
  EXPECT_THAT(stats_, HasSubstr(R"("state":"online")"));
}

TEST_F(ProcessWithDisk, ARequiredDiskThatIsDamagedEndsTheStart) {
  ASSERT_TRUE(start({"--disk-required"}));
  damage_superblocks();
  const Result<void> started = start({"--disk-required"});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind(), ErrorKind::kBadRequest);
  EXPECT_THAT(started.error().message(), HasSubstr("damaged"));
}

TEST_F(ProcessWithDisk, AWrongPathEndsTheStart) {
  std::filesystem::remove_all(disk_);
  std::ofstream(disk_.string()) << "a file where the directory should be";
  const Result<void> started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind(), ErrorKind::kBadRequest);
  EXPECT_THAT(started.error().message(), HasSubstr(disk_.string()));
}

TEST_F(ProcessTest, WhatCannotBeOpenedIsAnErrorBeforeAnythingStarts) {
  for (const char* option : {"--auth-tokens=/nonexistent", "--origin=dir:/nonexistent",
                             "--tls-cert=/nonexistent", "--access-log=/nonexistent/log"}) {
    std::vector<std::string> more = {option};
    if (more.front().starts_with("--tls")) more.emplace_back("--tls-key=/nonexistent");
    Options given = options();
    if (more.front().starts_with("--origin")) {
      given.origin_directory = "/nonexistent";
    } else {
      given = options(more);
    }
    const auto process = Process::make(given);
    ASSERT_FALSE(process) << option;
    EXPECT_THAT(process.error().message(), HasSubstr("/nonexistent")) << option;
  }
}

}  // namespace
}  // namespace cachey::app
