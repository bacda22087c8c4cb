#pragma once

#include <optional>

#include "api/body_times.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/throughput.h"
#include "cache/range_reader.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api {

/// The body of one response, from an open reader to the client. Lives in the handler's frame; the
/// worker's thread only.
struct ObjectBody {
  cache::RangeReader& reader;
  net::ResponseWriter& writer;
  Throughput& egress;  ///< counts the bytes that were sent
  const Clock& clock;

  // The results.
  BodyTimes times{};
  std::optional<Error> failure{};  ///< why more bytes did not come; nothing: the client left
};

/// The wait ended because the client left.
[[nodiscard]] bool client_left(const Error& error, net::ResponseWriter& writer);

/// Sends the reader's range, behind the head, as far as nothing has to be waited for. True: the
/// whole range. False: send_body() must go on.
[[nodiscard]] bool try_send_body(ObjectBody& body);
/// Sends the rest of the range. Holds page memory only while bytes are offered. False: the body
/// broke off, and the response has been aborted if the client is still there.
[[nodiscard]] rt::Task<bool> send_body(ObjectBody& body);

/// For metrics and the access log: whether the first page came from the cache.
[[nodiscard]] inline net::CacheStatus cache_status_of(const cache::RangeReader& reader) {
  return reader.hit() ? net::CacheStatus::kHit : net::CacheStatus::kMiss;
}

/// Of an open reader whose first byte is cached: a later one may not be. An exact reader may find a
/// part of a page.
[[nodiscard]] inline bool rest_may_miss(const cache::RangeReader& reader) {
  const cache::FetchSpec& spec = *reader.spec();
  return spec.wishes.exact || spec.page_size.pages_of(reader.range()) > 1;
}

}  // namespace cachey::api
