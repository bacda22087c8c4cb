#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <future>
#include <utility>
#include <vector>

#include "origin/origin.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::origin {

/// The result of a get and of reading its whole body.
struct Fetched {
  ErrorKind error = ErrorKind::kInternal;  ///< REQUIRES: !ok
  ErrorCause cause = ErrorCause::kUnknown;
  std::string message;
  std::optional<uint64_t> object_size;
  bool ok = false;
  bool has_head = false;  ///< get() succeeded; the body may have failed
  ObjectInfo info;
  ByteRange range;
  std::string body;
};

/// A pool and workers that run as long as the test. Tests block until their tasks end.
class TestWorkers {
 public:
  explicit TestWorkers(unsigned count = 1) : workers_(count, clock_) { workers_.start(); }
  ~TestWorkers() { stop(); }

  [[nodiscard]] rt::Workers& workers() { return workers_; }
  [[nodiscard]] rt::BlockingPool& pool() { return pool_; }
  [[nodiscard]] const SystemClock& clock() const { return clock_; }

  void stop() { workers_.stop_and_join(); }

  /// Starts `task` on worker `index`.
  template <typename T>
  std::future<T> start(rt::Task<T> task, size_t index = 0) {
    auto promise = std::make_shared<std::promise<T>>();
    std::future<T> future = promise->get_future();
    auto completed = [promise](std::exception_ptr failure, T value) {
      if (failure) {
        promise->set_exception(failure);
      } else {
        promise->set_value(std::move(value));
      }
    };
    rt::asio::co_spawn(workers_[index].io(), std::move(task), completed);
    return future;
  }

  /// Runs `task` and returns its result.
  template <typename T>
  T run(rt::Task<T> task) {
    return start(std::move(task)).get();
  }

  /// Gets the range and reads the body to its end, in pieces of at most `piece` bytes.
  std::future<Fetched> start_fetch(Origin& origin, GetRequest request, size_t piece = 64 * 1024) {
    return start(fetch_all(origin, workers_[0], std::move(request), piece));
  }
  Fetched fetch(Origin& origin, GetRequest request, size_t piece = 64 * 1024) {
    return start_fetch(origin, std::move(request), piece).get();
  }

 private:
  static rt::Task<Fetched> fetch_all(Origin& origin, rt::Worker& worker, GetRequest request,
                                     size_t piece) {
    Fetched fetched;
    Result<std::unique_ptr<GetStream>> stream = co_await origin.get(worker, std::move(request));
    if (!stream) {
      fetched.error = stream.error().kind();
      fetched.cause = stream.error().cause();
      fetched.message = stream.error().message();
      fetched.object_size = stream.error().object_size();
      co_return fetched;
    }
    fetched.has_head = true;
    fetched.info = (*stream)->info();
    fetched.range = (*stream)->range();
    std::vector<std::byte> buffer(piece);
    while (fetched.body.size() < fetched.range.size()) {
      const size_t left = fetched.range.size() - fetched.body.size();
      const std::span<std::byte> into(buffer.data(), std::min(left, buffer.size()));
      const Result<size_t> got = co_await (*stream)->read(into);
      if (!got) {
        fetched.error = got.error().kind();
        fetched.message = got.error().message();
        co_return fetched;
      }
      fetched.body.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
    fetched.ok = true;
    co_return fetched;
  }

  SystemClock clock_;
  rt::Workers workers_;
  rt::BlockingPool pool_{2};
};

}  // namespace cachey::origin
