#include "store/disk/disk_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/log.h"
#include "base/size_text.h"

namespace cachey::store {
namespace {

std::unexpected<Error> path_fault(const std::string& path, std::string_view why) {
  return fail(ErrorKind::kBadRequest, fmt::format("{}: {}", log::quoted(path), why));
}

std::unexpected<Error> path_failure(const std::string& path, std::string_view what = "") {
  return path_fault(path, fmt::format("{}{}", what, std::generic_category().message(errno)));
}

/// Whether the effective user may use the path so.
bool may(const std::string& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
}

/// `folder`: an existing one, of the file system that the new file will be on.
Result<void> check_space(const DiskPath& path, const std::string& folder) {
  struct statvfs system{};
  if (path.capacity == 0 || ::statvfs(folder.c_str(), &system) != 0 || system.f_blocks == 0) {
    return {};
  }
  const uint64_t free =
      uint64_t{::geteuid() == 0 ? system.f_bfree : system.f_bavail} * system.f_frsize;
  if (path.capacity <= free) return {};
  return path_fault(path.path, fmt::format("there is no space for {}: {} are free",
                                           format_size(path.capacity), format_size(free)));
}

/// The directory is absent: the nearest one above it that exists must take a new one,
/// and its file system the new file.
Result<void> check_absent_directory(const DiskPath& path) {
  std::filesystem::path above = std::filesystem::absolute(path.path).lexically_normal();
  struct stat status{};
  while (::stat(above.c_str(), &status) != 0) {
    if (errno != ENOENT || above == above.parent_path()) return path_failure(above);
    above = above.parent_path();
  }
  if (!S_ISDIR(status.st_mode)) return path_fault(above, "not a directory");
  if (!may(above, W_OK | X_OK)) return path_failure(path.path, "the directory cannot be made: ");
  return check_space(path, above);
}

Result<void> check_directory(const DiskPath& path) {
  const std::string file = path.path + "/cachey.disk";
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0) {
    if (!may(file, R_OK | W_OK)) return path_failure(file);
    return {};
  }
  if (errno != ENOENT) return path_failure(file);
  if (!may(path.path, W_OK | X_OK)) return path_failure(path.path);
  return check_space(path, path.path);
}

}  // namespace

Result<void> check_disk_path(const DiskPath& path) {
  struct stat status{};
  const bool found = ::stat(path.path.c_str(), &status) == 0;
  if (!found && errno != ENOENT) return path_failure(path.path);
  if (path.kind == DiskKind::kFs) {
    if (!found) return check_absent_directory(path);
    if (S_ISDIR(status.st_mode)) return check_directory(path);
    return path_fault(path.path, "not a directory; for a device or a file use --disk-kind block");
  }
  if (!found)
    return path_fault(path.path, "no such device or file; with --disk-kind block none is made");
  if (!S_ISBLK(status.st_mode) && !S_ISREG(status.st_mode))
    return path_fault(path.path, "neither a block device nor a regular file");
  if (!may(path.path, R_OK | W_OK)) return path_failure(path.path);
  return {};
}

}  // namespace cachey::store
