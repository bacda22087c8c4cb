#pragma once

#include <memory>

#include "api/access.h"
#include "api/fetch/metrics.h"
#include "api/fetch/request.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "cache/range_reader.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api {

/// `GET|HEAD /fetch/{kind}/{object}`: from headers to a range of pages and back. Owned by main; all
/// it refers to outlives it. Any worker.
class Fetch {
 public:
  Fetch(cache::Cache& cache, FetchMetrics& metrics, Throughput& egress, Access& access)
      : cache_(cache), metrics_(metrics), egress_(egress), access_(access) {}

  /// REQUIRES: the target begins with `/fetch/`.
  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer);

 private:
  struct Answer;  // what goes along with one request

  [[nodiscard]] rt::Task<void> answer(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer, FetchRequest fetch,
                                      KindFetchMetrics& metrics);
  [[nodiscard]] static rt::Task<Result<void>> first_bytes(cache::RangeReader& reader, bool opened,
                                                          cache::RangeReader::Use use);
  [[nodiscard]] rt::Task<bool> send_body(Answer& answer);
  [[nodiscard]] static rt::Task<void> finish(Answer& answer);

  cache::Cache& cache_;
  FetchMetrics& metrics_;
  Throughput& egress_;
  Access& access_;
};

}  // namespace cachey::api
