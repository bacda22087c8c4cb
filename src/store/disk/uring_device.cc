#include "store/disk/uring_device.h"

#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "base/log.h"
#include "rt/waiter.h"

namespace cachey::store {
namespace {

constexpr unsigned kRingEntries = 256;
constexpr std::chrono::milliseconds kRetryAfter{10};

int init_ring(io_uring& ring) {
  // Completions wait until the worker enters the kernel, instead of interrupting the worker.
  const int error = io_uring_queue_init(kRingEntries, &ring, IORING_SETUP_COOP_TASKRUN);
  return error == -EINVAL ? io_uring_queue_init(kRingEntries, &ring, 0) : error;
}

void log_refusal(IoStatus why) {
  log::warn("io_uring is refused, the disk is read and written by threads",
            {{"error", to_text(why)},
             {"hint",
              "a seccomp profile (containers), SystemCallFilter= (systemd) or "
              "kernel.io_uring_disabled forbids the calls io_uring_setup, io_uring_enter and "
              "io_uring_register; --iouring=false is for threads without this line"}});
}

}  // namespace

/// The ring of one worker. That worker's thread only.
class UringDevice::Ring {
 public:
  explicit Ring(rt::Worker& worker) : event_(worker.io()), retry_(worker.io()) {
    if (const int error = init_ring(ring_); error < 0) {
      warn(-error);
      return;
    }
    const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0 || io_uring_register_eventfd(&ring_, event) < 0) {
      warn(errno);
      if (event >= 0) ::close(event);
      io_uring_queue_exit(&ring_);
      return;
    }
    event_.assign(event);
    usable_ = true;
    watch();
  }

  ~Ring() {
    if (usable_) io_uring_queue_exit(&ring_);
  }

  [[nodiscard]] bool usable() const { return usable_; }

  /// The bytes moved, or a negative errno. -EAGAIN: the ring is full.
  [[nodiscard]] rt::Task<int> run(Direction direction, int fd, uint64_t offset,
                                  std::span<const iovec> parts) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) co_return -EAGAIN;
    const rt::Executor executor = co_await rt::asio::this_coro::executor;
    Operation operation(executor);
    const auto count = static_cast<unsigned>(parts.size());
    if (direction == Direction::kRead) {
      io_uring_prep_readv(entry, fd, parts.data(), count, offset);
    } else {
      io_uring_prep_writev(entry, fd, parts.data(), count, offset);
    }
    io_uring_sqe_set_data(entry, &operation);
    submit();
    co_await operation.waiter.wait();
    co_return operation.result;
  }

 private:
  struct Operation {
    explicit Operation(const rt::Executor& executor) : waiter(executor) {}
    rt::Waiter waiter;
    int result = 0;
  };

  /// Passes the new entries to the kernel. If the kernel takes none, for lack of memory, they stay
  /// in the ring, and are passed again at the next run() or completion, or kRetryAfter later.
  void submit() {
    while (io_uring_sq_ready(&ring_) > 0) {
      const int taken = io_uring_submit(&ring_);
      if (taken > 0 || taken == -EINTR) continue;
      if (retrying_) return;
      retrying_ = true;
      retry_.expires_after(kRetryAfter);
      retry_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        retrying_ = false;
        submit();
      });
      return;
    }
  }

  void warn(int error) {
    log::warn("io_uring refused, reading and writing by threads",
              {{"error", std::generic_category().message(error)}});
  }

  void watch() {
    event_.async_wait(rt::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        uint64_t count = 0;
                        if (::read(event_.native_handle(), &count, sizeof count) > 0) complete();
                        watch();
                      });
  }

  void complete() {
    io_uring_cqe* done = nullptr;
    while (io_uring_peek_cqe(&ring_, &done) == 0) {
      auto& operation = *static_cast<Operation*>(io_uring_cqe_get_data(done));
      operation.result = done->res;
      io_uring_cqe_seen(&ring_, done);
      operation.waiter.notify();
    }
    submit();
  }

  io_uring ring_{};
  rt::asio::posix::basic_stream_descriptor<rt::Executor> event_;
  rt::SteadyTimer retry_;
  bool retrying_ = false;
  bool usable_ = false;
};

IoStatus UringDevice::available() {
  io_uring ring{};
  if (const int error = init_ring(ring); error < 0) return {-error};
  io_uring_queue_exit(&ring);
  return {};
}

UringDevice::UringDevice(std::unique_ptr<DiskFile> file, rt::BlockingPool& pool, size_t workers)
    : FileDevice(std::move(file), pool), rings_(workers) {}

UringDevice::~UringDevice() = default;

UringDevice::Ring* UringDevice::ring_of(rt::Worker& worker) {
  std::unique_ptr<Ring>& ring = rings_[worker.index()];
  if (ring == nullptr) ring = std::make_unique<Ring>(worker);
  return ring->usable() ? ring.get() : nullptr;
}

rt::Task<IoStatus> UringDevice::transfer(rt::Worker& worker, Direction direction, uint64_t offset,
                                         std::span<const iovec> parts) {
  std::vector<iovec> left(parts.begin(), parts.end());
  Ring* ring = ring_of(worker);
  while (ring != nullptr && !left.empty()) {
    const int moved = co_await ring->run(direction, file().fd(), offset, left);
    if (moved == -EAGAIN) break;
    if (moved == -EINTR) continue;
    if (moved <= 0) co_return IoStatus{moved == 0 ? EIO : -moved};
    offset += static_cast<uint64_t>(moved);
    drop_front(left, static_cast<size_t>(moved));
  }
  if (left.empty()) co_return IoStatus{};
  if (direction == Direction::kRead) co_return co_await FileDevice::read(worker, offset, left);
  co_return co_await FileDevice::write(worker, offset, left);
}

rt::Task<IoStatus> UringDevice::read(rt::Worker& worker, uint64_t offset,
                                     std::span<const iovec> into) {
  return transfer(worker, Direction::kRead, offset, into);
}

rt::Task<IoStatus> UringDevice::write(rt::Worker& worker, uint64_t offset,
                                      std::span<const iovec> from) {
  return transfer(worker, Direction::kWrite, offset, from);
}

std::unique_ptr<BlockDevice> make_device(std::unique_ptr<DiskFile> file, DiskIo io,
                                         rt::BlockingPool& pool, size_t workers) {
  const bool wanted = io == DiskIo::kUring;
  const IoStatus available = wanted ? UringDevice::available() : IoStatus{};
  const bool uring = wanted && available.ok();
  log::info("disk opened", {{"path", file->path()},
                            {"capacity", file->size()},
                            {"io", uring ? "io_uring" : "threads"},
                            {"direct", file->direct()}});
  if (uring) return std::make_unique<UringDevice>(std::move(file), pool, workers);
  static std::atomic<bool> told = false;  // a device that fails is opened again and again
  if (wanted && !told.exchange(true)) log_refusal(available);
  return std::make_unique<FileDevice>(std::move(file), pool);
}

}  // namespace cachey::store
