#include "app/service_notices.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace cachey::app {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

std::string take_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

/// A line end would begin another assignment.
std::string one_line(std::string_view status) {
  std::string text(status.substr(0, ServiceNotices::kStatusMax));
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

}  // namespace

ServiceVariables ServiceVariables::take() {
  ServiceVariables taken;
  taken.notify_socket = take_variable("NOTIFY_SOCKET");
  taken.watchdog = !take_variable("WATCHDOG_USEC").empty();
  (void)take_variable("WATCHDOG_PID");
  return taken;
}

Result<NotifySocket> NotifySocket::open(std::string_view address) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const bool known = address.starts_with('/') || address.starts_with('@');
  if (!known || address.size() < 2 || address.size() >= sizeof to.sun_path) {
    return fail(
        ErrorKind::kBadRequest,
        fmt::format("{} is neither a path nor an abstract name of a socket", log::quoted(address)));
  }
  std::memcpy(to.sun_path, address.data(), address.size());
  size_t size = offsetof(sockaddr_un, sun_path) + address.size();
  if (address.starts_with('@')) {
    to.sun_path[0] = '\0';
  } else {
    ++size;  // the end of the path
  }
  FileDescriptor made(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.is_open() || ::connect(made.get(), reinterpret_cast<const sockaddr*>(&to),
                                   static_cast<socklen_t>(size)) != 0) {
    return fail(ErrorKind::kInternal, fmt::format("{}: {}", log::quoted(address),
                                                  std::generic_category().message(errno)));
  }
  return NotifySocket(std::move(made));
}

bool NotifySocket::send(std::string_view message) const {
  const ssize_t sent = ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(message.size());
}

void ServiceNotices::serving(std::string_view status) {
  const MutexLock lock(mutex_);
  if (stopping_) return;
  std::string message = "READY=1\nSTATUS=" + one_line(status);
  if (message != last_ && send(message)) last_ = std::move(message);
}

void ServiceNotices::reloading(std::chrono::nanoseconds monotonic) {
  const MutexLock lock(mutex_);
  if (stopping_) return;
  last_.clear();
  (void)send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                         duration_cast<microseconds>(monotonic).count()));
}

void ServiceNotices::stopping(std::string_view status, std::chrono::milliseconds left) {
  const MutexLock lock(mutex_);
  stopping_ = true;
  (void)send(fmt::format("STOPPING=1\nSTATUS={}\nEXTEND_TIMEOUT_USEC={}", one_line(status),
                         microseconds(left).count()));
}

void ServiceNotices::alive() {
  const MutexLock lock(mutex_);
  (void)send("WATCHDOG=1");
}

bool ServiceNotices::send(std::string_view message) {
  if (!socket_.is_open()) return false;
  if (socket_.send(message)) return true;
  const int error = errno;
  if (!std::exchange(warned_, true)) {
    log::warn("notice to the service manager is lost",
              {{"error", std::generic_category().message(error)}});
  }
  return false;
}

}  // namespace cachey::app
