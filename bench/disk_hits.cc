// Measures a hit in the disk tier beside a bare O_DIRECT pread of the same blocks of the same file:
//
//   build/release/bench/disk_hits DIRECTORY [GIB] [SECONDS]
//
// Fills a store of GIB (default 4) with full pages. Then reads blocks of 64 KiB and whole pages at
// random, one at a time: through the tier by io_uring and by threads, and by pread. To read the
// same blocks by fio:
//
//   fio --name=r --filename=DIRECTORY/cachey.disk --direct=1 --rw=randread --bs=64k --runtime=3
//   --time_based

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/random.h"
#include "rt/blocking_pool.h"
#include "store/arena.h"
#include "store/disk/disk_file.h"
#include "store/disk/disk_tier.h"
#include "store/disk/io_parts.h"
#include "store/disk/uring_device.h"

namespace cachey::store {
namespace {

using Seconds = std::chrono::duration<double>;

/// One measurement: the duration of each operation.
class Times {
 public:
  void add(Seconds took) { micros_.push_back(took.count() * 1e6); }
  void print(const char* what, uint64_t bytes) {
    std::ranges::sort(micros_);
    double total = 0;
    for (const double m : micros_) total += m;
    std::printf("%-24s %6zu reads  p50 %8.1f us  p99 %8.1f us  %7.2f GB/s\n", what, micros_.size(),
                micros_[micros_.size() / 2], micros_[micros_.size() * 99 / 100],
                static_cast<double>(bytes * micros_.size()) / total / 1e3);
  }

 private:
  std::vector<double> micros_;
};

/// A page with memory that stays.
class Source final : public DiskWriteSource {
 public:
  Source(DiskPage page, std::vector<iovec> parts)
      : page_(std::move(page)), parts_(std::move(parts)) {}

  [[nodiscard]] uint64_t bytes() const override { return page_.bytes; }
  [[nodiscard]] DiskPage page() const override { return page_; }
  [[nodiscard]] std::optional<DiskPageMemory> take() override {
    return DiskPageMemory{parts_, nullptr};
  }

 private:
  const DiskPage page_;
  const std::vector<iovec> parts_;
};

/// A tier over DIRECTORY, and a worker that runs while the caller waits for a task.
class Bench {
 public:
  Bench(const std::string& directory, uint64_t bytes, Seconds limit)
      : directory_(directory), bytes_(bytes), limit_(limit) {
    Extents extents;
    CHECK(arena_.allocate(kPageBytes, this, extents));
    for (const Extent& extent : extents) slabs_.push_back(iovec{extent.data, extent.size});
  }

  void fill() {
    open(DiskIo::kUring, DiskTier::Start::kWipe);
    const auto began = clock_.mono();
    auto work = [this]() -> rt::Task<void> {
      for (uint32_t index = 0; index < pages(); ++index) {
        static_cast<std::byte*>(slabs_[0].iov_base)[0] = static_cast<std::byte>(index);
        Source source(page(index), slabs_);
        const DiskWrite wrote = co_await tier_->write(worker_, source);
        CHECK(wrote == DiskWrite::kStored);
      }
      const MonoTime deadline = clock_.mono() + std::chrono::minutes(5);
      auto progress = [](uint64_t) {};
      const bool flushed = co_await tier_->flush(worker_, deadline, progress);
      CHECK(flushed);
    };
    run(work());
    const Seconds took = clock_.mono() - began;
    std::printf("%-24s %.2f GB/s\n", "fill",
                static_cast<double>(pages() * kPageBytes) / took.count() / 1e9);
    close();
  }

  void read_by_tier(DiskIo io, uint64_t bytes) {
    open(io, DiskTier::Start::kKeep);
    Times times;
    auto work = [&]() -> rt::Task<void> {
      std::mt19937 random(1);
      const MonoTime end =
          clock_.mono() + std::chrono::duration_cast<std::chrono::nanoseconds>(limit_);
      while (clock_.mono() < end) {
        const MonoTime began = clock_.mono();
        const PageAt at = PageAt::page(static_cast<uint32_t>(random() % pages()));
        const auto found = tier_->find(worker_, "bench", "object", at);
        const uint64_t begin = random() % (kPageBytes / bytes) * bytes;
        const ByteRange range{begin, begin + bytes};
        std::vector<iovec> into = slice(slabs_, ByteRange{0, bytes});
        const DiskRead read =
            co_await tier_->read(worker_, *found, range, std::move(into), nullptr);
        CHECK(read == DiskRead::kOk);
        times.add(clock_.mono() - began);
      }
    };
    run(work());
    times.print(io == DiskIo::kUring ? "tier, io_uring" : "tier, threads", bytes);
    close();
  }

  void read_bare(uint64_t bytes) {
    const int fd = ::open((directory_ + "/cachey.disk").c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    CHECK(fd >= 0);
    Times times;
    std::mt19937_64 random(1);
    const std::vector<iovec> into = slice(slabs_, ByteRange{0, bytes});
    const MonoTime end =
        clock_.mono() + std::chrono::duration_cast<std::chrono::nanoseconds>(limit_);
    while (clock_.mono() < end) {
      const uint64_t offset = kDataOffset + random() % (pages() * kPageBytes / bytes - 1) * bytes;
      const MonoTime began = clock_.mono();
      const ssize_t got =
          ::preadv(fd, into.data(), static_cast<int>(into.size()), static_cast<off_t>(offset));
      CHECK(got == static_cast<ssize_t>(bytes));
      times.add(clock_.mono() - began);
    }
    ::close(fd);
    times.print("bare pread", bytes);
  }

 private:
  [[nodiscard]] uint32_t pages() const {
    return static_cast<uint32_t>(bytes_ / kPageBytes) - 1;  // the rest is for the journal
  }

  [[nodiscard]] static DiskPage page(uint32_t index) {
    DiskPage made;
    made.kind = "bench";
    made.object = "object";
    made.at = PageAt::page(index);
    made.bytes = kPageBytes;
    made.info = ObjectInfo{"\"etag\"", kTiB, 1};
    return made;
  }

  void open(DiskIo io, DiskTier::Start start) {
    auto file = DiskFile::open({directory_, DiskKind::kFs, bytes_}, DiskFile::Access::kReadWrite);
    if (!file) {
      std::fprintf(stderr, "%s\n", file.error().message().c_str());
      std::exit(1);
    }
    device_ = make_device(std::move(*file), io, pool_, 1);
    auto tier = DiskTier::open(*device_, {}, start, clock_, random_);
    CHECK(tier.has_value());
    tier_ = std::move(*tier);
    tier_->recover();
  }

  void close() {
    tier_.reset();
    device_.reset();
  }

  void run(rt::Task<void> task) {
    worker_.tasks().spawn(std::move(task));
    while (worker_.tasks().size() > 0) worker_.io().run_one();
  }

  const std::string directory_;
  const uint64_t bytes_;
  const Seconds limit_;
  SystemClock clock_;
  SystemRandom random_;
  rt::BlockingPool pool_{4};
  rt::Worker worker_{0, clock_};
  Arena arena_{4 * kPageBytes};
  std::vector<iovec> slabs_;
  std::unique_ptr<BlockDevice> device_;
  std::unique_ptr<DiskTier> tier_;
};

}  // namespace
}  // namespace cachey::store

int main(int argc, char** argv) {
  using namespace cachey;
  if (argc < 2) {
    std::fprintf(stderr, "usage: disk_hits DIRECTORY [GIB] [SECONDS]\n");
    return 2;
  }
  log::start(log::Level::kWarn);
  const uint64_t gib = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 4;
  const double seconds = argc > 3 ? std::strtod(argv[3], nullptr) : 3;
  store::Bench bench(argv[1], std::max<uint64_t>(gib, 1) * kGiB,
                     std::chrono::duration<double>(seconds));
  bench.fill();
  for (const uint64_t bytes : {store::kDiskBlockBytes, kPageBytes}) {
    std::printf("reads of %llu KiB\n", static_cast<unsigned long long>(bytes / kKiB));
    bench.read_bare(bytes);
    bench.read_by_tier(store::DiskIo::kUring, bytes);
    bench.read_by_tier(store::DiskIo::kThreads, bytes);
  }
  return 0;
}
