#include "base/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/file_descriptor.h"

namespace cachey {
namespace {

constexpr size_t kBufferBytes = size_t{16} << 10;

}  // namespace

Result<std::string> read_file_start(const std::string& path, size_t bytes_max) {
  const auto failed = [] {
    return fail(errno == ENOENT || errno == ENOTDIR ? ErrorKind::kNotFound : ErrorKind::kInternal,
                std::generic_category().message(errno));
  };
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failed();
  std::string text;
  char buffer[kBufferBytes];
  while (text.size() < bytes_max) {
    const ssize_t received =
        ::read(file.get(), buffer, std::min(sizeof(buffer), bytes_max - text.size()));
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return failed();
    if (received == 0) break;
    text.append(buffer, static_cast<size_t>(received));
  }
  return text;
}

}  // namespace cachey
