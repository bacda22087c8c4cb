#include "store/disk/disk_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/log.h"
#include "base/size_text.h"

namespace cachey::store {
namespace {

constexpr const char* kFileName = "cachey.disk";
constexpr mode_t kFileMode = 0600;
constexpr uint64_t kStatBlockBytes = 512;  // the unit of st_blocks

std::string text_of(int error_number) { return std::generic_category().message(error_number); }

std::unexpected<Error> refused(const std::string& path, const std::string& why) {
  return fail(ErrorKind::kBadRequest, fmt::format("{}: {}", log::quoted(path), why));
}

/// True: the device or its file system fails, whatever the options are. A file system that fails is
/// often made read-only.
bool is_device_failure(int error_number) {
  switch (error_number) {
    case EIO:
    case ENXIO:
    case ENODEV:
    case EROFS:
    case EREMOTEIO:
    case ESTALE:
    case ETIMEDOUT:
    case EUCLEAN:  // the file system is damaged
      return true;
    default:
      return false;
  }
}

/// The system call that `what` names has failed with errno.
std::unexpected<Error> failed(const std::string& path, std::string_view what = "") {
  const int error = errno;
  const ErrorKind kind = is_device_failure(error) ? ErrorKind::kInternal : ErrorKind::kBadRequest;
  return fail(kind, fmt::format("{}: {}{}", log::quoted(path), what, text_of(error)));
}

/// Opens with O_DIRECT, or without if the file system has none. Returns -1 and sets errno, as
/// open().
int open_direct(const std::string& path, int flags, bool& direct) {
  direct = true;
  int fd = ::open(path.c_str(), flags | O_DIRECT, kFileMode);
  if (fd < 0 && errno == EINVAL) {
    direct = false;
    fd = ::open(path.c_str(), flags, kFileMode);
  }
  return fd;
}

/// The size that this file can have: its allocated bytes and the free space of the file system.
uint64_t available(int fd, const struct stat& status) {
  struct statvfs system{};
  if (::fstatvfs(fd, &system) != 0) return 0;
  return uint64_t{system.f_bavail} * system.f_frsize + uint64_t(status.st_blocks) * kStatBlockBytes;
}

/// The file cannot get larger. Like available(), but with the space that is reserved for root.
uint64_t most_possible(int fd, const struct stat& status) {
  struct statvfs system{};
  if (::fstatvfs(fd, &system) != 0 || system.f_blocks == 0) return UINT64_MAX;  // not known
  return uint64_t{system.f_bfree} * system.f_frsize + uint64_t(status.st_blocks) * kStatBlockBytes;
}

}  // namespace

void drop_front(std::vector<iovec>& parts, size_t bytes) {
  size_t whole = 0;
  while (whole < parts.size() && bytes >= parts[whole].iov_len) bytes -= parts[whole++].iov_len;
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(whole));
  if (bytes == 0) return;
  parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + bytes;
  parts.front().iov_len -= bytes;
}

Result<std::unique_ptr<DiskFile>> DiskFile::open(const DiskPath& path, Access access) {
  struct stat status{};
  if (::stat(path.path.c_str(), &status) != 0) {
    const bool may_be_made = path.kind == DiskKind::kBlock && errno == ENOENT &&
                             path.capacity > 0 && access == Access::kReadWrite;
    if (!may_be_made) return failed(path.path);
  } else if (path.kind == DiskKind::kFs && !S_ISDIR(status.st_mode)) {
    return refused(path.path, "not a directory; for a device or a file use the kind `block`");
  } else if (path.kind == DiskKind::kBlock && !S_ISBLK(status.st_mode) &&
             !S_ISREG(status.st_mode)) {
    return refused(path.path, "neither a block device nor a regular file");
  }
  const bool device = S_ISBLK(status.st_mode);
  const std::string file = path.kind == DiskKind::kFs ? path.path + "/" + kFileName : path.path;
  int flags = O_CLOEXEC | (access == Access::kReadOnly ? O_RDONLY : O_RDWR);
  if (access == Access::kReadWrite) flags |= device ? O_EXCL : O_CREAT;  // O_EXCL: fails if mounted
  bool direct = true;
  const int fd = open_direct(file, flags, direct);
  if (fd < 0) {
    if (errno != EBUSY) return failed(file);
    return refused(file, "in use, by a mounted file system or another process");
  }
  std::unique_ptr<DiskFile> opened(new DiskFile(fd, direct));
  if (access == Access::kReadWrite) {
    if (Result<void> locked = opened->lock(file); !locked) return std::unexpected(locked.error());
  }
  if (Result<void> sized = opened->set_size(path, access); !sized) {
    return std::unexpected(sized.error());
  }
  if (!direct) log::warn("disk without O_DIRECT, using the page cache", {{"path", file}});
  return opened;
}

DiskFile::~DiskFile() { ::close(fd_); }

Result<void> DiskFile::lock(const std::string& path) const {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return failed(path, "cannot be locked: ");
  return fail(ErrorKind::kInternal,
              fmt::format("{}: in use by another process of Cachey", log::quoted(path)));
}

Result<void> DiskFile::set_size(const DiskPath& path, Access access) {
  struct stat status{};
  if (::fstat(fd_, &status) != 0) return failed(path.path);
  uint64_t present = static_cast<uint64_t>(status.st_size);
  if (S_ISBLK(status.st_mode) && ::ioctl(fd_, BLKGETSIZE64, &present) != 0) {
    return failed(path.path, "its size cannot be read: ");
  }
  uint64_t wanted = path.capacity != 0 ? path.capacity : present;
  if (wanted == 0) {
    wanted = static_cast<uint64_t>(static_cast<double>(available(fd_, status)) * kDefaultShare);
  }
  if (S_ISBLK(status.st_mode) && path.capacity == 0) {
    wanted = static_cast<uint64_t>(static_cast<double>(present) * kDefaultShare);
  }
  size_ = std::min(wanted, kBytesMax) / kUnitBytes * kUnitBytes;
  if (access == Access::kReadOnly) {
    size_ = present / kUnitBytes * kUnitBytes;
    return {};
  }
  if (size_ < kBytesMin) {
    return refused(path.path, fmt::format("only {} for the cache; at least {}", format_size(size_),
                                          format_size(kBytesMin)));
  }
  if (S_ISBLK(status.st_mode)) {
    if (size_ <= present) return {};
    return refused(path.path, fmt::format("the device has {}, not {}", format_size(present),
                                          format_size(path.capacity)));
  }
  // A file with content is only extended: the superblock has the size in use.
  if (path.cut && path.kind == DiskKind::kFs && size_ < present &&
      ::ftruncate(fd_, static_cast<off_t>(size_)) != 0) {
    return failed(path.path, "cannot be cut: ");
  }
  if (size_ > most_possible(fd_, status)) {  // fallocate() would fill the file system first
    errno = ENOSPC;
    return failed(path.path, fmt::format("cannot reserve {}: ", format_size(size_)));
  }
  if (::fallocate(fd_, 0, 0, static_cast<off_t>(size_)) == 0) return {};
  const int error = errno;
  if (error == EOPNOTSUPP) {  // without reservation a write may fail later
    if (present >= size_ || ::ftruncate(fd_, static_cast<off_t>(size_)) == 0) return {};
  } else if (::ftruncate(fd_, status.st_size) != 0) {
    log::warn("disk file keeps what was allocated for it");
  }
  errno = error;
  return failed(path.path, fmt::format("cannot reserve {}: ", format_size(size_)));
}

namespace {

/// Calls `move` (preadv or pwritev) until all bytes are moved.
template <typename Move>
IoStatus move_all(Move move, int fd, uint64_t offset, std::span<const iovec> from) {
  std::vector<iovec> parts(from.begin(), from.end());
  while (!parts.empty()) {
    const ssize_t moved =
        move(fd, parts.data(), static_cast<int>(parts.size()), static_cast<off_t>(offset));
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) return IoStatus{moved == 0 ? EIO : errno};
    offset += static_cast<uint64_t>(moved);
    drop_front(parts, static_cast<size_t>(moved));
  }
  return {};
}

}  // namespace

IoStatus DiskFile::read(uint64_t offset, std::span<const iovec> into) const {
  return move_all(::preadv, fd_, offset, into);
}

IoStatus DiskFile::write(uint64_t offset, std::span<const iovec> from) const {
  return move_all(::pwritev, fd_, offset, from);
}

IoStatus DiskFile::sync() const { return IoStatus{::fdatasync(fd_) == 0 ? 0 : errno}; }

}  // namespace cachey::store
