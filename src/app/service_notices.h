#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/mutex.h"

namespace cachey::app {

/// What systemd says to a service in its environment.
struct ServiceVariables {
  std::string notify_socket;  ///< empty: there is no service manager
  bool watchdog = false;      ///< the unit has WatchdogSec=

  /// Takes the variables out of the environment, so that child processes cannot speak for this one.
  /// REQUIRES: no other thread runs.
  [[nodiscard]] static ServiceVariables take();
};

/// The datagram socket of a service manager, for messages by the protocol of sd_notify(3).
/// libsystemd would bring five more libraries; systemd promises that the protocol stays. Immutable;
/// any thread.
class NotifySocket {
 public:
  NotifySocket() = default;  ///< none
  /// `address`: an absolute path, or `@` and an abstract name. kBadRequest for any other.
  [[nodiscard]] static Result<NotifySocket> open(std::string_view address);

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  /// Never blocks. False: the socket did not take the message.
  [[nodiscard]] bool send(std::string_view message) const;

 private:
  explicit NotifySocket(FileDescriptor socket) : socket_(std::move(socket)) {}
  FileDescriptor socket_;
};

/// The manager of services that started the process.
struct ServiceManager {
  NotifySocket notices = {};  ///< none: there is no service manager
  bool watchdog = false;      ///< ends the process if no notice says that its loops turn
};

/// Tells the service manager the state of the process. Owned by Process. Any thread. Without a
/// manager all calls do nothing. A message that is lost is a warning in the log, once.
class ServiceNotices {
 public:
  static constexpr size_t kStatusMax = 512;  ///< bytes of a status; the rest is cut

  explicit ServiceNotices(NotifySocket socket) : socket_(std::move(socket)) {}

  [[nodiscard]] bool wanted() const { return socket_.is_open(); }

  /// The process serves. Sends only what differs from the last message or was lost. Nothing after
  /// stopping().
  void serving(std::string_view status) EXCLUDES(mutex_);
  /// A reload begins. serving() ends it.
  void reloading(std::chrono::nanoseconds monotonic) EXCLUDES(mutex_);
  /// The shutdown has come to `status` and takes at most `left` from now on.
  void stopping(std::string_view status, std::chrono::milliseconds left) EXCLUDES(mutex_);
  /// All event loops turn: the watchdog need not end the process.
  void alive() EXCLUDES(mutex_);

 private:
  [[nodiscard]] bool send(std::string_view message) REQUIRES(mutex_);

  const NotifySocket socket_;
  Mutex mutex_;
  std::string last_ GUARDED_BY(mutex_);  // the last message of serving() that the socket took
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool warned_ GUARDED_BY(mutex_) = false;
};

}  // namespace cachey::app
