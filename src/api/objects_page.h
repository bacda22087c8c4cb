#pragma once

#include <chrono>

#include "api/objects_query.h"
#include "api/route.h"
#include "base/units.h"
#include "cache/cache.h"

namespace cachey::api {

/// `GET /admin/objects`: what the cache has, as JSON: a listing of objects, or one object with the
/// runs of its pages (parse_objects_query). Counts as no use of a page. 400: a wrong query; 404:
/// nothing of that object; 409: another listing is being made or sent. A client has read_time() to
/// take a listing, then the response breaks off: no slow client keeps others out. Any worker.
class ObjectsPage final : public RouteHandler {
 public:
  static constexpr std::chrono::seconds kReadTime{60};
  static constexpr size_t kReadBytesASecond = 4 * kMiB;
  /// The time that a client has for a listing of `bytes`: kReadTime, and more for a long one.
  [[nodiscard]] static constexpr std::chrono::seconds read_time(size_t bytes) {
    return kReadTime + std::chrono::seconds(bytes / kReadBytesASecond);
  }

  explicit ObjectsPage(cache::Cache& cache) : cache_(cache) {}

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  [[nodiscard]] rt::Task<void> list(rt::Worker& worker, ObjectsQuery query,
                                    net::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> look(rt::Worker& worker, cache::ObjectKey key,
                                    net::ResponseWriter& writer);

  cache::Cache& cache_;
};

}  // namespace cachey::api
