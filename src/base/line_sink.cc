#include "base/line_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/shard.h"

namespace cachey {
namespace {

constexpr int kNoFile = -1;
constexpr mode_t kFileMode = 0640;

int open_to_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode);
}

/// True if all bytes were written.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

/// Shared by the sink and its writer thread: the last of the two deletes the state.
struct LineSink::State {
  struct alignas(kCacheLineBytes) Queue {
    Mutex mutex;
    std::string lines GUARDED_BY(mutex);
  };

  State(int fd, std::string file, const LineSinkConfig& c)
      : config(c), path(std::move(file)), queues(c.queues), descriptor(fd) {
    CHECK(config.queues >= 1 && config.queues <= kShards);
  }
  ~State() {
    if (!path.empty() && descriptor != kNoFile) ::close(descriptor);
    if (next_descriptor != kNoFile) ::close(next_descriptor);
  }

  /// A round of the writer: writes all that is queued.
  struct Round {
    uint64_t number;
    bool last;
  };

  void wake() EXCLUDES(mutex);
  void run();
  [[nodiscard]] Round next_round() EXCLUDES(mutex);
  void finish(const Round& round) EXCLUDES(mutex);
  /// Waits for a notification. False: `deadline` passed.
  [[nodiscard]] bool wait_until(MonoTime deadline) REQUIRES(mutex) {
    return changed.wait_until(mutex, deadline) == std::cv_status::no_timeout;
  }
  void write_queues();
  void tell_failure(int reason);
  void go_on_in_next_file();

  const LineSinkConfig config;
  const std::string path;  // empty: the descriptor is the caller's
  std::vector<Queue> queues;
  std::atomic<uint64_t> dropped{0};
  std::atomic<bool> awake{false};             // the writer will read the queues again
  std::atomic<int> next_descriptor{kNoFile};  // set by reopen(), taken by the writer
  int descriptor;                             // used by the writer thread only, once it runs
  std::optional<MonoTime> told;               // the same; the last line of tell_failure()

  Mutex mutex;
  std::condition_variable_any changed;
  uint64_t rounds_wanted GUARDED_BY(mutex) = 0;
  uint64_t rounds_done GUARDED_BY(mutex) = 0;
  bool flushing GUARDED_BY(mutex) = false;  // no gathering
  bool stopping GUARDED_BY(mutex) = false;
  bool stopped GUARDED_BY(mutex) = false;
};

void LineSink::State::wake() {
  {
    const MutexLock lock(mutex);
    ++rounds_wanted;
  }
  changed.notify_all();
}

void LineSink::State::run() {
  while (true) {
    const Round round = next_round();
    awake.store(false);  // before reading the queues: a later line wakes the writer again
    go_on_in_next_file();
    write_queues();
    finish(round);
    if (round.last) return;
  }
}

LineSink::State::Round LineSink::State::next_round() {
  const MutexLock lock(mutex);
  while (rounds_wanted == rounds_done && !stopping) changed.wait(mutex);
  const bool last = stopping;
  if (config.gather.count() > 0) {
    const MonoTime deadline = std::chrono::steady_clock::now() + config.gather;
    while (!stopping && !flushing && wait_until(deadline)) continue;
  }
  return Round{rounds_wanted, last};
}

void LineSink::State::finish(const Round& round) {
  const MutexLock lock(mutex);
  rounds_done = round.number;
  stopped = round.last;
  changed.notify_all();
}

void LineSink::State::write_queues() {
  std::string lines;
  for (Queue& queue : queues) {
    lines.clear();
    {
      const MutexLock queue_lock(queue.mutex);
      lines.swap(queue.lines);  // the queue reuses the memory of the lines written before
    }
    if (lines.empty() || write_all(descriptor, lines)) continue;
    const int reason = errno;
    dropped.fetch_add(static_cast<uint64_t>(std::ranges::count(lines, '\n')));
    if (config.tells_failures) tell_failure(reason);
  }
}

void LineSink::State::tell_failure(int reason) {
  const MonoTime now = std::chrono::steady_clock::now();
  if (told && now - *told < kTellTime) return;
  told = now;
  log::error("lines are lost, because they cannot be written",
             {{"file", path.empty() ? std::string_view("-") : std::string_view(path)},
              {"error", std::generic_category().message(reason)},
              {"lost", dropped.load()}});
}

void LineSink::State::go_on_in_next_file() {
  const int next = next_descriptor.exchange(kNoFile);
  if (next != kNoFile) ::close(std::exchange(descriptor, next));
}

LineSink::LineSink(std::shared_ptr<State> state) : state_(std::move(state)) {
  std::thread([shared = state_] {
    shared->run();
  }).detach();  // not joined: the thread may be stuck in a write for ever
}

LineSink::LineSink(int descriptor, const LineSinkConfig& config)
    : LineSink(std::make_shared<State>(descriptor, "", config)) {}

Result<std::unique_ptr<LineSink>> LineSink::open(const std::string& path,
                                                 const LineSinkConfig& config) {
  const int descriptor = open_to_append(path);
  if (descriptor == kNoFile) {
    return fail(ErrorKind::kBadRequest, std::generic_category().message(errno));
  }
  auto state = std::make_shared<State>(descriptor, path, config);
  return std::unique_ptr<LineSink>(new LineSink(std::move(state)));
}

LineSink::~LineSink() {
  State& state = *state_;
  const MonoTime deadline = std::chrono::steady_clock::now() + kFlushTime;
  const MutexLock lock(state.mutex);
  state.stopping = true;
  state.changed.notify_all();
  while (!state.stopped && state.wait_until(deadline)) continue;
}

void LineSink::write(std::string_view line) {
  State::Queue& queue = state_->queues[this_shard() % state_->queues.size()];
  {
    const MutexLock lock(queue.mutex);
    if (queue.lines.size() + line.size() + 1 > state_->config.queue_bytes_max) {
      state_->dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    queue.lines += line;
    queue.lines += '\n';
  }
  if (!state_->awake.exchange(true)) state_->wake();
}

Result<void> LineSink::reopen() {
  if (state_->path.empty()) return {};
  const int opened = open_to_append(state_->path);
  if (opened == kNoFile) {
    return fail(ErrorKind::kBadRequest, std::generic_category().message(errno));
  }
  const int unused = state_->next_descriptor.exchange(opened);
  if (unused != kNoFile) ::close(unused);
  state_->wake();
  return {};
}

bool LineSink::flush(std::chrono::milliseconds limit) {
  State& state = *state_;
  const MonoTime deadline = std::chrono::steady_clock::now() + limit;
  const MutexLock lock(state.mutex);
  const uint64_t round = ++state.rounds_wanted;
  state.flushing = true;
  state.changed.notify_all();
  while (state.rounds_done < round && state.wait_until(deadline)) continue;
  state.flushing = false;
  return state.rounds_done >= round;
}

uint64_t LineSink::dropped() const { return state_->dropped.load(std::memory_order_relaxed); }

}  // namespace cachey
