#pragma once

#include <cstdint>
#include <string_view>

#include "api/access.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api {

/// Answers the requests of a route. One object for all workers, called on the connection's worker.
class RouteHandler {
 public:
  virtual ~RouteHandler() = default;
  /// `permit` is the decision of Access. `request` and `writer` live until the coroutine ends.
  [[nodiscard]] virtual rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                              Permit permit, net::ResponseWriter& writer) = 0;
};

/// The listening addresses that have a route: `--listen`, `--admin-listen`, `--s3api-listen`. A set
/// of bits.
enum class Face : uint8_t {
  kData = 1,
  kAdmin = 2,
  kBoth = kData | kAdmin,
  kS3 = 4,
  kOwnAdmin = 8,  ///< `--admin-listen` alone: never beside the routes of kData
  kAdminPort = kAdmin | kOwnAdmin,
  kDataAndOwnAdmin = kData | kOwnAdmin,
};

[[nodiscard]] constexpr bool overlap(Face a, Face b) {
  return (static_cast<unsigned>(a) & static_cast<unsigned>(b)) != 0;
}

enum class Match : uint8_t {
  kExact,   ///< the path is `path`
  kPrefix,  ///< the path begins with `path`
};

enum class Methods : uint8_t {
  kGetAndHead,  ///< the router answers other methods with 405, unless a later row takes them
  kAny,         ///< the handler checks the method
};

/// A row of the table of routes.
struct Route {
  std::string_view path;  ///< without the query; outlives the router
  Match match;
  Face face;
  Scope scope;
  Methods methods;
  RouteHandler* handler;  ///< outlives the router

  [[nodiscard]] bool matches(std::string_view asked) const {
    return match == Match::kPrefix ? asked.starts_with(path) : asked == path;
  }
  [[nodiscard]] bool takes(net::Method method) const {
    return methods == Methods::kAny || method != net::Method::kOther;
  }
};

}  // namespace cachey::api
