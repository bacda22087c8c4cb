#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "api/purge_query.h"
#include "api/route.h"
#include "base/error.h"
#include "base/key_scope.h"
#include "base/metrics.h"
#include "cache/cache.h"
#include "cache/soft_purge.h"

namespace cachey::api {

/// `POST /admin/purge`: removes objects from the cache, and answers once that holds. The query says
/// which (parse_purge_query). 400: a wrong query; 409: a walk over all objects runs already, or too
/// many purges; 503: not on the disk, the store did not answer a soft purge, or the server is
/// shutting down. A purge goes on if its client leaves, and is logged with its token. Any worker.
class PurgePage final : public RouteHandler {
 public:
  PurgePage(cache::Cache& cache, Metrics& metrics);

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  enum class Outcome : uint8_t { kDone, kBusy, kFailed, kKept };
  static constexpr std::array<std::string_view, 4> kScopes{"object", "prefix", "kind", "all"};
  static constexpr std::array<std::string_view, 4> kOutcomes{"done", "busy", "failed",
                                                             "kept"};  // the last one: soft

  static constexpr std::chrono::seconds kSoftTimeout{30};  ///< for the store's answers

  [[nodiscard]] rt::Task<Result<cache::SoftPurged>> run(rt::Worker& worker, const PurgeQuery& query,
                                                        cache::Purges::Turn turn);
  [[nodiscard]] rt::Task<void> purge(rt::Worker& worker, PurgeQuery query, std::string token,
                                     net::ResponseWriter& writer);
  void count(const KeyScope& scope, Outcome outcome) const;

  cache::Cache& cache_;
  std::array<std::array<Counter, kOutcomes.size()>, kScopes.size()> purges_;
  const Counter pages_;
  const Counter bytes_;
};

}  // namespace cachey::api
