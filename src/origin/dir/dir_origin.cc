#include "origin/dir/dir_origin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "base/log.h"
#include "base/units.h"

namespace cachey::origin {
namespace {

// The most that one hop to the pool reads: large enough that the hop (some 20 us) does not matter,
// small enough that the first bytes are sent while the next ones are read.
constexpr size_t kPieceBytesMax = 1 * kMiB;

// openat2 fails with EAGAIN if a rename during the call hides whether the path stayed beneath the
// directory; the call is then repeated.
constexpr int kOpenAttemptsMax = 16;

// The kernel takes change times from a clock that moves once a tick: 10 ms at most (CONFIG_HZ=100).
constexpr std::chrono::nanoseconds kTickMax = std::chrono::milliseconds(10);

// A file that was written in each of three ticks in a row is being written all the time.
constexpr int kTicksMax = 3;

std::string text_of(int error_number) { return std::generic_category().message(error_number); }

/// Opens `path`; no link on it may lead out of `directory`. Errors as open(): -1 and errno.
int open_beneath(int directory, const char* path, int flags) {
  struct open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 1;; ++attempt) {
    const auto fd = static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how));
    if (fd >= 0) return fd;
    if ((errno != EAGAIN && errno != EINTR) || attempt == kOpenAttemptsMax) return -1;
  }
}

Error open_error(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EXDEV:  // the path leads out of the directory
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
      return {ErrorKind::kNotFound, "no such file", ErrorCause::kNoSuchKey};
    case EACCES:
    case EPERM:
      return {ErrorKind::kDenied, "cannot open the file: " + text_of(error_number)};
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return {ErrorKind::kOverloaded, "cannot open the file: " + text_of(error_number)};
    default:
      return {ErrorKind::kUpstream, "cannot open the file: " + text_of(error_number)};
  }
}

std::unexpected<Error> no_such_bucket() {
  return fail(ErrorKind::kNotFound, "no such bucket directory", ErrorCause::kNoSuchBucket);
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

/// Whether the key can be a file: no segment is empty, `.` or `..`. Object keys have no dot
/// segments: `a/../b` is not another name of `b`, but an object that cannot exist here.
bool is_file_path(std::string_view key) {
  while (true) {
    const size_t slash = key.find('/');
    if (!is_file_name(key.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    key.remove_prefix(slash + 1);
  }
}

int64_t nanoseconds(const struct timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

ObjectInfo info_of(const struct stat& status) {
  ObjectInfo info;
  info.etag = fmt::format("\"{:x}-{:x}-{:x}-{:x}\"", status.st_ino, status.st_size,
                          nanoseconds(status.st_mtim), nanoseconds(status.st_ctim));
  info.size = static_cast<uint64_t>(status.st_size);
  info.last_modified = status.st_mtim.tv_sec;
  return info;
}

/// Opens anew, with `flags`, the file of an O_PATH descriptor. -1 and errno as open().
int reopen(int fd, int flags) {
  return ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), flags | O_CLOEXEC);
}

/// Whether a write that comes now could leave the change time as it is.
bool changed_in_this_tick(const struct stat& status) {
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const int64_t ahead = nanoseconds(status.st_ctim) - nanoseconds(now);
  return ahead >= 0 && ahead <= kTickMax.count();  // further ahead: of another machine's clock
}

/// The file's version, after the tick of its last change: so each later write makes another
/// version.
Result<ObjectInfo> settled_info(int fd) {
  for (int tick = 0; tick < kTicksMax; ++tick) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return std::unexpected(open_error(errno));
    if (!changed_in_this_tick(status)) return info_of(status);
    std::this_thread::sleep_for(kTickMax);
  }
  return fail(ErrorKind::kChanged, "the file is being written");
}

struct OpenFile {
  FileDescriptor file;
  ObjectInfo info;
};

Result<OpenFile> open_object(int root, const GetRequest& request) {
  if (!is_file_name(request.bucket)) return no_such_bucket();
  if (!is_file_path(request.key)) return std::unexpected(open_error(ENOENT));
  const FileDescriptor bucket(open_beneath(root, request.bucket.c_str(), O_PATH | O_DIRECTORY));
  if (!bucket.is_open()) {
    Error error = open_error(errno);
    if (error.kind() == ErrorKind::kNotFound) return no_such_bucket();
    return std::unexpected(std::move(error));
  }
  // First by O_PATH: to open a FIFO or a device is felt at its other end.
  const FileDescriptor found(open_beneath(bucket.get(), request.key.c_str(), O_PATH));
  if (!found.is_open()) return std::unexpected(open_error(errno));
  struct stat status{};
  if (::fstat(found.get(), &status) != 0) return std::unexpected(open_error(errno));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::kNotFound, "not a regular file", ErrorCause::kNoSuchKey);
  }
  // O_NONBLOCK: no wait for another process's lease (fcntl(2)).
  FileDescriptor file(reopen(found.get(), O_RDONLY | O_NONBLOCK));
  if (!file.is_open()) return std::unexpected(open_error(errno));
  Result<ObjectInfo> info = settled_info(file.get());
  if (!info) return std::unexpected(std::move(info.error()));
  return OpenFile(std::move(file), std::move(*info));
}

/// Reads a piece, then checks that the file still has the version that was opened.
Result<size_t> read_piece(int fd, const ObjectInfo& info, uint64_t offset,
                          std::span<std::byte> into) {
  ssize_t got = 0;
  do {
    got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail(ErrorKind::kUpstream, "cannot read the file: " + text_of(errno));
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return fail(ErrorKind::kUpstream, "cannot read the file's status: " + text_of(errno));
  }
  if (got == 0 || info_of(status).etag != info.etag) {
    return fail(ErrorKind::kChanged, "the file changed while it was read");
  }
  return static_cast<size_t>(got);
}

/// The body of one get(): an open file.
class DirStream final : public GetStream {
 public:
  DirStream(OpenFile open, ByteRange range, MonoTime sent_at, std::stop_token stop,
            rt::BlockingPool& pool)
      : file_(std::move(open.file)),
        info_(std::move(open.info)),
        range_(range),
        sent_at_(sent_at),
        stop_(std::move(stop)),
        next_(range.begin),
        pool_(pool) {}

  [[nodiscard]] const ObjectInfo& info() const override { return info_; }
  [[nodiscard]] ByteRange range() const override { return range_; }
  [[nodiscard]] MonoTime sent_at() const override { return sent_at_; }

  [[nodiscard]] uint64_t progress() override { return next_ - range_.begin; }

  rt::Task<Result<size_t>> read(std::span<std::byte> into) override {
    CHECK(!into.empty() && next_ < range_.end);
    if (stop_.stop_requested()) co_return fail(ErrorKind::kCancelled, "nobody waits for the file");
    const size_t size =
        std::min({into.size(), kPieceBytesMax, static_cast<size_t>(range_.end - next_)});
    const std::span<std::byte> piece = into.first(size);
    auto work = [this, piece] { return read_piece(file_.get(), info_, next_, piece); };
    Result<size_t> got = co_await pool_.run(work);
    if (got) next_ += *got;
    co_return got;
  }

 private:
  const FileDescriptor file_;
  const ObjectInfo info_;
  const ByteRange range_;
  const MonoTime sent_at_;
  const std::stop_token stop_;
  uint64_t next_;
  rt::BlockingPool& pool_;
};

/// The bytes that a request asks for; empty for a HEAD.
Result<ByteRange> range_of(const GetRequest& request, uint64_t size) {
  switch (request.ask) {
    case Ask::kHead:
      return ByteRange();
    case Ask::kTail:
      if (size == 0) break;
      return ByteRange(size - std::min(size, request.range.size()), size);
    case Ask::kRange:
      if (request.range.begin >= size) break;
      return ByteRange(request.range.begin, std::min(request.range.end, size));
  }
  return std::unexpected(Error::range_not_satisfiable(size));
}

class DirOrigin final : public Origin {
 public:
  DirOrigin(FileDescriptor root, rt::BlockingPool& pool, ObjectAttributesPtr attributes)
      : root_(std::move(root)), pool_(pool), attributes_(std::move(attributes)) {}

  rt::Task<Result<std::unique_ptr<GetStream>>> get(rt::Worker& worker,
                                                   GetRequest request) override {
    CHECK(request.ask == Ask::kHead || !request.range.empty());
    const MonoTime sent_at = worker.timers().now();
    auto work = [this, &request] { return open_object(root_.get(), request); };
    Result<OpenFile> open = co_await pool_.run(work);
    if (!open) co_return std::unexpected(open.error());
    open->info.attributes = attributes_;
    if (!request.if_match.empty() && request.if_match != open->info.etag) {
      co_return fail(ErrorKind::kChanged, "the file is of another version than the one asked for");
    }
    const Result<ByteRange> range = range_of(request, open->info.size);
    if (!range) co_return std::unexpected(range.error());
    co_return std::make_unique<DirStream>(std::move(*open), *range, sent_at,
                                          std::move(request.stop), pool_);
  }

 private:
  const FileDescriptor root_;
  rt::BlockingPool& pool_;
  const ObjectAttributesPtr attributes_;  // of each file
};

}  // namespace

Result<std::unique_ptr<Origin>> make_dir_origin(const std::string& root, rt::BlockingPool& pool,
                                                AttributesPool& attributes) {
  FileDescriptor directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) {
    return fail(ErrorKind::kNotFound, fmt::format("cannot open the origin's directory {}: {}",
                                                  log::quoted(root), text_of(errno)));
  }
  const FileDescriptor probe(open_beneath(directory.get(), ".", O_PATH | O_DIRECTORY));
  if (!probe.is_open()) {
    return fail(
        ErrorKind::kInternal,
        fmt::format("cannot keep reads beneath the origin's directory {}: the system call openat2 "
                    "(Linux 5.6 or newer, not forbidden by a sandbox) fails: {}",
                    log::quoted(root), text_of(errno)));
  }
  if (!FileDescriptor(reopen(directory.get(), O_PATH)).is_open()) {
    return fail(ErrorKind::kInternal,
                fmt::format("cannot open the files of the origin's directory {}: /proc/self/fd: {}",
                            log::quoted(root), text_of(errno)));
  }
  return std::make_unique<DirOrigin>(
      std::move(directory), pool,
      attributes.intern(ObjectAttributes("Content-Type: binary/octet-stream\r\n", {})));
}

}  // namespace cachey::origin
