#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "store/disk/file_device.h"

namespace cachey::store {

/// A file or raw device by io_uring: a ring a worker, made when the worker first uses it, whose
/// completions Asio's loop learns of by an eventfd. Where the kernel or a sandbox refuses rings, or
/// one of them is out of room, the pool of FileDevice does the work. Destroyed before the workers.
class UringDevice final : public FileDevice {
 public:
  /// Whether this process may use io_uring.
  [[nodiscard]] static bool available();

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

  std::vector<std::unique_ptr<Ring>> rings_;  // by worker; each touched by its worker only
};

enum class DiskIo : uint8_t { kUring, kThreads };

/// The device for an open file: io_uring where wanted and allowed, else the pool; says in the log
/// which. `workers`: how many there are.
[[nodiscard]] std::unique_ptr<BlockDevice> make_device(std::unique_ptr<DiskFile> file, DiskIo io,
                                                       rt::BlockingPool& pool, size_t workers);

}  // namespace cachey::store
