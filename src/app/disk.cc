#include "app/disk.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/units.h"
#include "store/disk/disk_file.h"
#include "store/disk/uring_device.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

// The share of --memory that the index may take.
constexpr uint64_t kIndexShare = 4;
// A page that waits to be written costs about 1 KiB, also once its memory is gone. So the pages
// that wait take at most 1 / 64 of --memory.
constexpr uint64_t kMemoryPerWaitingPage = 64 * kKiB;
constexpr size_t kWaitingPagesMax = 65'536;
// Pages cannot be evicted while the device writes them.
constexpr uint64_t kWrittenShare = 16;
// The share of --memory that the device may have past the deadlines of its reads and writes.
constexpr uint64_t kLateShare = 8;
constexpr uint64_t kWrittenAtOnceMax = 8 * kPageBytes;

constexpr uint64_t kStatBlockBytes = 512;  // the unit of st_blocks

// Until the lock of another process is tried again.
constexpr auto kLockPoll = 50ms;

// What the Rust implementation of Cachey leaves in its directory.
constexpr std::string_view kFoyerPrefix = "foyer-storage-direct-fs-";

/// Names the files of the Rust implementation, because nothing uses or removes them.
void warn_of_foyer_files(const std::string& directory) {
  size_t files = 0;
  uint64_t bytes = 0;
  std::string first;
  std::error_code failure;
  for (std::filesystem::directory_iterator at(directory, failure), end; !failure && at != end;
       at.increment(failure)) {
    const std::string name = at->path().filename();
    struct stat status{};
    if (!name.starts_with(kFoyerPrefix) || ::lstat(at->path().c_str(), &status) != 0) continue;
    if (files++ == 0 || name < first) first = name;
    bytes += static_cast<uint64_t>(status.st_blocks) * kStatBlockBytes;
  }
  if (files == 0) return;
  log::warn("files of the Rust Cachey keep disk space and are not used; remove them",
            {{"path", directory},
             {"files", std::string(kFoyerPrefix) + "*"},
             {"count", files},
             {"first", first},
             {"bytes", bytes}});
}

store::DiskTierConfig tier_config(store::MemoryTier& memory, const store::PinRules& pins,
                                  AttributesPool& attributes, Metrics& metrics) {
  store::DiskTierConfig config;
  config.pins = &pins;
  const uint64_t limit = memory.limit_bytes();
  config.writes.pages = std::min<size_t>(kWaitingPagesMax, limit / kMemoryPerWaitingPage);
  config.writes.bytes = limit;  // more pages cannot be in memory
  config.writes.bytes_at_once = std::min(kWrittenAtOnceMax, limit / kWrittenShare);
  config.late_bytes_max = limit / kLateShare;
  config.index_bytes_max = limit / kIndexShare;
  config.times.emplace(metrics);
  config.intern = [&attributes](ObjectAttributes text) {
    return attributes.intern(std::move(text));
  };
  config.charge = [&memory](int64_t bytes) { memory.charge(bytes); };
  return config;
}

}  // namespace

std::string_view to_string(DiskState state) {
  switch (state) {
    case DiskState::kOpening:
      return "opening";
    case DiskState::kReadingIndex:
      return "reading_index";
    case DiskState::kOnline:
      return "online";
    case DiskState::kOffline:
      return "offline";
    case DiskState::kFailed:
      return "failed";
    case DiskState::kUnusable:
      return "unusable";
  }
  return "unknown";
}

Disk::Disk(const Options& options, rt::Workers& workers, store::MemoryTier& memory,
           const store::PinRules& pins, AttributesPool& attributes, Metrics& metrics,
           const Clock& clock, Random& random)
    : options_(options),
      workers_(workers),
      clock_(clock),
      random_(random),
      tier_(tier_config(memory, pins, attributes, metrics), clock) {}

Disk::~Disk() = default;

void Disk::start_opening() {
  {
    const MutexLock lock(mutex_);
    ended_ = false;
  }
  opening_ = std::jthread([this](const std::stop_token& stop) {
    open(stop);
    const MutexLock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  });
}

void Disk::open(const std::stop_token& stop) {
  std::chrono::seconds delay = kRetryAfter;
  while (true) {
    Result<void> attached = attach(stop);
    if (attached) break;
    const bool device_failed = attached.error().kind() == ErrorKind::kInternal;
    enter(device_failed ? DiskState::kFailed : DiskState::kUnusable, std::move(attached));
    if (!device_failed || !wait(delay, stop)) return;
    delay = std::min(2 * delay, kRetryAfterMax);
  }
  enter(DiskState::kReadingIndex);
  tier_.recover();
  rt::Worker& worker = workers_[0];
  rt::asio::post(worker.io(), [this, &worker] { tier_.begin_writing(worker); });
  enter(DiskState::kOnline);
  watch_file(stop);
}

/// A file without a name is read and written as any other.
void Disk::watch_file(const std::stop_token& stop) {
  while (wait(kLookEvery, stop)) {
    if (!file_->is_deleted()) continue;
    log::warn("disk file was deleted; its pages are lost when this process ends",
              {{"path", file_->path()}});
    const MutexLock lock(mutex_);
    file_deleted_ = true;
    return;
  }
}

Result<void> Disk::attach(const std::stop_token& stop) {
  const store::DiskPath path{options_.disk_path, options_.disk_kind, options_.disk_capacity,
                             options_.disk_wipe};
  device_.reset();  // of the last attempt: it holds the file's lock
  const bool fs = options_.disk_kind == store::DiskKind::kFs;
  const MonoTime patience_ends = clock_.mono() + kLockPatience;
  bool waits = false;
  const auto wait_for_lock = [&](const std::string& locked) {
    if (!std::exchange(waits, true)) {
      log::info("disk is in use by another process; waiting for the process to end",
                {{"path", locked}});
    }
    return clock_.mono() < patience_ends && wait(kLockPoll, stop);
  };
  Result<std::unique_ptr<store::DiskFile>> file =
      store::DiskFile::open(path, store::DiskFile::Access::kReadWrite, wait_for_lock);
  if (!file) return std::unexpected(std::move(file.error()));
  if (fs) warn_of_foyer_files(options_.disk_path);
  if (options_.disk_wipe) {
    log::warn("disk is wiped, as --disk-wipe says; left in a config file, it does so at each start",
              {{"path", options_.disk_path}});
  }
  const auto io = options_.iouring ? store::DiskIo::kUring : store::DiskIo::kThreads;
  file_ = file->get();
  device_ = store::make_device(std::move(*file), io, pool_, options_.threads);
  const auto start =
      options_.disk_wipe ? store::DiskTier::Start::kWipe : store::DiskTier::Start::kKeep;
  Result<void> attached = tier_.attach(*device_, start, random_);
  if (attached) return {};
  return fail(attached.error().kind(), options_.disk_path + ": " + attached.error().message());
}

bool Disk::wait(std::chrono::nanoseconds delay, const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  (void)changed_.wait_for(mutex_, stop, delay, [] { return false; });
  return !stop.stop_requested();
}

void Disk::enter(DiskState state, Result<void> result) {
  const MutexLock lock(mutex_);
  state_ = state;
  result_ = std::move(result);
  if (logs_errors_) log_error();
  changed_.notify_all();
}

void Disk::log_errors() {
  const MutexLock lock(mutex_);
  logs_errors_ = true;
  log_error();
}

void Disk::log_error() {
  if (result_) return;
  log::error("disk cannot be opened, serving without it",
             {{"error", result_.error().message()}, {"state", to_string(state_)}});
}

bool Disk::wait_for_device(std::chrono::nanoseconds limit) {
  const MutexLock lock(mutex_);
  return changed_.wait_for(mutex_, limit,
                           [this]() REQUIRES(mutex_) { return state_ != DiskState::kOpening; });
}

void Disk::wait_for_index(std::chrono::nanoseconds limit) {
  const MutexLock lock(mutex_);
  (void)changed_.wait_for(mutex_, limit, [this]() REQUIRES(mutex_) {
    return state_ != DiskState::kOpening && state_ != DiskState::kReadingIndex;
  });
}

bool Disk::end_opening(std::chrono::nanoseconds limit) {
  opening_.request_stop();
  const MutexLock lock(mutex_);
  return changed_.wait_for(mutex_, limit, [this]() REQUIRES(mutex_) { return ended_; });
}

Result<void> Disk::opened() const {
  const MutexLock lock(mutex_);
  return result_;
}

Disk::Status Disk::status() const {
  Status status;
  {
    const MutexLock lock(mutex_);
    status.state = state_;
    status.file_deleted = file_deleted_;
    if (!result_) status.error = result_.error().message();
  }
  if (status.state == DiskState::kOnline && !tier_.usage().online) {
    status.state = DiskState::kOffline;
  }
  return status;
}

}  // namespace cachey::app
