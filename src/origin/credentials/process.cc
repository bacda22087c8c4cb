#include "origin/credentials/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file_descriptor.h"
#include "base/mutex.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// After the process has ended, its output is read for at most this long: a process that it left
// behind may hold the pipe open.
constexpr milliseconds kOutputGrace{100};

/// The processes that a Child reaps.
struct Running {
  Mutex mutex;
  std::vector<pid_t> pids GUARDED_BY(mutex);
};
Running& running() {
  static Running one;
  return one;
}

std::unexpected<Error> system_failure(const char* what, int error) {
  return fail(ErrorKind::kInternal, fmt::format("the credential process: {}: {}", what,
                                                std::generic_category().message(error)));
}

std::unexpected<Error> too_slow() {
  return fail(ErrorKind::kTimeout, "the credential process did not end in time");
}

/// Milliseconds for poll(). Not positive: the deadline has passed.
int left_until(SteadyTime deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(left.count());
}

/// A child process and its process group. The destructor kills and reaps a child that still runs.
class Child {
 public:
  explicit Child(pid_t pid)
      : pid_(pid), end_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    [[maybe_unused]] const Result<int> status = reap();
  }

  /// A descriptor that is readable as soon as the process has ended. -1: none could be had.
  [[nodiscard]] int end() const { return end_.get(); }

  /// Returns the status of waitpid().
  Result<int> wait(SteadyTime deadline) {
    int ready = 0;
    while (ready == 0) {
      const int left = left_until(deadline);
      if (left <= 0) return too_slow();
      pollfd ended{.fd = end(), .events = POLLIN, .revents = 0};
      ready = ::poll(&ended, 1, left);
      if (ready < 0 && errno != EINTR) return system_failure("poll", errno);
      if (ready < 0) ready = 0;
    }
    return reap();
  }

 private:
  /// Waits for the end.
  Result<int> reap() {
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT) != 0 &&
           errno == EINTR)
      continue;
    const MutexLock lock(running().mutex);  // after waitpid() another process may get the number
    int status = 0;
    const int error = ::waitpid(pid_, &status, 0) < 0 ? errno : 0;
    std::erase(running().pids, std::exchange(pid_, 0));
    if (error != 0) return system_failure("waitpid", error);
    return status;
  }

  pid_t pid_;
  const FileDescriptor end_;
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
    const MutexLock lock(running().mutex);  // reap_orphans() sees a process only once it is listed
    const int error = ::posix_spawn(&pid, "/bin/sh", &actions_, &attributes_, arguments, environ);
    if (error != 0) return system_failure("/bin/sh", error);
    running().pids.push_back(pid);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// Adds to `text` what one read() gives. False: the output has ended.
Result<bool> read_more(int output, std::string& text) {
  char buffer[4096];
  const ssize_t got = ::read(output, buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0) return system_failure("read", errno);
  text.append(buffer, static_cast<size_t>(got));
  if (text.size() > kProcessOutputMax) {
    return fail(ErrorKind::kDenied,
                fmt::format("the credential process wrote more than {} bytes", kProcessOutputMax));
  }
  return got > 0;
}

/// Reads the output to its end, or until kOutputGrace after the process's end.
Result<std::string> read_all(int output, const Child& child, SteadyTime deadline) {
  std::string text;
  bool ended = false;
  while (true) {
    const int left = left_until(deadline);
    if (left <= 0 && ended) return text;
    if (left <= 0) return too_slow();
    pollfd events[] = {{.fd = output, .events = POLLIN, .revents = 0},
                       {.fd = ended ? -1 : child.end(), .events = POLLIN, .revents = 0}};
    const int ready = ::poll(events, std::size(events), left);
    if (ready < 0 && errno != EINTR) return system_failure("poll", errno);
    if (ready <= 0) continue;
    if (events[0].revents != 0) {
      const Result<bool> more = read_more(output, text);
      if (!more) return std::unexpected(more.error());
      if (!*more) return text;
    } else {
      ended = true;
      deadline = std::min(deadline, std::chrono::steady_clock::now() + kOutputGrace);
    }
  }
}

}  // namespace

void reap_orphans() {
  constexpr int kAtOnce = 1000;
  for (int i = 0; i < kAtOnce; ++i) {
    const MutexLock lock(running().mutex);
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
    if (std::ranges::find(running().pids, ended.si_pid) != running().pids.end()) return;
    (void)::waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

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
  if (child.end() < 0) return system_failure("pidfd_open", errno);
  Result<std::string> output = read_all(reading.get(), child, deadline);
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
