#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "rt/io.h"
#include "rt/worker.h"
#include "store/unit.h"

namespace cachey::store {

/// How an operation on a device ended: well, or with an errno.
struct [[nodiscard]] IoStatus {
  int error = 0;
  [[nodiscard]] bool ok() const { return error == 0; }
};

/// Fixed-size storage addressed by byte. Offsets, sizes and memory are multiples of kUnitBytes, as
/// O_DIRECT asks. An operation moves all of its bytes or fails; one that fails may have moved some.
/// Any thread; what is asked of a worker completes on that worker. Outlives its operations.
class BlockDevice {
 public:
  virtual ~BlockDevice() = default;

  [[nodiscard]] virtual uint64_t size() const = 0;

  /// At once, on the calling thread: for opening and inspection.
  virtual IoStatus read_now(uint64_t offset, std::span<std::byte> into) = 0;
  virtual IoStatus write_now(uint64_t offset, std::span<const std::byte> from) = 0;
  virtual IoStatus sync_now() = 0;

  /// The memory, not the list, must last until the operation has ended, however long the caller
  /// cares to wait for it.
  [[nodiscard]] virtual rt::Task<IoStatus> read(rt::Worker& worker, uint64_t offset,
                                                std::span<const iovec> into) = 0;
  [[nodiscard]] virtual rt::Task<IoStatus> write(rt::Worker& worker, uint64_t offset,
                                                 std::span<const iovec> from) = 0;
  /// What was written before survives a loss of power.
  [[nodiscard]] virtual rt::Task<IoStatus> sync(rt::Worker& worker) = 0;
};

}  // namespace cachey::store
