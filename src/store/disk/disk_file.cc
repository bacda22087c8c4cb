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
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/log.h"
#include "base/size_text.h"
#include "store/disk/format.h"
#include "store/disk/io_parts.h"
#include "store/disk/superblock.h"

namespace cachey::store {
namespace {

constexpr const char* kFileName = "cachey.disk";
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr uint64_t kUnknownFree = UINT64_MAX;
constexpr uint64_t kStatBlockBytes = 512;  // the unit of st_blocks

std::string text_of(int error_number) { return std::generic_category().message(error_number); }

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

}  // namespace

std::unexpected<Error> disk_refusal(const std::string& path, std::string_view why) {
  return fail(ErrorKind::kBadRequest, fmt::format("{}: {}", log::quoted(path), why));
}

std::unexpected<Error> disk_failure(const std::string& path, std::string_view what) {
  const int error = errno;
  const ErrorKind kind = is_device_failure(error) ? ErrorKind::kInternal : ErrorKind::kBadRequest;
  return fail(kind, fmt::format("{}: {}{}", log::quoted(path), what, text_of(error)));
}

namespace {

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

uint64_t free_bytes_of(int fd) {
  struct statvfs system{};
  return ::fstatvfs(fd, &system) == 0 ? free_bytes(system) : kUnknownFree;
}

uint64_t allocated_bytes(const struct stat& status) {
  return static_cast<uint64_t>(status.st_blocks) * kStatBlockBytes;
}

uint64_t default_share_of(uint64_t bytes) {
  return static_cast<uint64_t>(static_cast<double>(bytes) * DiskFile::kDefaultShare);
}

/// Makes the directory and those above it that do not exist.
Result<void> make_directories(const std::string& path) {
  std::filesystem::path made;
  for (const std::filesystem::path& part : std::filesystem::path(path)) {
    made /= part;
    struct stat status{};
    if (::stat(made.c_str(), &status) == 0 || errno != ENOENT) continue;
    if (::mkdir(made.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
      return disk_failure(made, "the directory cannot be made: ");
    }
  }
  log::info("disk directory made", {{"path", path}});
  return {};
}

/// A mistyped name of a device leaves a regular file in memory.
bool is_among_devices(const struct stat& file) {
  struct stat devices{};
  return ::stat("/dev", &devices) == 0 && file.st_dev == devices.st_dev;
}

/// An error: the path is not what its kind says. `status`: of the path.
Result<void> check_path(const DiskPath& path, DiskFile::Access access, struct stat& status) {
  int found = ::stat(path.path.c_str(), &status);
  const bool makes = access == DiskFile::Access::kReadWrite;
  const bool for_writes = access != DiskFile::Access::kReadOnly;
  if (found != 0 && errno == ENOENT && path.kind == DiskKind::kFs && makes) {
    if (Result<void> made = make_directories(path.path); !made) return made;
    found = ::stat(path.path.c_str(), &status);
  }
  if (found != 0 && errno == ENOENT && path.kind == DiskKind::kBlock && for_writes) {
    return disk_refusal(path.path, "no such device or file; with --disk-kind block none is made");
  }
  if (found != 0) return disk_failure(path.path);
  if (path.kind == DiskKind::kFs && !S_ISDIR(status.st_mode)) {
    return disk_refusal(path.path, "not a directory; for a device or a file use --disk-kind block");
  }
  if (path.kind == DiskKind::kFs || S_ISBLK(status.st_mode)) return {};
  if (!S_ISREG(status.st_mode))
    return disk_refusal(path.path, "neither a block device nor a regular file");
  if (for_writes && is_among_devices(status))
    return disk_refusal(path.path, "a regular file in /dev, not a device");
  return {};
}

/// Whether a process that has the device for itself has locked it, as DiskFile does.
bool is_locked(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return locked;
}

/// The size of a new file, or of a device, that has no size of its own to keep.
uint64_t default_size(uint64_t free) { return free == kUnknownFree ? 0 : default_share_of(free); }

/// A whole number of units, which unit numbers can name.
uint64_t usable(uint64_t bytes) {
  return std::min(bytes, DiskFile::kBytesMax) / kUnitBytes * kUnitBytes;
}

Result<void> check_least(const std::string& path, uint64_t size) {
  if (size >= DiskFile::kBytesMin) return {};
  return disk_refusal(path, fmt::format("only {} for the cache; at least {}", format_size(size),
                                        format_size(DiskFile::kBytesMin)));
}

/// `had`: the bytes that the file system has for the file, those of the file included.
std::unexpected<Error> no_room(const std::string& file, uint64_t size, uint64_t had) {
  return disk_refusal(file, fmt::format("cannot reserve {}: its file system has {} for it",
                                        format_size(size), format_size(had / kMiB * kMiB)));
}

std::unexpected<Error> in_use(const std::string& path) {
  return fail(ErrorKind::kInternal,
              fmt::format("{}: in use by another process of Cachey", log::quoted(path)));
}

}  // namespace

std::string disk_file_of(const DiskPath& path) {
  return path.kind == DiskKind::kFs ? path.path + "/" + kFileName : path.path;
}

uint64_t free_bytes(const struct statvfs& system) {
  if (system.f_blocks == 0) return kUnknownFree;
  const bool root = ::geteuid() == 0;  // may use the reserved blocks, too
  return uint64_t{root ? system.f_bfree : system.f_bavail} * system.f_frsize;
}

Result<void> check_new_file(const DiskPath& path, uint64_t free) {
  const uint64_t size = usable(path.capacity != 0 ? path.capacity : default_size(free));
  if (Result<void> enough = check_least(path.path, size); !enough) return enough;
  if (size > free) return no_room(disk_file_of(path), size, free);
  return {};
}

void drop_front(std::vector<iovec>& parts, size_t bytes) {
  size_t whole = 0;
  while (whole < parts.size() && bytes >= parts[whole].iov_len) bytes -= parts[whole++].iov_len;
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(whole));
  if (bytes == 0) return;
  parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + bytes;
  parts.front().iov_len -= bytes;
}

Result<std::unique_ptr<DiskFile>> DiskFile::open(const DiskPath& path, Access access,
                                                 const WaitForLock& wait_for_lock) {
  struct stat status{};
  if (Result<void> checked = check_path(path, access, status); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  const bool device = S_ISBLK(status.st_mode);
  const std::string file = disk_file_of(path);
  int flags = O_CLOEXEC | (access == Access::kReadWrite ? O_RDWR : O_RDONLY);
  if (access == Access::kReadWrite && path.kind == DiskKind::kFs) flags |= O_CREAT;
  if (access == Access::kReadWrite && device) flags |= O_EXCL;  // fails if mounted
  bool direct = true;
  int fd = open_direct(file, flags, direct);
  while (fd < 0) {
    if (errno != EBUSY) return disk_failure(file);
    if (!is_locked(file)) return disk_refusal(file, "in use, by a mounted file system for example");
    if (!wait_for_lock(file)) return in_use(file);
    fd = open_direct(file, flags, direct);
  }
  std::unique_ptr<DiskFile> opened(new DiskFile(fd, file, path.kind, direct));
  if (access == Access::kLook && ::faccessat(AT_FDCWD, file.c_str(), W_OK, AT_EACCESS) != 0)
    return disk_failure(file);
  if (access == Access::kReadWrite) {
    if (Result<void> locked = opened->lock(wait_for_lock); !locked) {
      return std::unexpected(std::move(locked.error()));
    }
  }
  if (Result<void> sized = opened->set_size(path, access); !sized) {
    return std::unexpected(std::move(sized.error()));
  }
  if (!direct) log::warn("disk without O_DIRECT, using the page cache", {{"path", file}});
  return opened;
}

DiskFile::~DiskFile() { ::close(fd_); }

Result<void> DiskFile::lock(const WaitForLock& wait) const {
  while (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return disk_failure(path_, "cannot be locked: ");
    if (!wait(path_)) return in_use(path_);
  }
  return {};
}

/// False for a device or file of zeros. `bytes`: its size.
Result<bool> DiskFile::begins_with_other_data(uint64_t bytes) const {
  AlignedBuffer first(kUnitBytes);
  const size_t wanted = std::min<uint64_t>(bytes, kUnitBytes);
  const ssize_t got = ::pread(fd_, first.bytes().data(), kUnitBytes, 0);
  if (got < 0) return disk_failure(path_, "cannot be read: ");
  const std::span<const std::byte> begin =
      first.bytes().first(std::min(wanted, static_cast<size_t>(got)));
  const bool blank = std::ranges::all_of(begin, [](std::byte b) { return b == std::byte{0}; });
  return !blank && !begins_as_store(begin);
}

Result<void> DiskFile::set_size(const DiskPath& path, Access access) {
  struct stat status{};
  if (::fstat(fd_, &status) != 0) return disk_failure(path.path);
  uint64_t present = static_cast<uint64_t>(status.st_size);
  const bool device = S_ISBLK(status.st_mode);
  if (device && ::ioctl(fd_, BLKGETSIZE64, &present) != 0) {
    return disk_failure(path.path, "its size cannot be read: ");
  }
  uint64_t wanted = path.capacity;
  if (wanted == 0) wanted = device ? default_share_of(present) : present;
  if (wanted == 0) wanted = default_size(free_bytes_of(fd_));
  size_ = usable(wanted);
  if (access == Access::kReadOnly) {
    size_ = present / kUnitBytes * kUnitBytes;
    return {};
  }
  if (!path.wipe && present > 0) {
    const Result<bool> other = begins_with_other_data(present);
    if (!other) return std::unexpected(other.error());
    // In a file that this program made, the second superblock may be whole.
    if (*other && (kind_ == DiskKind::kBlock || present < kBytesMin)) {
      return disk_refusal(path.path, kForeignData);
    }
    if (*other) size_ = std::min(size_, present / kUnitBytes * kUnitBytes);
  }
  if (Result<void> enough = check_least(path.path, size_); !enough) return enough;
  if (!device) return reserve(present, access);
  if (size_ <= present) return {};
  return disk_refusal(path.path, fmt::format("the device has {}, not {}", format_size(present),
                                             format_size(path.capacity)));
}

/// Takes the space of the file, of which `present` bytes are there, from the file system. A store
/// that is there already is opened in any case: a full file system is no reason not to read it.
Result<void> DiskFile::reserve(uint64_t present, Access access) const {
  struct stat status{};
  if (::fstat(fd_, &status) != 0) return disk_failure(path_);
  const uint64_t allocated = allocated_bytes(status);
  const uint64_t free = free_bytes_of(fd_);
  const bool fits = free == kUnknownFree || size_ <= allocated + free;
  const bool grows = size_ > present;
  // fallocate() would fill the file system first
  if (!fits && grows) return no_room(path_, size_, allocated + free);
  if (access == Access::kLook) return {};
  if (size_ > allocated && fits) {
    log::info("disk space is being reserved", {{"path", path_}, {"bytes", size_ - allocated}});
  }
  if (fits && ::fallocate(fd_, 0, 0, static_cast<off_t>(size_)) == 0) return {};
  const int error = fits ? errno : ENOSPC;
  if (error == EOPNOTSUPP && grows && ::ftruncate(fd_, static_cast<off_t>(size_)) != 0) {
    return disk_failure(path_, fmt::format("cannot grow to {}: ", format_size(size_)));
  }
  if (error != EOPNOTSUPP && grows) {
    if (::ftruncate(fd_, status.st_size) != 0) log::warn("disk file keeps what it was given");
    errno = error;
    return disk_failure(path_, fmt::format("cannot reserve {}: ", format_size(size_)));
  }
  if (size_ <= allocated) return {};
  log::warn("disk space cannot be reserved; if the file system gets full, the disk is only read",
            {{"path", path_},
             {"capacity", size_},
             {"allocated", allocated},
             {"free", free == kUnknownFree ? 0 : free},
             {"error", text_of(error)}});
  return {};
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

IoStatus DiskFile::cut(uint64_t bytes) const {
  struct stat status{};
  if (::fstat(fd_, &status) != 0) return IoStatus{errno};
  const bool longer = S_ISREG(status.st_mode) && static_cast<uint64_t>(status.st_size) > bytes;
  if (kind_ != DiskKind::kFs || !longer) return {};
  return IoStatus{::ftruncate(fd_, static_cast<off_t>(bytes)) == 0 ? 0 : errno};
}

bool DiskFile::is_deleted() const {
  struct stat status{};
  return kind_ == DiskKind::kFs && ::fstat(fd_, &status) == 0 && status.st_nlink == 0;
}

IoStatus DiskFile::sync() const { return IoStatus{::fdatasync(fd_) == 0 ? 0 : errno}; }

}  // namespace cachey::store
