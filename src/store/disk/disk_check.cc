#include "store/disk/disk_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "base/log.h"

namespace cachey::store {
namespace {

/// The file is absent: `folder`, the nearest one that exists, must take it.
Result<void> check_absent(const DiskPath& path, const std::string& folder) {
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    const bool makes = folder != path.path;
    return disk_failure(path.path, makes ? "the directory cannot be made: " : "");
  }
  struct statvfs system{};
  return check_new_file(path,
                        ::statvfs(folder.c_str(), &system) == 0 ? free_bytes(system) : UINT64_MAX);
}

}  // namespace

Result<void> check_disk_path(const DiskPath& path) {
  struct stat status{};
  const bool absent = ::stat(disk_file_of(path).c_str(), &status) != 0 && errno == ENOENT;
  if (!absent || path.kind == DiskKind::kBlock) {
    const auto looked_at = DiskFile::open(path, DiskFile::Access::kLook);
    if (!looked_at) return std::unexpected(looked_at.error());
    return {};
  }
  std::filesystem::path folder = std::filesystem::absolute(path.path).lexically_normal();
  if (::stat(path.path.c_str(), &status) == 0) return check_absent(path, path.path);
  while (::stat(folder.c_str(), &status) != 0) {
    const bool leads_nowhere = errno == ENOENT && ::lstat(folder.c_str(), &status) == 0;
    if (leads_nowhere || errno != ENOENT || folder == folder.parent_path())
      return disk_failure(folder);
    folder = folder.parent_path();
  }
  if (!S_ISDIR(status.st_mode)) return disk_refusal(folder, "not a directory");
  return check_absent(path, folder);
}

}  // namespace cachey::store
