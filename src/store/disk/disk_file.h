#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/disk/device.h"

namespace cachey::store {

enum class DiskKind : uint8_t {
  kFs,     ///< a directory; one preallocated file in it
  kBlock,  ///< a raw device, or a regular file in its place
};

struct DiskPath {
  std::string path;
  DiskKind kind = DiskKind::kFs;
  /// Bytes. 0: an existing file keeps its size, a new file gets kDefaultShare of the free space, a
  /// device is used to kDefaultShare.
  uint64_t capacity = 0;
  bool cut = false;  ///< kFs: a file larger than `capacity` is cut, because its content is unneeded
};

/// Removes the first `bytes` bytes from `parts`.
void drop_front(std::vector<iovec>& parts, size_t bytes);

/// An open file or device that only this process uses: locked, preallocated, and with O_DIRECT if
/// the file system has it. Any thread.
class DiskFile {
 public:
  static constexpr double kDefaultShare = 0.8;
  static constexpr uint64_t kBytesMin = 64 * kMiB;
  static constexpr uint64_t kBytesMax = 16 * kTiB - kPageBytes;  // unit numbers fit 32 bits

  enum class Access : uint8_t { kReadWrite, kReadOnly };

  /// Fails with one line for the operator: kBadRequest if the path does not exist or is too small,
  /// or if there is no space; kInternal if the device fails, or if another process has the lock. A
  /// killed process has the lock until the device has answered its last operation.
  /// Blocks as long as the device does.
  [[nodiscard]] static Result<std::unique_ptr<DiskFile>> open(const DiskPath& path, Access access);
  ~DiskFile();
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] uint64_t size() const { return size_; }
  /// False: reads and writes go through the page cache.
  [[nodiscard]] bool direct() const { return direct_; }

  /// Moves all bytes or fails. Blocking.
  IoStatus read(uint64_t offset, std::span<const iovec> into) const;
  IoStatus write(uint64_t offset, std::span<const iovec> from) const;
  IoStatus sync() const;

 private:
  DiskFile(int fd, bool direct) : fd_(fd), direct_(direct) {}

  [[nodiscard]] Result<void> lock(const std::string& path) const;
  [[nodiscard]] Result<void> set_size(const DiskPath& path, Access access);

  const int fd_;
  const bool direct_;
  uint64_t size_ = 0;
};

}  // namespace cachey::store
