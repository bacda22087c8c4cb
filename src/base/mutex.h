#pragma once

#include <mutex>
#include <shared_mutex>

namespace cachey {

#define GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
#define REQUIRES(mutex) __attribute__((requires_capability(mutex)))
#define EXCLUDES(mutex) __attribute__((locks_excluded(mutex)))
#define LOCK_FREE __attribute__((no_thread_safety_analysis))  // uses atomic members only

/// A std::mutex that clang's thread-safety analysis checks. Held for short sections only, never
/// across a co_await.
class __attribute__((capability("mutex"))) Mutex {
 public:
  void lock() __attribute__((acquire_capability())) { mutex_.lock(); }
  void unlock() __attribute__((release_capability())) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex, or a class with the same functions (watched_mutex.h), as long as the lock lives.
template <typename AnyMutex>
class __attribute__((scoped_lockable)) MutexLock {
 public:
  explicit MutexLock(AnyMutex& mutex) __attribute__((acquire_capability(mutex))) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() __attribute__((release_capability())) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  AnyMutex& mutex_;
};

/// A std::shared_mutex that clang's thread-safety analysis checks: many readers or one writer. For
/// data that each request reads and that seldom changes.
class __attribute__((capability("shared_mutex"))) SharedMutex {
 private:
  friend class ReaderLock;
  friend class WriterLock;
  std::shared_mutex mutex_;
};

class __attribute__((scoped_lockable)) ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) __attribute__((acquire_shared_capability(mutex)))
      : mutex_(mutex) {
    mutex_.mutex_.lock_shared();
  }
  ~ReaderLock() __attribute__((release_capability())) { mutex_.mutex_.unlock_shared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class __attribute__((scoped_lockable)) WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) __attribute__((acquire_capability(mutex)))
      : mutex_(mutex) {
    mutex_.mutex_.lock();
  }
  ~WriterLock() __attribute__((release_capability())) { mutex_.mutex_.unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace cachey
