#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "rt/io.h"
#include "rt/worker.h"
#include "store/unit.h"

namespace cachey::store {

/// The result of an operation on a device: 0 or an errno.
struct [[nodiscard]] IoStatus {
  int error = 0;
  [[nodiscard]] bool ok() const { return error == 0; }
  /// A write that failed says nothing against the device: its file system is full, over its quota
  /// or read-only.
  [[nodiscard]] bool no_room() const;
};

/// The error in words.
[[nodiscard]] std::string to_text(IoStatus status);

/// Storage of a fixed size, addressed by byte. Offsets, sizes and memory addresses are multiples of
/// kUnitBytes, because O_DIRECT demands it. An operation moves all of its bytes or fails; a failed
/// one may have moved some. Any thread; an operation completes on the worker that started it.
/// Outlives its operations.
class BlockDevice {
 public:
  virtual ~BlockDevice() = default;

  [[nodiscard]] virtual uint64_t size() const = 0;
  /// For the log: the path.
  [[nodiscard]] virtual std::string name() const { return "device"; }

  /// Blocking, on the calling thread: for opening and inspection.
  virtual IoStatus read_now(uint64_t offset, std::span<std::byte> into) = 0;
  virtual IoStatus write_now(uint64_t offset, std::span<const std::byte> from) = 0;
  virtual IoStatus sync_now() = 0;
  /// Gives back what lies past the first `bytes` bytes, if this is a file that can get shorter.
  virtual IoStatus cut_now(uint64_t) { return {}; }

  /// The memory must stay valid until the operation has ended, even if the caller gives up earlier.
  /// The list of parts may end before.
  [[nodiscard]] virtual rt::Task<IoStatus> read(rt::Worker& worker, uint64_t offset,
                                                std::span<const iovec> into) = 0;
  [[nodiscard]] virtual rt::Task<IoStatus> write(rt::Worker& worker, uint64_t offset,
                                                 std::span<const iovec> from) = 0;
  /// Writes that ended before this call survive a loss of power once sync() succeeds.
  [[nodiscard]] virtual rt::Task<IoStatus> sync(rt::Worker& worker) = 0;
  /// As cut_now().
  [[nodiscard]] virtual rt::Task<IoStatus> cut(rt::Worker&, uint64_t bytes) {
    co_return cut_now(bytes);
  }
};

}  // namespace cachey::store
