#include "origin/dir/dir_origin.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/testing/eventually.h"
#include "base/units.h"
#include "origin/testing/test_worker.h"

namespace cachey::origin {
namespace {

namespace fs = std::filesystem;

class DirOriginTest : public ::testing::Test {
 protected:
  DirOriginTest() {
    char name[] = "/tmp/cachey-dir-origin-XXXXXX";
    top_ = ::mkdtemp(name);
    root_ = top_ / "root";
    fs::create_directories(root_ / "b" / "sub");
    fs::create_directories(root_ / "other");
    write("b/file", "0123456789");
    write("b/sub/deep", "deep");
    write("other/file", "other");
    std::ofstream(top_ / "outside") << "outside";
    origin_ = std::move(make_dir_origin(root_, workers_.pool(), attributes_).value());
  }
  ~DirOriginTest() override {
    workers_.stop();
    fs::remove_all(top_);
  }

  void write(const fs::path& path, std::string_view content) {
    std::ofstream(root_ / path, std::ios::binary) << content;
  }

  Fetched fetch(std::string bucket, std::string key, ByteRange range = {0, 100},
                std::string if_match = {}) {
    GetRequest request;
    request.bucket = std::move(bucket);
    request.key = std::move(key);
    request.range = range;
    request.if_match = std::move(if_match);
    return workers_.fetch(*origin_, std::move(request));
  }

  Fetched ask(Ask ask, std::string key, ByteRange range = {}) {
    GetRequest request;
    request.bucket = "b";
    request.key = std::move(key);
    request.range = range;
    request.ask = ask;
    return workers_.fetch(*origin_, std::move(request));
  }

  Result<std::unique_ptr<GetStream>> open_file() {
    GetRequest request;
    request.bucket = "b";
    request.key = "file";
    request.range = {0, 10};
    return workers_.run(origin_->get(workers_.workers()[0], request));
  }

  ErrorKind error(std::string bucket, std::string key) {
    const Fetched fetched = fetch(std::move(bucket), std::move(key));
    EXPECT_FALSE(fetched.ok) << fetched.body;
    return fetched.error;
  }

  fs::path top_;
  fs::path root_;
  AttributesPool attributes_;
  TestWorkers workers_;
  std::unique_ptr<Origin> origin_;
};

TEST_F(DirOriginTest, AHeadTellsTheVersionWithoutABody) {
  write("b/empty", "");
  const Fetched head = ask(Ask::kHead, "file");
  ASSERT_TRUE(head.ok) << head.message;
  EXPECT_EQ(head.info.size, 10u);
  EXPECT_EQ(head.info.etag, fetch("b", "file").info.etag);
  EXPECT_TRUE(head.range.empty());
  const Fetched empty = ask(Ask::kHead, "empty");
  ASSERT_TRUE(empty.ok) << empty.message;
  EXPECT_EQ(empty.info.size, 0u);
  EXPECT_NE(empty.info.etag, "");
  EXPECT_EQ(ask(Ask::kHead, "none").error, ErrorKind::kNotFound);
}

TEST_F(DirOriginTest, ATailIsTheLastBytes) {
  write("b/empty", "");
  EXPECT_EQ(ask(Ask::kTail, "file", {0, 3}).body, "789");
  const Fetched all = ask(Ask::kTail, "file", {0, 300});
  EXPECT_EQ(all.body, "0123456789");
  EXPECT_EQ(all.range, (ByteRange{0, 10}));
  const Fetched empty = ask(Ask::kTail, "empty", {0, 3});
  EXPECT_EQ(empty.error, ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(empty.object_size, 0u);
}

TEST_F(DirOriginTest, ReadsRangesAndCutsThemAtTheEnd) {
  const Fetched part = fetch("b", "file", {2, 5});
  ASSERT_TRUE(part.ok) << part.message;
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.range, (ByteRange{2, 5}));
  EXPECT_EQ(part.info.size, 10u);
  EXPECT_NE(part.info.last_modified, 0);
  EXPECT_THAT(part.info.etag, ::testing::MatchesRegex("\"[0-9a-f-]+\""));

  const Fetched tail = fetch("b", "file", {8, 100});
  EXPECT_EQ(tail.body, "89");
  EXPECT_EQ(tail.range, (ByteRange{8, 10}));
  EXPECT_EQ(tail.info.etag, part.info.etag);

  EXPECT_EQ(fetch("b", "sub/deep").body, "deep");
  EXPECT_EQ(fetch("other", "file").body, "other");
}

TEST_F(DirOriginTest, ReadsInPiecesWhateverTheBuffer) {
  std::string content;
  for (size_t i = 0; i < 3 * kMiB + 77; ++i) content += static_cast<char>(i * 7 + i / 1024);
  write("b/big", content);
  GetRequest request;
  request.bucket = "b";
  request.key = "big";
  request.range = {5, content.size()};
  const Fetched fetched = workers_.fetch(*origin_, std::move(request), 16 * kMiB);
  ASSERT_TRUE(fetched.ok);
  EXPECT_TRUE(fetched.body == content.substr(5));
}

TEST_F(DirOriginTest, ARangePastTheEndTellsTheSize) {
  for (const uint64_t begin : {10, 11, 1000}) {
    const Fetched fetched = fetch("b", "file", {begin, begin + 1});
    EXPECT_EQ(fetched.error, ErrorKind::kRangeNotSatisfiable);
    EXPECT_EQ(fetched.object_size, 10u);
  }
  write("b/empty", "");
  const Fetched empty = fetch("b", "empty", {0, 1});
  EXPECT_EQ(empty.error, ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(empty.object_size, 0u);
}

TEST_F(DirOriginTest, KeysThatCannotBeFilesAreNotFound) {
  for (const std::string key : {"missing", "", "/file", "file/", "sub//deep", "sub/../file",
                                "./file", "sub/.", "..", "sub/deep/x", "file/x", "sub"}) {
    EXPECT_EQ(error("b", key), ErrorKind::kNotFound) << key;
  }
  EXPECT_EQ(error("b", std::string("file\0", 5)), ErrorKind::kNotFound);
  EXPECT_EQ(error("b", std::string(300, 'x')), ErrorKind::kNotFound);
  EXPECT_EQ(error("b", std::string(5000, 'x')), ErrorKind::kNotFound);
}

TEST_F(DirOriginTest, BucketsAreDirectSubdirectories) {
  write("plain", "a file, not a bucket");
  for (const std::string bucket : {"missing", "", ".", "..", "b/sub", "/b", "plain"}) {
    EXPECT_EQ(error(bucket, "file"), ErrorKind::kNotFound) << bucket;
    EXPECT_EQ(fetch(bucket, "file", {0, 1}).cause, ErrorCause::kNoSuchBucket) << bucket;
  }
  for (const std::string key : {"missing", "sub", "a//b"}) {
    EXPECT_EQ(fetch("b", key, {0, 1}).cause, ErrorCause::kNoSuchKey) << key;
  }
  EXPECT_EQ(error(std::string("b\0", 2), "file"), ErrorKind::kNotFound);
}

TEST_F(DirOriginTest, LinksMayNotLeadOut) {
  fs::create_symlink("sub/deep", root_ / "b/inside");
  fs::create_symlink("../other/file", root_ / "b/next-bucket");
  fs::create_symlink("../../outside", root_ / "b/outside");
  fs::create_symlink(top_ / "outside", root_ / "b/absolute");
  fs::create_symlink(root_ / "b/file", root_ / "b/absolute-inside");
  fs::create_symlink("..", root_ / "b/up");
  fs::create_symlink("loop", root_ / "b/loop");
  fs::create_symlink("/proc/self/root", root_ / "b/magic");
  fs::create_symlink("b", root_ / "linked-bucket");
  fs::create_symlink("..", root_ / "bucket-out");
  EXPECT_EQ(fetch("b", "inside").body, "deep");
  EXPECT_EQ(fetch("linked-bucket", "file").body, "0123456789");
  for (const std::string key : {"next-bucket", "outside", "absolute", "absolute-inside",
                                "up/other/file", "loop", "magic/etc/passwd"}) {
    EXPECT_EQ(error("b", key), ErrorKind::kNotFound) << key;
  }
  EXPECT_EQ(error("bucket-out", "outside"), ErrorKind::kNotFound);
}

TEST_F(DirOriginTest, OnlyRegularFilesAreObjects) {
  ASSERT_EQ(::mkfifo((root_ / "b/fifo").c_str(), 0600), 0);
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (root_ / "b/socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(error("b", "fifo"), ErrorKind::kNotFound);
  EXPECT_EQ(error("b", "socket"), ErrorKind::kNotFound);
  EXPECT_EQ(error("b", "sub"), ErrorKind::kNotFound);
  ::close(server);
}

/// Whether a thread of this process sleeps in a system call.
bool is_asleep(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string number;
  std::string name;
  std::string state;
  file >> number >> name >> state;
  return state == "S";
}

TEST_F(DirOriginTest, AFifosWriterIsNotWoken) {
  const fs::path fifo = root_ / "b/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  std::atomic<pid_t> id = 0;
  std::atomic<bool> opened = false;
  std::jthread writer([&] {
    id = ::gettid();
    const int fd = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
    opened = true;
    ::close(fd);
  });
  ASSERT_TRUE(eventually([&] { return id != 0 && is_asleep(id); }));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(error("b", "fifo"), ErrorKind::kNotFound);
  EXPECT_TRUE(is_asleep(id));
  EXPECT_FALSE(opened);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // ends the writer
  writer.join();
  ::close(reader);
}

TEST_F(DirOriginTest, UnreadableFilesAreDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every file";
  fs::permissions(root_ / "b/file", fs::perms::none);
  EXPECT_EQ(error("b", "file"), ErrorKind::kDenied);
}

TEST_F(DirOriginTest, IfMatchTakesTheVersionThatWasSeen) {
  const std::string etag = fetch("b", "file").info.etag;
  EXPECT_EQ(fetch("b", "file", {0, 5}, etag).body, "01234");
  EXPECT_EQ(fetch("b", "file", {0, 5}, "\"other\"").error, ErrorKind::kChanged);
  write("b/file", "changed its content");
  EXPECT_EQ(fetch("b", "file", {0, 5}, etag).error, ErrorKind::kChanged);
}

TEST_F(DirOriginTest, EachWriteMakesAVersionHoweverSoon) {
  std::string last;
  for (int i = 0; i < 20; ++i) {
    write("b/file", std::to_string(1'000'000 + i));
    const Fetched fetched = fetch("b", "file");
    ASSERT_TRUE(fetched.ok) << fetched.message;
    EXPECT_NE(fetched.info.etag, last) << i;
    last = fetched.info.etag;
  }
}

TEST_F(DirOriginTest, AFileThatChangesUnderTheReadIsAnError) {
  Result<std::unique_ptr<GetStream>> stream = open_file();
  ASSERT_TRUE(stream.has_value());
  std::vector<std::byte> buffer(4);
  const Result<size_t> first = workers_.run((*stream)->read(buffer));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(*first, 4u);
  write("b/file", "ABCDEFGHIJ!");
  const Result<size_t> second = workers_.run((*stream)->read(buffer));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind(), ErrorKind::kChanged);
}

TEST_F(DirOriginTest, ATruncatedFileIsAnError) {
  Result<std::unique_ptr<GetStream>> stream = open_file();
  ASSERT_TRUE(stream.has_value());
  fs::resize_file(root_ / "b/file", 0);
  std::vector<std::byte> buffer(4);
  const Result<size_t> got = workers_.run((*stream)->read(buffer));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().kind(), ErrorKind::kChanged);
}

TEST_F(DirOriginTest, AFileHasTheTypeOfAnObjectWithoutAType) {
  for (const char* key : {"file", "sub/deep"}) {
    const ObjectAttributesPtr attributes = fetch("b", key).info.attributes;
    ASSERT_NE(attributes, nullptr);
    EXPECT_EQ(attributes->lines(), "Content-Type: binary/octet-stream\r\n");
    EXPECT_EQ(attributes->checksum_lines(), "");
  }
  EXPECT_EQ(attributes_.entries(), 1);
}

TEST_F(DirOriginTest, TheRootMustBeADirectory) {
  for (const fs::path& root : {top_ / "missing", top_ / "outside"}) {
    const auto made = make_dir_origin(root, workers_.pool(), attributes_);
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error().message(), ::testing::HasSubstr(root.string()));
  }
}

}  // namespace
}  // namespace cachey::origin
