// A library for LD_PRELOAD: the system calls on one file hang, fail or are slow, as a control file says at that moment.
//
// FAULTY_DISK: the path of the file. FAULTY_DISK_CONTROL: the path of the control file, which is read at each call. A
// line is `CALL FAULT [NUMBER [FROM TO]]`:
//   CALL    open, size (fallocate), read (preadv), write (pwritev), sync (fdatasync), or any
//   FAULT   hang: until the line is gone; fail: with the errno NUMBER; delay: NUMBER milliseconds a call; rate: all calls
//           of this line together move at most NUMBER bytes a second
//   FROM TO the line is for calls with FROM <= offset < TO only
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

static const int64_t kSecond = 1000000000;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

static void sleep_until(int64_t when) {
  const int64_t left = when - now();
  if (left > 0) usleep((useconds_t)(left / 1000));
}

/// Waits for the turn of `bytes` bytes on a disk that moves `rate` bytes a second.
static void wait_for_turn(int64_t rate, size_t bytes) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static int64_t free_at;
  pthread_mutex_lock(&mutex);
  if (free_at < now()) free_at = now();
  free_at += (int64_t)((double)bytes / (double)rate * (double)kSecond);
  const int64_t end = free_at;
  pthread_mutex_unlock(&mutex);
  sleep_until(end);
}

enum { kDone, kAgain, kFailed };

/// Does what the first line for this call says. kAgain: the call hangs.
static int meet_fault(const char* call, off_t offset, size_t bytes) {
  char text[4096];
  const char* path = getenv("FAULTY_DISK_CONTROL");
  const int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return kDone;
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return kDone;
  text[size] = '\0';
  char* rest = NULL;
  for (char* line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    char of[16], fault[16];
    long long number = 0, from = 0, to = LLONG_MAX;
    if (sscanf(line, "%15s %15s %lld %lld %lld", of, fault, &number, &from, &to) < 2) continue;
    if (strcmp(of, call) != 0 && strcmp(of, "any") != 0) continue;
    if (offset < from || offset >= to) continue;
    if (strcmp(fault, "hang") == 0) return kAgain;
    if (strcmp(fault, "fail") == 0) {
      errno = (int)number;
      return kFailed;
    }
    if (strcmp(fault, "delay") == 0) sleep_until(now() + number * 1000000);
    if (strcmp(fault, "rate") == 0) wait_for_turn(number, bytes);
    return kDone;
  }
  return kDone;
}

/// False: the call fails, with errno.
static int may_go_on(const char* call, off_t offset, size_t bytes) {
  while (1) {
    const int met = meet_fault(call, offset, bytes);
    if (met != kAgain) return met == kDone;
    usleep(10000);
  }
}

static int is_disk_path(const char* path) {
  const char* disk = getenv("FAULTY_DISK");
  return disk != NULL && strcmp(disk, path) == 0;
}

static int is_disk(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = '\0';
  return is_disk_path(path);
}

static size_t total(const struct iovec* parts, int count) {
  size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += parts[i].iov_len;
  return bytes;
}

typedef int (*Open)(const char*, int, ...);
typedef int (*Fallocate)(int, int, off_t, off_t);
typedef ssize_t (*Move)(int, const struct iovec*, int, off_t);
typedef int (*Sync)(int);

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if (is_disk_path(path) && !may_go_on("open", 0, 0)) return -1;
  return REAL(Open, "open")(path, flags, mode);
}
int open64(const char* path, int flags, ...) __attribute__((alias("open")));

int fallocate(int fd, int mode, off_t offset, off_t length) {
  if (is_disk(fd) && !may_go_on("size", 0, 0)) return -1;
  return REAL(Fallocate, "fallocate")(fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off_t offset, off_t length) __attribute__((alias("fallocate")));

ssize_t preadv(int fd, const struct iovec* parts, int count, off_t offset) {
  if (is_disk(fd) && !may_go_on("read", offset, total(parts, count))) return -1;
  return REAL(Move, "preadv")(fd, parts, count, offset);
}
ssize_t preadv64(int fd, const struct iovec* parts, int count, off_t offset) __attribute__((alias("preadv")));

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
  if (is_disk(fd) && !may_go_on("write", offset, total(parts, count))) return -1;
  return REAL(Move, "pwritev")(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off_t offset) __attribute__((alias("pwritev")));

int fdatasync(int fd) {
  if (is_disk(fd) && !may_go_on("sync", 0, 0)) return -1;
  return REAL(Sync, "fdatasync")(fd);
}
