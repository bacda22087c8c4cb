#include "base/line_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
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

  void wake();
  void run();
  void write_queues();
  void go_on_in_next_file();

  const LineSinkConfig config;
  const std::string path;  // empty: the descriptor is the caller's
  std::vector<Queue> queues;
  std::atomic<uint64_t> dropped{0};
  std::atomic<bool> awake{false};             // the writer will read the queues again
  std::atomic<int> next_descriptor{kNoFile};  // set by reopen(), taken by the writer
  int descriptor;                             // used by the writer thread only, once it runs

  std::mutex mutex;  // guards the members below
  std::condition_variable changed;
  uint64_t rounds_wanted = 0;
  uint64_t rounds_done = 0;
  bool flushing = false;  // no gathering
  bool stopping = false;
  bool stopped = false;
};

void LineSink::State::wake() {
  {
    const std::lock_guard lock(mutex);
    ++rounds_wanted;
  }
  changed.notify_all();
}

void LineSink::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return rounds_wanted > rounds_done || stopping; });
    const bool last = stopping;
    if (config.gather.count() > 0) {
      changed.wait_for(lock, config.gather, [this] { return stopping || flushing; });
    }
    const uint64_t round = rounds_wanted;
    lock.unlock();
    awake.store(false);  // before reading the queues: a later line wakes the writer again
    go_on_in_next_file();
    write_queues();
    lock.lock();
    rounds_done = round;
    changed.notify_all();
    if (last) break;
  }
  stopped = true;
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
    dropped.fetch_add(static_cast<uint64_t>(std::ranges::count(lines, '\n')));
  }
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
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, kFlushTime, [this] { return state_->stopped; });
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
  std::unique_lock lock(state_->mutex);
  const uint64_t round = ++state_->rounds_wanted;
  state_->flushing = true;
  state_->changed.notify_all();
  const bool done =
      state_->changed.wait_for(lock, limit, [this, round] { return state_->rounds_done >= round; });
  state_->flushing = false;
  return done;
}

uint64_t LineSink::dropped() const { return state_->dropped.load(std::memory_order_relaxed); }

}  // namespace cachey
