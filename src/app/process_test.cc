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
#include <string>
#include <vector>

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
    auto parsed = parse_options(static_cast<int>(arguments.size()), arguments.data(), environment);
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
    const std::string answer = ask((*process)->addresses().front(),
                                   "GET /fetch/kind/object HTTP/1.1\r\nHost: x\r\nRange: "
                                   "bytes=0-9\r\nC0-Bucket: bucket\r\nConnection: close\r\n\r\n");
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

TEST_F(ProcessTest, WhatCannotBeOpenedIsAnErrorBeforeAnythingStarts) {
  for (const char* option :
       {"--auth-tokens=/nonexistent", "--origin=dir:/nonexistent", "--disk-path=/nonexistent",
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
