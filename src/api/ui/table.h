#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "api/route.h"
#include "rt/blocking_pool.h"

namespace cachey::api {

/// `/ui/table`: the numbers of the status page as a table, for browsers without script. At most
/// kTablesMax are made and sent at a time, each for at most kReadTime; more get 503. Any worker.
class UiTable final : public RouteHandler {
 public:
  static constexpr int kTablesMax = 16;
  static constexpr std::chrono::seconds kReadTime{10};

  using Data = std::function<std::shared_ptr<const std::string>()>;

  /// `data` makes the answer of `/ui/data` with all rows; null: too many are being read. Called on
  /// `pool`, which outlives this: the table takes milliseconds.
  UiTable(Data data, rt::BlockingPool& pool) : data_(std::move(data)), pool_(pool) {}

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  const Data data_;
  rt::BlockingPool& pool_;
  std::atomic<int> tables_{0};
};

}  // namespace cachey::api
