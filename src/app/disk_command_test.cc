#include "app/disk_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "rt/blocking_pool.h"
#include "store/disk/disk_file.h"
#include "store/disk/disk_tier.h"
#include "store/disk/file_device.h"
#include "store/disk/io_parts.h"

namespace cachey::app {
namespace {

class OnePage final : public store::DiskWriteSource {
 public:
  [[nodiscard]] uint64_t bytes() const override { return kBytes; }
  [[nodiscard]] store::DiskPage page() const override {
    store::DiskPage page;
    page.kind = "some-kind";
    page.object = "object";
    page.bytes = kBytes;
    page.info = ObjectInfo{"\"etag\"", kBytes, 1};
    page.cached_at = 1'700'000'000;
    return page;
  }
  [[nodiscard]] std::optional<store::DiskPageMemory> take() override {
    auto content = std::make_shared<store::AlignedBuffer>(kBytes);
    std::ranges::fill(content->bytes(), std::byte{0x5a});
    return store::DiskPageMemory{{content->part()}, content};
  }

 private:
  static constexpr uint64_t kBytes = 70'000;
};

struct Ran {
  int code;
  std::string out;
  std::string err;
};

Ran run(const std::vector<const char*>& arguments) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_disk_command(static_cast<int>(arguments.size()), arguments.data());
  return Ran{code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

/// A store of one page in a directory of its own.
class DiskCommand : public ::testing::Test {
 protected:
  DiskCommand() {
    std::filesystem::create_directories(path_);
    auto file = store::DiskFile::open({path_, store::DiskKind::kFs, 64 * kMiB},
                                      store::DiskFile::Access::kReadWrite);
    CHECK(file.has_value());
    const SystemClock clock;
    FixedRandom random(0.5);
    rt::BlockingPool pool(1);
    store::FileDevice device(std::move(*file), pool);
    rt::Worker worker(0, clock);
    auto tier = store::DiskTier::open(device, {}, store::DiskTier::Start::kKeep, clock, random);
    CHECK(tier.has_value());
    (*tier)->recover();
    bool flushed = false;
    auto write = [&]() -> rt::Task<void> {
      OnePage page;
      (void)co_await (*tier)->write(worker, page);
      const MonoTime deadline = clock.mono() + std::chrono::seconds(60);
      auto progress = [](uint64_t) {};
      flushed = co_await (*tier)->flush(worker, deadline, progress);
    };
    worker.tasks().spawn(write());
    while (worker.tasks().size() > 0) worker.io().run_one();
    CHECK(flushed);
  }
  ~DiskCommand() override { std::filesystem::remove_all(path_); }

  const std::string path_ =
      testing::TempDir() + "cachey-disk-command-" + std::to_string(::getpid());
};

TEST_F(DiskCommand, InspectTellsWhatIsThere) {
  const Ran ran = run({"disk", "inspect", path_.c_str()});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("pages             1\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("payload           70000 "), std::string::npos);
  EXPECT_NE(ran.out.find("2023-11-14 22:13:20 UTC"), std::string::npos);
  EXPECT_NE(ran.out.find("kind \"some-kind\": 1 pages, 0 parts, 70000 bytes\n"), std::string::npos);
}

TEST_F(DiskCommand, VerifyFindsAFlippedByte) {
  EXPECT_EQ(run({"disk", "verify", path_.c_str()}).code, 0);
  const std::string file = path_ + "/cachey.disk";
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  std::vector<char> bytes(64 * kMiB);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const std::string needle(4096, '\x5a');
  const size_t at = std::string_view(bytes.data(), bytes.size()).find(needle);
  ASSERT_NE(at, std::string_view::npos);
  stream.seekp(static_cast<std::streamoff>(at + 10));
  stream.put('x');
  stream.close();
  const Ran ran = run({"disk", "verify", path_.c_str()});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("corrupt    1 (1 blocks)"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.err, "") << "no progress bar where nobody watches";
}

TEST_F(DiskCommand, HelpsWithItsVerbs) {
  const Ran all = run({"disk", "--help"});
  EXPECT_EQ(all.code, 0);
  EXPECT_EQ(all.out,
            "What is in a store on disk. Reads only; a store that is in use may seem damaged.\n"
            "Usage: cachey disk [OPTIONS] SUBCOMMAND\n\n"
            "Options:\n  -h,--help                   Print this help message and exit\n\n"
            "Subcommands:\n  inspect                     What the store's journal says is there\n"
            "  verify                      Read all pages and compare their checksums\n\n");
  EXPECT_EQ(
      run({"disk", "verify", "/x", "-h"}).out,
      "Read all pages and compare their checksums\nUsage: cachey disk verify [OPTIONS] PATH\n\n"
      "Positionals:\n  PATH TEXT REQUIRED          A directory, a device or a file\n\n"
      "Options:\n  -h,--help                   Print this help message and exit\n\n");
  EXPECT_EQ(run({"disk", "--help", "verify"}).out, run({"disk", "verify", "--help"}).out);
}

TEST_F(DiskCommand, SaysWhatIsWrongWithACall) {
  EXPECT_EQ(run({"disk"}).code, 2);
  EXPECT_EQ(run({"disk", "inspect"}).code, 2);
  EXPECT_EQ(run({"disk", "--help"}).code, 0);
  EXPECT_EQ(run({"disk", "format", "/x"}).err,
            "A subcommand is required\nRun with --help for more information.\n");
  EXPECT_EQ(run({"disk", "verify"}).err,
            "PATH is required\nRun with --help for more information.\n");
  EXPECT_EQ(run({"disk", "verify", "/x", "-y", "/z"}).err,
            "The following arguments were not expected: -y /z\n"
            "Run with --help for more information.\n");
  EXPECT_EQ(run({"disk", "inspect", "--", "-x"}).code, 1) << "a path may begin with a dash";
  const Ran none = run({"disk", "inspect", "/nonexistent"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err, "cachey disk: \"/nonexistent\": No such file or directory\n");
}

TEST_F(DiskCommand, ExitsAsUsualIfStandardErrorIsFull) {
  const int saved = ::dup(STDERR_FILENO);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ::dup2(full, STDERR_FILENO);
  const char* const wrong_call[] = {"disk", "format"};
  const char* const wrong_path[] = {"disk", "inspect", "/nonexistent"};
  const int call_code = run_disk_command(2, wrong_call);
  const int path_code = run_disk_command(3, wrong_path);
  ::dup2(saved, STDERR_FILENO);
  ::close(full);
  ::close(saved);
  EXPECT_EQ(call_code, 2);
  EXPECT_EQ(path_code, 1);
}

}  // namespace
}  // namespace cachey::app
