#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
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

  /// `data_json` makes the answer of `/ui/data` to a query. Called on `pool`, which outlives this:
  /// the table takes milliseconds.
  UiTable(std::function<std::string(std::string_view query)> data_json, rt::BlockingPool& pool)
      : data_json_(std::move(data_json)), pool_(pool) {}

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  const std::function<std::string(std::string_view query)> data_json_;
  rt::BlockingPool& pool_;
  std::atomic<int> tables_{0};
};

}  // namespace cachey::api
