#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "base/byte_range.h"
#include "base/mutex.h"
#include "rt/waiter.h"
#include "store/disk/device.h"
#include "store/disk/io_parts.h"

namespace cachey::store {

/// For tests: a device in memory, with faults on demand. Each operation suspends its caller once.
/// Any thread.
class FaultyDevice final : public BlockDevice {
 public:
  /// Sectors are written as a whole or not at all. REQUIRES: kUnitBytes is a multiple of theirs.
  explicit FaultyDevice(uint64_t bytes, uint64_t sector_bytes = kUnitBytes)
      : sector_bytes_(sector_bytes), size_(bytes), cut_to_(bytes), data_(bytes) {}

  [[nodiscard]] uint64_t size() const override { return size_; }
  IoStatus read_now(uint64_t offset, std::span<std::byte> into) override;
  IoStatus write_now(uint64_t offset, std::span<const std::byte> from) override;
  IoStatus sync_now() override;
  /// What is past `bytes` is other bytes from now on.
  IoStatus cut_now(uint64_t bytes) override;
  [[nodiscard]] rt::Task<IoStatus> read(rt::Worker& worker, uint64_t offset,
                                        std::span<const iovec> into) override;
  [[nodiscard]] rt::Task<IoStatus> write(rt::Worker& worker, uint64_t offset,
                                         std::span<const iovec> from) override;
  [[nodiscard]] rt::Task<IoStatus> sync(rt::Worker& worker) override;

  /// The next `count` reads or writes fail.
  void fail_reads(int error, int count);
  void fail_writes(int error, int count);

  /// The next `count` operations, except those of `*_now`, throw std::bad_alloc.
  void throw_at_operations(int count);

  /// Operations of a part of the device.
  struct Part {
    ByteRange range;
    bool reads = true;
    bool writes = true;
  };
  /// Operations that touch one of these parts fail with EIO. Replaces the parts given before.
  void fail_parts(std::vector<Part> parts);

  /// Reads that touch one of these parts take this much longer, in the worker's time. Replaces the
  /// parts given before.
  void delay_reads(std::chrono::milliseconds delay, std::vector<Part> parts);
  void delay_reads(std::chrono::milliseconds delay) {
    delay_reads(delay, {Part{.range = {0, size_}, .reads = true, .writes = false}});
  }

  /// Operations that begin from now on end only after release(), except those of `*_now`.
  void hang();
  /// The same for operations that touch one of these parts. Replaces the parts given before.
  void hang_parts(std::vector<Part> parts);
  /// Operations have begun to hang, since the start.
  [[nodiscard]] uint64_t hung() const { return hung_count_; }
  /// Ends hang() and hang_parts().
  void release();

  void flip_bit(uint64_t bit);

  /// size() from now on, at most the first one. The bytes past it stay, until cut_now(). Not while
  /// a tier is attached.
  void resize(uint64_t bytes) { size_ = bytes; }
  /// The argument of the last cut_now() that was not lost; at first the size.
  [[nodiscard]] uint64_t cut_to() const { return cut_to_; }

  /// The process dies during the write after `writes` more writes: that write stores some of its
  /// sectors, later writes store none, until revive().
  void die_after(uint64_t writes, uint32_t seed);
  void revive();
  /// That write has been.
  [[nodiscard]] bool is_dead() EXCLUDES(mutex_);

  /// One write in `one_in` reports success without writing; 0: none.
  void lose_writes(uint32_t one_in, uint32_t seed);

  /// From now on, remembers the sectors that sync() has not made durable.
  void track_unsynced() { tracking_ = true; }
  /// Each sector written since the last sync() is, at random, as written or as before.
  void lose_power(uint32_t seed);

  [[nodiscard]] std::span<std::byte> bytes() { return data_.bytes(); }
  [[nodiscard]] uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] uint64_t bytes_written() const { return bytes_written_; }

 private:
  struct Sector {
    uint64_t offset;
    std::vector<std::byte> before;
  };

  enum class Kind : uint8_t { kRead, kWrite, kSync };

  [[nodiscard]] rt::Task<void> pass(rt::Worker& worker, Kind kind, ByteRange range);
  [[nodiscard]] static bool touches(const std::vector<Part>& parts, Kind kind, ByteRange range);
  [[nodiscard]] IoStatus do_read(uint64_t offset, std::span<const iovec> into) EXCLUDES(mutex_);
  [[nodiscard]] IoStatus do_write(uint64_t offset, std::span<const iovec> from) EXCLUDES(mutex_);

  const uint64_t sector_bytes_;
  std::atomic<uint64_t> size_;
  std::atomic<uint64_t> cut_to_;
  std::atomic<bool> tracking_{false};
  std::atomic<uint64_t> bytes_read_{0};
  std::atomic<uint64_t> bytes_written_{0};
  std::atomic<uint64_t> hung_count_{0};

  Mutex mutex_;
  AlignedBuffer data_;  // guarded by mutex_, except in bytes()
  std::mt19937 random_ GUARDED_BY(mutex_);
  int read_error_ GUARDED_BY(mutex_) = 0;
  int reads_to_fail_ GUARDED_BY(mutex_) = 0;
  int write_error_ GUARDED_BY(mutex_) = 0;
  int writes_to_fail_ GUARDED_BY(mutex_) = 0;
  int operations_to_throw_ GUARDED_BY(mutex_) = 0;
  std::vector<Part> failing_parts_ GUARDED_BY(mutex_);
  std::vector<Part> hanging_parts_ GUARDED_BY(mutex_);
  std::vector<Part> slow_parts_ GUARDED_BY(mutex_);
  std::chrono::milliseconds delay_ GUARDED_BY(mutex_){0};
  bool hanging_ GUARDED_BY(mutex_) = false;
  rt::WaiterList hung_ GUARDED_BY(mutex_);
  bool dying_ GUARDED_BY(mutex_) = false;
  uint64_t writes_to_live_ GUARDED_BY(mutex_) = 0;
  uint32_t lose_one_in_ GUARDED_BY(mutex_) = 0;
  std::vector<Sector> unsynced_ GUARDED_BY(mutex_);
};

}  // namespace cachey::store
