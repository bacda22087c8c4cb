#pragma once

#include <sys/statvfs.h>
#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
  bool wipe = false;  ///< the content is unneeded, whatever it is
};

/// Errors of one line for the operator. kBadRequest: the options are wrong.
[[nodiscard]] std::unexpected<Error> disk_refusal(const std::string& path, std::string_view why);
/// The system call that `what` names has failed with errno. kInternal: the device or its file
/// system fails, whatever the options are.
[[nodiscard]] std::unexpected<Error> disk_failure(const std::string& path,
                                                  std::string_view what = "");

/// The file or device of a path.
[[nodiscard]] std::string disk_file_of(const DiskPath& path);

/// Fails as DiskFile::open() does if a file system with `free` bytes has no room for a new file.
[[nodiscard]] Result<void> check_new_file(const DiskPath& path, uint64_t free);

/// The bytes that a file system has for this user; UINT64_MAX: unknown.
[[nodiscard]] uint64_t free_bytes(const struct statvfs& system);

/// Removes the first `bytes` bytes from `parts`.
void drop_front(std::vector<iovec>& parts, size_t bytes);

/// An open file or device that only this process uses: locked, preallocated, and with O_DIRECT if
/// the file system has it. Any thread.
///
/// kFs: a missing directory is made, with its parents, for this user alone (mode 0700). kBlock:
/// nothing is made; a missing path is an error, and so is a regular file among the devices in /dev.
/// Without `wipe` nothing is changed in a file or device that does not begin as a store of ours.
class DiskFile {
 public:
  static constexpr double kDefaultShare = 0.8;
  static constexpr uint64_t kBytesMin = 64 * kMiB;
  static constexpr uint64_t kBytesMax = 16 * kTiB - kPageBytes;  // unit numbers fit 32 bits

  enum class Access : uint8_t {
    kReadWrite,
    kReadOnly,
    kLook,  ///< read-only and without a lock, but it fails as kReadWrite does
  };
  /// Called while another process has the lock. A killed process has it until the device has
  /// answered the last operation. Waits for a moment; false: open() fails.
  using WaitForLock = std::function<bool(const std::string& path)>;

  /// Fails with one line for the operator: kBadRequest if the path does not exist or is too small,
  /// if there is no space, or if a mounted file system has the device; kInternal if the device
  /// fails, or if another process has the lock. Blocks as long as the device does.
  [[nodiscard]] static Result<std::unique_ptr<DiskFile>> open(
      const DiskPath& path, Access access,
      const WaitForLock& wait_for_lock = [](const std::string&) { return false; });
  ~DiskFile();
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Bytes to be used. A file may be longer; see cut().
  [[nodiscard]] uint64_t size() const { return size_; }
  /// False: reads and writes go through the page cache.
  [[nodiscard]] bool direct() const { return direct_; }

  /// kFs: the file has no name any more, so its content ends with this process, and its space is
  /// not free before. Blocking.
  [[nodiscard]] bool is_deleted() const;

  /// Moves all bytes or fails. Blocking.
  IoStatus read(uint64_t offset, std::span<const iovec> into) const;
  IoStatus write(uint64_t offset, std::span<const iovec> from) const;
  IoStatus sync() const;
  /// kFs: makes the file as short as this, if it is longer. Blocking.
  IoStatus cut(uint64_t bytes) const;

 private:
  DiskFile(int fd, std::string path, DiskKind kind, bool direct)
      : fd_(fd), path_(std::move(path)), kind_(kind), direct_(direct) {}

  [[nodiscard]] Result<void> lock(const WaitForLock& wait) const;
  [[nodiscard]] Result<void> set_size(const DiskPath& path, Access access);
  [[nodiscard]] Result<bool> begins_with_other_data(uint64_t bytes) const;
  [[nodiscard]] Result<void> reserve(uint64_t present, Access access) const;

  const int fd_;
  const std::string path_;
  const DiskKind kind_;
  const bool direct_;
  uint64_t size_ = 0;
};

}  // namespace cachey::store
