#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "store/disk/file_device.h"

namespace cachey::store {

/// A file or raw device by io_uring. Each worker has a ring, made at its first use; an eventfd
/// tells Asio's loop of completions. If the kernel or a sandbox refuses rings, or a ring is full,
/// the pool of FileDevice does the work. Destroyed before the workers.
class UringDevice final : public FileDevice {
 public:
  /// Ok if this process may use io_uring.
  [[nodiscard]] static IoStatus available();

  UringDevice(std::unique_ptr<DiskFile> file, rt::BlockingPool& pool, size_t workers);
  ~UringDevice() override;

  [[nodiscard]] rt::Task<IoStatus> read(rt::Worker& worker, uint64_t offset,
                                        std::span<const iovec> into) override;
  [[nodiscard]] rt::Task<IoStatus> write(rt::Worker& worker, uint64_t offset,
                                         std::span<const iovec> from) override;

 private:
  class Ring;
  enum class Direction : uint8_t { kRead, kWrite };

  [[nodiscard]] Ring* ring_of(rt::Worker& worker);
  [[nodiscard]] rt::Task<IoStatus> transfer(rt::Worker& worker, Direction direction,
                                            uint64_t offset, std::span<const iovec> parts);

  std::vector<std::unique_ptr<Ring>> rings_;  // by worker; used by its worker only
};

enum class DiskIo : uint8_t { kUring, kThreads };

/// The device for an open file: by io_uring if `io` asks for it and the system allows it, else by
/// the pool, with a line in the log. `workers`: the number of workers.
[[nodiscard]] std::unique_ptr<BlockDevice> make_device(std::unique_ptr<DiskFile> file, DiskIo io,
                                                       rt::BlockingPool& pool, size_t workers);

}  // namespace cachey::store
