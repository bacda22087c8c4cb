#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/route.h"
#include "net/http/http.h"

namespace cachey::api {

/// Finds the route of a request, asks Access, and calls the route's handler. Answers 404, 401 and
/// 405 itself, checked in this order. Owned by Process; all that this refers to outlives it. Any
/// worker.
class Router final : public net::Handler {
 public:
  /// Uses the rows of `table` that are on `face`. If several rows match a path, the first one that
  /// takes the method counts, else the first one.
  Router(Face face, std::span<const Route> table, Access& access);

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer) override;

 private:
  [[nodiscard]] const Route* find(std::string_view path, net::Method method) const;

  std::vector<Route> routes_;
  Access& access_;
};

}  // namespace cachey::api
