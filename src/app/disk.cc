#include "app/disk.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/units.h"
#include "store/disk/disk_file.h"
#include "store/disk/uring_device.h"

namespace cachey::app {
namespace {

constexpr uint64_t kWriteQueueMax = 256 * kMiB;
// The queue of writes and the index may each take 1 / kMemoryShare of --memory.
constexpr uint64_t kMemoryShare = 4;

}  // namespace

Result<std::unique_ptr<Disk>> Disk::open(const Options& options, store::MemoryTier& memory,
                                         const Clock& clock, Random& random) {
  const store::DiskPath path{options.disk_path, options.disk_kind, options.disk_capacity,
                             options.disk_wipe};
  Result<std::unique_ptr<store::DiskFile>> file =
      store::DiskFile::open(path, store::DiskFile::Access::kReadWrite);
  if (!file) return std::unexpected(std::move(file.error()));
  std::unique_ptr<Disk> disk(new Disk);
  const auto io = options.iouring ? store::DiskIo::kUring : store::DiskIo::kThreads;
  disk->device_ = store::make_device(std::move(*file), io, disk->pool_, options.threads);
  store::DiskTierConfig config;
  config.write_queue_bytes = std::min(kWriteQueueMax, memory.limit_bytes() / kMemoryShare);
  config.index_bytes_max = memory.limit_bytes() / kMemoryShare;
  config.charge = [&memory](int64_t bytes) { memory.charge(bytes); };
  const auto start =
      options.disk_wipe ? store::DiskTier::Start::kWipe : store::DiskTier::Start::kKeep;
  Result<std::unique_ptr<store::DiskTier>> tier =
      store::DiskTier::open(*disk->device_, std::move(config), start, clock, random);
  if (!tier) return fail(tier.error().kind(), options.disk_path + ": " + tier.error().message());
  disk->tier_ = std::move(*tier);
  return disk;
}

void Disk::read_index(std::chrono::milliseconds patience) {
  std::promise<void> done;
  index_read_ = done.get_future();
  reading_ = std::jthread([this, done = std::move(done)]() mutable {
    tier_->recover();
    done.set_value();
  });
  (void)wait_for_index(patience);
}

bool Disk::wait_for_index(std::chrono::nanoseconds limit) {
  return index_read_.wait_for(limit) == std::future_status::ready;
}

}  // namespace cachey::app
