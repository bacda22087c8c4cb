#include "base/line_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "base/shard.h"
#include "base/testing/captured_log.h"

namespace cachey {
namespace {

using namespace std::chrono_literals;

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class LineSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "line_sink_XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
};

TEST_F(LineSinkTest, AppendsLinesInTheirOrder) {
  std::ofstream(path("log")) << "old\n";
  auto sink = LineSink::open(path("log"), {});
  ASSERT_TRUE(sink);
  (*sink)->write("one");
  (*sink)->write("two");
  EXPECT_TRUE((*sink)->flush(60s));
  EXPECT_EQ(read_file(path("log")), "old\none\ntwo\n");
  (*sink)->write("three");
  sink->reset();
  EXPECT_EQ(read_file(path("log")), "old\none\ntwo\nthree\n");
}

TEST_F(LineSinkTest, AFullDiskIsToldOnce) {
  const CapturedLog log;
  LineSinkConfig config;
  config.tells_failures = true;
  {
    auto sink = LineSink::open("/dev/full", config);
    ASSERT_TRUE(sink);
    for (int i = 0; i < 3; ++i) {
      (*sink)->write("lost");
      EXPECT_TRUE((*sink)->flush(60s));
    }
    EXPECT_EQ((*sink)->dropped(), 3u);
  }
  const std::string text = log.text();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  EXPECT_NE(text.find("file=/dev/full error=\"No space left on device\" lost=1"), text.npos)
      << text;
}

TEST_F(LineSinkTest, AFileThatCannotBeOpenedIsAnError) {
  EXPECT_FALSE(LineSink::open(path("no/such/directory"), {}));
}

TEST_F(LineSinkTest, ReopenGoesOnInANewFile) {
  auto sink = LineSink::open(path("log"), {});
  (*sink)->write("before");
  ASSERT_TRUE((*sink)->flush(60s));
  std::filesystem::rename(path("log"), path("log.1"));
  EXPECT_TRUE((*sink)->reopen());
  (*sink)->write("after");
  ASSERT_TRUE((*sink)->flush(60s));
  EXPECT_EQ(read_file(path("log.1")), "before\n");
  EXPECT_EQ(read_file(path("log")), "after\n");
}

TEST_F(LineSinkTest, WhereReopeningFailsTheOldFileGoesOn) {
  std::filesystem::create_directory(path("d"));
  auto sink = LineSink::open(path("d/log"), {});
  std::filesystem::rename(path("d"), path("e"));
  EXPECT_FALSE((*sink)->reopen());
  (*sink)->write("still");
  ASSERT_TRUE((*sink)->flush(60s));
  EXPECT_EQ(read_file(path("e/log")), "still\n");
}

TEST_F(LineSinkTest, AReaderThatBlocksDoesNotBlockTheWriterAndLosesLinesCounted) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string line(1000, 'x');
  {
    LineSinkConfig config;
    config.queue_bytes_max = 100'000;
    LineSink sink(ends[1], config);
    for (int i = 0; i < 10'000; ++i)
      sink.write(line);  // 10 MB: more than the pipe and the queue hold
    EXPECT_FALSE(sink.flush(1ms));
    EXPECT_GT(sink.dropped(), 9'000u);
    EXPECT_LT(sink.dropped(), 10'000u);
    std::thread reader([&ends] {
      std::vector<char> buffer(1 << 20);
      while (::read(ends[0], buffer.data(), buffer.size()) > 0) {
      }
    });
    EXPECT_TRUE(sink.flush(60s));
    ::close(ends[1]);
    reader.join();
  }
  ::close(ends[0]);
}

TEST_F(LineSinkTest, WhatCannotBeWrittenIsCounted) {
  LineSink sink(-1, {});
  sink.write("a");
  sink.write("b");
  ASSERT_TRUE(sink.flush(60s));
  EXPECT_EQ(sink.dropped(), 2u);
}

TEST_F(LineSinkTest, ManyThreadsKeepTheirLinesWhole) {
  LineSinkConfig config;
  config.queues = kShards;
  config.gather = 1ms;
  config.queue_bytes_max = 10'000'000;
  auto sink = LineSink::open(path("log"), config);
  std::vector<std::thread> threads;
  for (char name = 'a'; name < 'i'; ++name) {
    threads.emplace_back([&sink, name] {
      for (int i = 0; i < 2000; ++i) (*sink)->write(std::string(50, name));
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE((*sink)->flush(60s));
  EXPECT_EQ((*sink)->dropped(), 0u);
  std::ifstream file(path("log"));
  size_t lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    EXPECT_EQ(line, std::string(50, line.empty() ? '?' : line[0]));
  }
  EXPECT_EQ(lines, 16'000u);
}

}  // namespace
}  // namespace cachey
