#include "store/testing/faulty_device.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/check.h"
#include "base/io_vector.h"

namespace cachey::store {

IoStatus FaultyDevice::do_read(uint64_t offset, std::span<const iovec> into) {
  CHECK(offset % kUnitBytes == 0 && offset + total_bytes(into) <= data_.bytes().size());
  const MutexLock lock(mutex_);
  if (touches(failing_parts_, Kind::kRead, {offset, offset + total_bytes(into)})) {
    return IoStatus{EIO};
  }
  if (reads_to_fail_ > 0) {
    --reads_to_fail_;
    return IoStatus{read_error_};
  }
  for (const iovec& part : into) {
    CHECK(part.iov_len % kUnitBytes == 0 &&
          reinterpret_cast<uintptr_t>(part.iov_base) % kUnitBytes == 0);
    std::memcpy(part.iov_base, data_.bytes().data() + offset, part.iov_len);
    offset += part.iov_len;
    bytes_read_ += part.iov_len;
  }
  return {};
}

IoStatus FaultyDevice::do_write(uint64_t offset, std::span<const iovec> from) {
  CHECK(offset % kUnitBytes == 0 && offset + total_bytes(from) <= data_.bytes().size());
  const MutexLock lock(mutex_);
  if (touches(failing_parts_, Kind::kWrite, {offset, offset + total_bytes(from)})) {
    return IoStatus{EIO};
  }
  if (writes_to_fail_ > 0) {
    --writes_to_fail_;
    return IoStatus{write_error_};
  }
  bool torn = false;
  if (dying_) {
    if (writes_to_live_ == 0) return {};
    torn = --writes_to_live_ == 0;
  }
  if (lose_one_in_ > 0 && random_() % lose_one_in_ == 0) return {};
  for (const iovec& part : from) {
    CHECK(part.iov_len % kUnitBytes == 0 &&
          reinterpret_cast<uintptr_t>(part.iov_base) % kUnitBytes == 0);
    for (uint64_t at = 0; at < part.iov_len; at += sector_bytes_, offset += sector_bytes_) {
      std::byte* sector = data_.bytes().data() + offset;
      if (torn && random_() % 2 == 0) continue;
      if (tracking_) unsynced_.push_back({offset, {sector, sector + sector_bytes_}});
      std::memcpy(sector, static_cast<const std::byte*>(part.iov_base) + at, sector_bytes_);
      bytes_written_ += sector_bytes_;
    }
  }
  return {};
}

IoStatus FaultyDevice::read_now(uint64_t offset, std::span<std::byte> into) {
  const iovec part{into.data(), into.size()};
  return do_read(offset, {&part, 1});
}

IoStatus FaultyDevice::write_now(uint64_t offset, std::span<const std::byte> from) {
  const iovec part{const_cast<std::byte*>(from.data()), from.size()};
  return do_write(offset, {&part, 1});
}

bool FaultyDevice::touches(const std::vector<Part>& parts, Kind kind, ByteRange range) {
  return std::ranges::any_of(parts, [&](const Part& part) {
    const bool counts = kind == Kind::kRead ? part.reads : part.writes;
    return counts && range.begin < part.range.end && part.range.begin < range.end;
  });
}

rt::Task<void> FaultyDevice::pass(rt::Worker& worker, Kind kind, ByteRange range) {
  rt::Waiter waiter(worker.executor());
  bool hangs = false;
  std::chrono::milliseconds delay{0};
  {
    const MutexLock lock(mutex_);
    if (operations_to_throw_ > 0) {
      --operations_to_throw_;
      throw std::bad_alloc();
    }
    hangs = hanging_ || touches(hanging_parts_, kind, range);
    if (hangs) {
      hung_.push_back(waiter);
      ++hung_count_;
    }
    if (touches(slow_parts_, kind, range)) delay = delay_;
  }
  if (delay.count() > 0) co_await worker.timers().sleep(delay);
  if (hangs) co_await waiter.wait();
  if (!hangs) co_await rt::asio::post(worker.executor(), rt::kAwait);
}

rt::Task<IoStatus> FaultyDevice::read(rt::Worker& worker, uint64_t offset,
                                      std::span<const iovec> into) {
  const ByteRange range{offset, offset + total_bytes(into)};
  co_await pass(worker, Kind::kRead, range);
  co_return do_read(offset, into);
}

rt::Task<IoStatus> FaultyDevice::write(rt::Worker& worker, uint64_t offset,
                                       std::span<const iovec> from) {
  const ByteRange range{offset, offset + total_bytes(from)};
  co_await pass(worker, Kind::kWrite, range);
  co_return do_write(offset, from);
}

rt::Task<IoStatus> FaultyDevice::sync(rt::Worker& worker) {
  co_await pass(worker, Kind::kSync, ByteRange{});
  co_return sync_now();
}

IoStatus FaultyDevice::sync_now() {
  const MutexLock lock(mutex_);
  unsynced_.clear();
  return {};
}

IoStatus FaultyDevice::cut_now(uint64_t bytes) {
  const MutexLock lock(mutex_);
  if (dying_ && writes_to_live_ == 0) return {};
  std::ranges::fill(data_.bytes().subspan(bytes), std::byte{0xdb});
  cut_to_ = bytes;
  return {};
}

void FaultyDevice::fail_reads(int error, int count) {
  const MutexLock lock(mutex_);
  read_error_ = error;
  reads_to_fail_ = count;
}

void FaultyDevice::fail_writes(int error, int count) {
  const MutexLock lock(mutex_);
  write_error_ = error;
  writes_to_fail_ = count;
}

void FaultyDevice::throw_at_operations(int count) {
  const MutexLock lock(mutex_);
  operations_to_throw_ = count;
}

void FaultyDevice::fail_parts(std::vector<Part> parts) {
  const MutexLock lock(mutex_);
  failing_parts_ = std::move(parts);
}

void FaultyDevice::delay_reads(std::chrono::milliseconds delay, std::vector<Part> parts) {
  const MutexLock lock(mutex_);
  delay_ = delay;
  slow_parts_ = std::move(parts);
}

void FaultyDevice::hang_parts(std::vector<Part> parts) {
  const MutexLock lock(mutex_);
  hanging_parts_ = std::move(parts);
}

void FaultyDevice::hang() {
  const MutexLock lock(mutex_);
  hanging_ = true;
}

void FaultyDevice::release() {
  rt::WaiterList released;
  {
    const MutexLock lock(mutex_);
    hanging_ = false;
    hanging_parts_.clear();
    released.swap(hung_);
  }
  rt::notify_all(released);
}

void FaultyDevice::flip_bit(uint64_t bit) {
  const MutexLock lock(mutex_);
  data_.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
}

void FaultyDevice::die_after(uint64_t writes, uint32_t seed) {
  const MutexLock lock(mutex_);
  dying_ = true;
  writes_to_live_ = writes + 1;
  random_.seed(seed);
}

void FaultyDevice::revive() {
  const MutexLock lock(mutex_);
  dying_ = false;
}

bool FaultyDevice::is_dead() {
  const MutexLock lock(mutex_);
  return dying_ && writes_to_live_ == 0;
}

void FaultyDevice::lose_writes(uint32_t one_in, uint32_t seed) {
  const MutexLock lock(mutex_);
  lose_one_in_ = one_in;
  random_.seed(seed);
}

void FaultyDevice::lose_power(uint32_t seed) {
  const MutexLock lock(mutex_);
  random_.seed(seed);
  for (auto sector = unsynced_.rbegin(); sector != unsynced_.rend(); ++sector) {
    if (random_() % 2 == 0) continue;
    std::ranges::copy(sector->before,
                      data_.bytes().begin() + static_cast<ptrdiff_t>(sector->offset));
  }
  unsynced_.clear();
}

}  // namespace cachey::store
