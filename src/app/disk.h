#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "app/options/options.h"
#include "base/attributes_pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"
#include "store/disk/device.h"
#include "store/disk/disk_file.h"
#include "store/disk/disk_tier.h"
#include "store/memory_tier.h"
#include "store/pin_rules.h"

namespace cachey::app {

enum class DiskState : uint8_t {
  kOpening,       ///< the device has not answered yet
  kReadingIndex,  ///< the store is opened
  kOnline,        ///< in use
  kOffline,       ///< out of use after failures, until a probe succeeds
  kFailed,        ///< the device failed when it was opened, and is opened again later
  kUnusable,      ///< the store is damaged, of another version or not ours, or the path is wrong
};
inline constexpr std::array kDiskStates = {DiskState::kOpening, DiskState::kReadingIndex,
                                           DiskState::kOnline,  DiskState::kOffline,
                                           DiskState::kFailed,  DiskState::kUnusable};
[[nodiscard]] std::string_view to_string(DiskState state);

/// The disk tier of --disk-path, with its device and threads. The tier exists from the start. A
/// thread opens the device, attaches the tier and reads the index, however long the device takes.
/// If the device fails, the thread tries again: after kRetryAfter, then after twice as long, up to
/// kRetryAfterMax. Then it looks each kLookEvery whether the file was deleted.
///
/// Owned by Process. The workers, the memory tier and the pool outlive the disk. Any thread may ask
/// for the state.
class Disk {
 public:
  static constexpr std::chrono::seconds kRetryAfter{1};
  static constexpr std::chrono::seconds kRetryAfterMax{60};
  static constexpr std::chrono::seconds kLookEvery{3};
  /// How long an attempt waits for another process to give the disk up. A killed process keeps it
  /// until its last operations are done, with io_uring a moment longer than the process can be
  /// seen.
  static constexpr std::chrono::seconds kLockPatience{5};

  struct Status {
    DiskState state;
    std::string error;  ///< one line for the operator; empty unless kFailed or kUnusable
    /// All works until the process ends, and the next one begins without the pages.
    bool file_deleted = false;
  };

  /// `pins`: the pages that are kept.
  Disk(const Options& options, rt::Workers& workers, store::MemoryTier& memory,
       const store::PinRules& pins, AttributesPool& attributes, Metrics& metrics,
       const Clock& clock, Random& random);
  ~Disk();  // waits until the thread has ended; see end_opening()
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  [[nodiscard]] store::DiskTier& tier() { return tier_; }
  [[nodiscard]] const store::DiskTier& tier() const { return tier_; }
  [[nodiscard]] Status status() const EXCLUDES(mutex_);

  /// Starts the thread. Once.
  void start_opening();
  /// Waits until the device has answered: the store is opened, or there is an error. False: `limit`
  /// is over.
  [[nodiscard]] bool wait_for_device(std::chrono::nanoseconds limit) EXCLUDES(mutex_);
  /// Waits until the index is read, there is an error, or `limit` is over.
  void wait_for_index(std::chrono::nanoseconds limit) EXCLUDES(mutex_);
  /// An error if the last attempt has failed: kBadRequest for a wrong path or option, kDamaged for
  /// a store that only --disk-wipe can heal, kInternal for a device that failed.
  [[nodiscard]] Result<void> opened() const EXCLUDES(mutex_);
  /// From now on errors are logged, the present one too. Before, the caller of opened() is in
  /// charge of the error.
  void log_errors() EXCLUDES(mutex_);

  /// Tries no more. False: the thread still waits for the device after `limit`, so that this must
  /// not be destroyed.
  [[nodiscard]] bool end_opening(std::chrono::nanoseconds limit) EXCLUDES(mutex_);

 private:
  void open(const std::stop_token& stop);
  [[nodiscard]] Result<void> attach(const std::stop_token& stop);
  void watch_file(const std::stop_token& stop);
  /// False: a stop is requested.
  [[nodiscard]] bool wait(std::chrono::nanoseconds delay, const std::stop_token& stop)
      EXCLUDES(mutex_);
  void enter(DiskState state, Result<void> result = {}) EXCLUDES(mutex_);
  void log_error() REQUIRES(mutex_);

  static constexpr unsigned kThreads = 16;  // they read and write if io_uring is not used

  const Options& options_;
  rt::Workers& workers_;
  const Clock& clock_;
  Random& random_;
  rt::BlockingPool pool_{kThreads};
  std::unique_ptr<store::BlockDevice> device_;  // the thread's, and the tier's once attached
  const store::DiskFile* file_ = nullptr;       // the device's; the thread's
  store::DiskTier tier_;

  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  DiskState state_ GUARDED_BY(mutex_) = DiskState::kOpening;  // never kOffline: the tier knows
  Result<void> result_ GUARDED_BY(mutex_);
  bool file_deleted_ GUARDED_BY(mutex_) = false;
  bool logs_errors_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = true;  // the thread does nothing more

  std::jthread opening_;
};

}  // namespace cachey::app
