#pragma once

#include <functional>
#include <string>
#include <utility>

#include "api/route.h"

namespace cachey::api {

/// `/stats`: JSON. Any worker.
class StatsPage final : public RouteHandler {
 public:
  /// `make_json` makes the text. It is called on any worker.
  explicit StatsPage(std::function<std::string()> make_json) : make_json_(std::move(make_json)) {}

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  const std::function<std::string()> make_json_;
};

}  // namespace cachey::api
