#include "store/disk/file_device.h"

namespace cachey::store {

IoStatus FileDevice::read_now(uint64_t offset, std::span<std::byte> into) {
  const iovec part{into.data(), into.size()};
  return file_->read(offset, {&part, 1});
}

IoStatus FileDevice::write_now(uint64_t offset, std::span<const std::byte> from) {
  const iovec part{const_cast<std::byte*>(from.data()), from.size()};
  return file_->write(offset, {&part, 1});
}

rt::Task<IoStatus> FileDevice::read(rt::Worker&, uint64_t offset, std::span<const iovec> into) {
  auto work = [this, offset, into] { return file_->read(offset, into); };
  co_return co_await pool_.run(work);
}

rt::Task<IoStatus> FileDevice::write(rt::Worker&, uint64_t offset, std::span<const iovec> from) {
  auto work = [this, offset, from] { return file_->write(offset, from); };
  co_return co_await pool_.run(work);
}

rt::Task<IoStatus> FileDevice::sync(rt::Worker&) {
  auto work = [this] { return file_->sync(); };
  co_return co_await pool_.run(work);
}

rt::Task<IoStatus> FileDevice::cut(rt::Worker&, uint64_t bytes) {
  auto work = [this, bytes] { return file_->cut(bytes); };
  co_return co_await pool_.run(work);
}

}  // namespace cachey::store
