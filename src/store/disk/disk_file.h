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
  kBlock,  ///< a raw device, or a regular file that stands for one
};

struct DiskPath {
  std::string path;
  DiskKind kind = DiskKind::kFs;
  uint64_t capacity = 0;  ///< bytes; 0: as large as it is, a new one kDefaultShare of what is free
  bool cut = false;  ///< of kFs: a file that is larger than `capacity` is cut; it holds nothing
};

/// Removes from `parts` the first `bytes`.
void drop_front(std::vector<iovec>& parts, size_t bytes);

/// An open file or device that this process alone uses: locked, preallocated, with O_DIRECT where
/// the file system has it. Any thread.
class DiskFile {
 public:
  static constexpr double kDefaultShare = 0.8;
  static constexpr uint64_t kBytesMin = 64 * kMiB;
  static constexpr uint64_t kBytesMax = 16 * kTiB - kPageBytes;  // 4 KiB units count in 32 bits

  enum class Access : uint8_t { kReadWrite, kReadOnly };

  /// Fails with one line for the person who chose the path: not there, in use by another process,
  /// too small, no space.
  [[nodiscard]] static Result<std::unique_ptr<DiskFile>> open(const DiskPath& path, Access access);
  ~DiskFile();
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] uint64_t size() const { return size_; }
  /// False: reads and writes go through the page cache.
  [[nodiscard]] bool direct() const { return direct_; }

  /// All of the bytes, blocking.
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
