#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "rt/blocking_pool.h"
#include "store/disk/disk_file.h"
#include "store/disk/uring_device.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

/// A directory for a test, removed at the end.
class Scratch {
 public:
  Scratch() : path_(testing::TempDir() + "cachey-disk-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

DiskPath in(const Scratch& scratch, DiskKind kind, uint64_t capacity = 64 * kMiB) {
  return DiskPath{kind == DiskKind::kFs ? scratch.path() : scratch.path() + "/device", kind,
                  capacity};
}

TEST(DiskFile, ReservesItsCapacityAndKeepsIt) {
  const Scratch scratch;
  {
    const auto file = DiskFile::open(in(scratch, DiskKind::kFs), DiskFile::Access::kReadWrite);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ((*file)->size(), 64 * kMiB);
  }
  const auto again = DiskFile::open(in(scratch, DiskKind::kFs, 0), DiskFile::Access::kReadWrite);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->size(), 64 * kMiB) << "no capacity said: as it is";
}

TEST(DiskFile, GetsShorterOnlyIfItIsCut) {
  const Scratch scratch;
  auto bytes_with = [&scratch](uint64_t capacity, bool cut) {
    const auto file =
        DiskFile::open(in(scratch, DiskKind::kFs, capacity), DiskFile::Access::kReadWrite);
    EXPECT_EQ((*file)->size(), capacity);
    if (cut) EXPECT_TRUE((*file)->cut(capacity).ok());
    return std::filesystem::file_size(scratch.path() + "/cachey.disk");
  };
  EXPECT_EQ(bytes_with(128 * kMiB, false), 128 * kMiB);
  EXPECT_EQ(bytes_with(64 * kMiB, false), 128 * kMiB);
  EXPECT_EQ(bytes_with(64 * kMiB, true), 64 * kMiB);
  EXPECT_EQ(bytes_with(96 * kMiB, true), 96 * kMiB) << "it is not shorter than this";
}

TEST(DiskFile, IsOneProcessesAlone) {
  const Scratch scratch;
  for (const DiskKind kind : {DiskKind::kFs, DiskKind::kBlock}) {
    std::ofstream(scratch.path() + "/device");
    const auto file = DiskFile::open(in(scratch, kind), DiskFile::Access::kReadWrite);
    ASSERT_TRUE(file) << file.error().message();
    const auto second = DiskFile::open(in(scratch, kind), DiskFile::Access::kReadWrite);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind(), ErrorKind::kInternal) << "the other process may end";
    EXPECT_NE(second.error().message().find("in use by another process"), std::string::npos);
  }
}

TEST(DiskFile, WaitsForTheLockAsLongAsTheCallerWants) {
  const Scratch scratch;
  const DiskPath path = in(scratch, DiskKind::kFs);
  auto first = DiskFile::open(path, DiskFile::Access::kReadWrite);
  ASSERT_TRUE(first);
  int waits = 0;
  const auto wait = [&](const std::string& file) {
    EXPECT_EQ(file, scratch.path() + "/cachey.disk");
    if (++waits == 3) (*first).reset();  // the other process ends
    return true;
  };
  EXPECT_TRUE(DiskFile::open(path, DiskFile::Access::kReadWrite, wait));
  EXPECT_EQ(waits, 3);
}

TEST(DiskFile, MakesItsDirectoryForThisUserAlone) {
  const Scratch scratch;
  const std::string path = scratch.path() + "/a/b";
  EXPECT_FALSE(DiskFile::open({path, DiskKind::kFs, 64 * kMiB}, DiskFile::Access::kReadOnly));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(DiskFile::open({path, DiskKind::kFs, 64 * kMiB}, DiskFile::Access::kReadWrite));
  for (const std::string& made : {path, scratch.path() + "/a"}) {
    EXPECT_EQ(std::filesystem::status(made).permissions(), std::filesystem::perms::owner_all);
  }
  std::ofstream(scratch.path() + "/file") << "x";
  const auto below = DiskFile::open({scratch.path() + "/file/c", DiskKind::kFs, 64 * kMiB},
                                    DiskFile::Access::kReadWrite);
  EXPECT_NE(below.error().message().find("Not a directory"), std::string::npos);
}

TEST(DiskFile, ChangesNothingInAFileThatHoldsOtherData) {
  const Scratch scratch;
  for (const DiskKind kind : {DiskKind::kFs, DiskKind::kBlock}) {
    const std::string file = scratch.path() + (kind == DiskKind::kFs ? "/cachey.disk" : "/device");
    std::ofstream(file) << "a photograph";
    const auto opened = DiskFile::open(in(scratch, kind), DiskFile::Access::kReadWrite);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message().find("no cache of ours"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(file), 12u);
    DiskPath wiped = in(scratch, kind);
    wiped.wipe = true;
    EXPECT_TRUE(DiskFile::open(wiped, DiskFile::Access::kReadWrite));
  }
}

TEST(DiskFile, SaysWhyItCannotBeUsed) {
  const Scratch scratch;
  auto why = [](const DiskPath& path) {
    const auto file = DiskFile::open(path, DiskFile::Access::kReadWrite);
    return file ? std::string("no reason") : file.error().message();
  };
  const std::string none = scratch.path() + "/none";
  EXPECT_NE(why({none, DiskKind::kBlock, 64 * kMiB}).find("none is made"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(none));
  EXPECT_NE(why({scratch.path(), DiskKind::kBlock, 0}).find("neither a block device"),
            std::string::npos);
  std::ofstream(scratch.path() + "/file") << "x";
  EXPECT_NE(why({scratch.path() + "/file", DiskKind::kFs, 0}).find("not a directory"),
            std::string::npos);
  EXPECT_NE(why(in(scratch, DiskKind::kFs, kMiB)).find("at least 64MiB"), std::string::npos);
  EXPECT_NE(why(in(scratch, DiskKind::kFs, 15 * kTiB)).find("cannot reserve"), std::string::npos);
}

TEST(DiskFile, AnOperationThatStopsShortGoesOnWhereItStopped) {
  std::array<std::byte, 30> bytes{};
  std::vector<iovec> parts{{bytes.data(), 10}, {bytes.data() + 10, 10}, {bytes.data() + 20, 10}};
  drop_front(parts, 4);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].iov_base, bytes.data() + 4);
  EXPECT_EQ(parts[0].iov_len, 6u);
  drop_front(parts, 16);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].iov_base, bytes.data() + 20);
  drop_front(parts, 10);
  EXPECT_TRUE(parts.empty());
}

/// Both kinds of device, on a real file.
class Devices : public ::testing::TestWithParam<DiskIo> {
 protected:
  Devices() {
    auto file = DiskFile::open(in(scratch_, DiskKind::kFs), DiskFile::Access::kReadWrite);
    CHECK(file.has_value());
    device_ = make_device(std::move(*file), GetParam(), pool_, 1);
  }

  const Scratch scratch_;
  rt::BlockingPool pool_{4};
  DiskTestWorker test_;
  std::unique_ptr<BlockDevice> device_;
};

TEST_P(Devices, GiveBackWhatWasWrittenManyAtATime) {
  constexpr size_t kOperations = 500;
  std::vector<std::unique_ptr<AlignedBuffer>> written;
  std::mt19937_64 random(1);
  size_t done = 0;
  auto write_and_read = [&](size_t i) -> rt::Task<void> {
    const AlignedBuffer& from = *written[i];
    std::span<std::byte> bytes(const_cast<std::byte*>(from.bytes().data()), from.bytes().size());
    const std::vector<iovec> parts{{bytes.data(), 4096},
                                   {bytes.data() + 4096, bytes.size() - 4096}};
    const IoStatus wrote = co_await device_->write(test_.worker(), i * 64 * kKiB, std::span(parts));
    EXPECT_TRUE(wrote.ok());
    AlignedBuffer into(bytes.size());
    const iovec part = into.part();
    const IoStatus read =
        co_await device_->read(test_.worker(), i * 64 * kKiB, std::span(&part, 1));
    EXPECT_TRUE(read.ok());
    EXPECT_TRUE(std::ranges::equal(into.bytes(), bytes));
    ++done;
  };
  for (size_t i = 0; i < kOperations; ++i) {
    written.push_back(std::make_unique<AlignedBuffer>(8192 + random() % 14 * 4096));
    for (std::byte& b : written.back()->bytes()) b = static_cast<std::byte>(random());
  }
  for (size_t i = 0; i < kOperations; ++i) test_.worker().tasks().spawn(write_and_read(i));
  test_.settle();
  EXPECT_EQ(done, kOperations);
  EXPECT_TRUE(test_.run(device_->sync(test_.worker())).ok());
}

TEST_P(Devices, PastTheEndIsAnError) {
  AlignedBuffer into(4096);
  const iovec part = into.part();
  EXPECT_FALSE(test_.run(device_->read(test_.worker(), kTiB, {&part, 1})).ok());
  EXPECT_FALSE(device_->read_now(kTiB, into.bytes()).ok());
}

TEST_P(Devices, CarryATier) {
  FixedRandom random(0.5);
  const DiskPage page = make_page("object", 0, 5'000'000);
  const auto content = page_content(page);
  for (const bool first : {true, false}) {
    auto tier = DiskTier::open(*device_, DiskHarness::quick(), DiskTier::Start::kKeep,
                               test_.clock(), random);
    ASSERT_TRUE(tier);
    (*tier)->recover();
    if (first) {
      const auto wrote = test_.run(write_page(**tier, test_.worker(), page));
      EXPECT_EQ(wrote, DiskWrite::kStored);
      const MonoTime deadline = test_.clock().mono() + std::chrono::seconds(60);
      EXPECT_TRUE(test_.run((*tier)->flush(test_.worker(), deadline, [](uint64_t) {})));
    }
    {
      const auto found = (*tier)->find(test_.worker(), "kind", "object", PageAt());
      ASSERT_TRUE(found);
      auto into = std::make_shared<AlignedBuffer>(page.bytes);
      const ByteRange all{0, page.bytes};
      EXPECT_EQ(test_.run((*tier)->read(test_.worker(), *found, all, {into->part()}, into)),
                DiskRead::kOk);
      EXPECT_EQ(std::memcmp(into->bytes().data(), content->bytes().data(), page.bytes), 0);
    }
    test_.settle();
  }
}

INSTANTIATE_TEST_SUITE_P(DiskDevices, Devices, ::testing::Values(DiskIo::kThreads, DiskIo::kUring),
                         [](const auto& info) {
                           return info.param == DiskIo::kUring ? "Uring" : "Pool";
                         });

}  // namespace
}  // namespace cachey::store
