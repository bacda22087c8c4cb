#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "api/route.h"
#include "base/error.h"
#include "rt/blocking_pool.h"

namespace cachey::api {

/// The source of the texts of `/ui/data`. Any thread.
struct StatusTexts {
  /// The JSON with the rows after row `since`. Null: too many long texts are being read.
  std::function<std::shared_ptr<const std::string>(uint64_t since)> text;
  /// Whether the text is made quickly enough for a worker.
  std::function<bool(uint64_t since)> is_short;
};

/// The row after which rows are asked for: `since=N` of the query; 0 without it. Other parameters
/// are ignored. kBadRequest: no whole number of 64 bits, or given twice.
[[nodiscard]] Result<uint64_t> parse_since(std::string_view query);

/// `/ui/data`: JSON for the status page. A client has kReadTime to read a text. Owned by Routes;
/// all that this refers to outlives it. Any worker.
class StatusData final : public RouteHandler {
 public:
  static constexpr std::chrono::seconds kReadTime{10};

  /// Long texts are made on `pool`.
  StatusData(StatusTexts texts, rt::BlockingPool& pool) : texts_(std::move(texts)), pool_(pool) {}

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  const StatusTexts texts_;
  rt::BlockingPool& pool_;
};

}  // namespace cachey::api
