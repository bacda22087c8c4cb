#pragma once

#include <cstddef>
#include <span>

#include "net/http/http.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::api {

/// A client that reads nothing, until its response is aborted or the client leaves.
class StuckWriter final : public net::ResponseWriter {
 public:
  explicit StuckWriter(rt::Worker& worker) : left_(worker.executor()) {}

  void start(const net::ResponseHead&) override {}
  size_t offer(std::span<const iovec>) override { return 0; }
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

  bool is_waiting = false;
  bool is_aborted = false;

 private:
  rt::Waiter left_;
};

}  // namespace cachey::api
