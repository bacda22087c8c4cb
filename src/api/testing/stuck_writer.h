#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "net/http/http.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::api {

/// A client that reads nothing more, until its response is aborted or the client leaves.
class StuckWriter final : public net::ResponseWriter {
 public:
  explicit StuckWriter(rt::Worker& worker) : left_(worker.executor()) {}

  void start(const net::ResponseHead&) override {}
  size_t offer(std::span<const iovec> parts) override {
    size_t taken = 0;
    for (const iovec& part : parts) taken += part.iov_len;
    taken = std::min(taken, room);
    room -= taken;
    return taken;
  }
  rt::Task<bool> writable() override {
    is_waiting = true;
    co_await left_.wait();
    co_return false;
  }
  rt::Task<bool> flush() override { co_return false; }
  rt::Task<bool> finish(std::span<const net::Field>) override { co_return false; }
  void abort() override {
    is_aborted = true;
    left_.notify();
  }

  void leave() { left_.notify(); }

  size_t room = 0;  ///< takes this many bytes first
  bool is_waiting = false;
  bool is_aborted = false;

 private:
  rt::Waiter left_;
};

}  // namespace cachey::api
