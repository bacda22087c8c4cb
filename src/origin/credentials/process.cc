#include "origin/credentials/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>

#include "base/file_descriptor.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// After the end of its output, the process is polled at this interval.
constexpr milliseconds kExitPoll{5};

std::unexpected<Error> system_failure(const char* what, int error) {
  return fail(ErrorKind::kInternal, fmt::format("the credential process: {}: {}", what,
                                                std::generic_category().message(error)));
}

std::unexpected<Error> too_slow() {
  return fail(ErrorKind::kTimeout, "the credential process did not end in time");
}

/// A child process and its process group. The destructor kills and reaps a child that still runs.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  /// Returns the status of waitpid().
  Result<int> wait(SteadyTime deadline) {
    while (true) {
      int status = 0;
      const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
      if (ended == pid_) {
        pid_ = 0;
        return status;
      }
      if (ended < 0 && errno != EINTR) return system_failure("waitpid", errno);
      if (std::chrono::steady_clock::now() >= deadline) return too_slow();
      std::this_thread::sleep_for(kExitPoll);
    }
  }

 private:
  pid_t pid_;
};

/// Attributes and file actions of the child. Its standard output is `output`.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigaddset(&signals, SIGPIPE);  // ignored in this process
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  Result<pid_t> run(const std::string& command) {
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = command;
    char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, "/bin/sh", &actions_, &attributes_, arguments, environ);
    if (error != 0) return system_failure("/bin/sh", error);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

Result<std::string> read_all(int fd, SteadyTime deadline) {
  std::string text;
  char buffer[4096];
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return too_slow();
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return system_failure("poll", errno);
    if (ready <= 0) continue;
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("read", errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kProcessOutputMax) {
      return fail(ErrorKind::kDenied, fmt::format("the credential process wrote more than {} bytes",
                                                  kProcessOutputMax));
    }
  }
}

}  // namespace

Result<std::string> run_credential_process(const std::string& command, milliseconds limit) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + limit;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("pipe", errno);
  const FileDescriptor reading(ends[0]);
  FileDescriptor writing(ends[1]);
  const Result<pid_t> pid = SpawnPlan(writing.get()).run(command);
  writing = FileDescriptor();
  if (!pid) return std::unexpected(pid.error());
  Child child(*pid);
  Result<std::string> output = read_all(reading.get(), deadline);
  if (!output) return output;
  const Result<int> status = child.wait(deadline);
  if (!status) return std::unexpected(status.error());
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return output;
  if (WIFEXITED(*status)) {
    return fail(ErrorKind::kDenied, fmt::format("the credential process ended with exit code {}",
                                                WEXITSTATUS(*status)));
  }
  return fail(ErrorKind::kDenied,
              fmt::format("the credential process was ended by signal {}", WTERMSIG(*status)));
}

}  // namespace cachey::origin
