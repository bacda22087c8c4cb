#include "origin/s3/counters.h"

#include "base/metrics.h"

namespace cachey::origin {

void add_metrics(Metrics& metrics, const S3Counters& counters) {
  metrics.read_gauge("cachey_origin_connections", "Open connections to the origin, idle ones too",
                     reader_of(counters.connections_open));
  metrics.read_counter("cachey_origin_requests_total", "Requests sent to the origin, every attempt",
                       reader_of(counters.requests));
  metrics.read_counter("cachey_origin_retries_total", "Attempts after the first",
                       reader_of(counters.retries));
  metrics.read_counter("cachey_origin_resends_total",
                       "Requests sent again because their idle connection had died",
                       reader_of(counters.resends));
  metrics.read_counter("cachey_origin_throttled_total", "Answers that asked for fewer requests",
                       reader_of(counters.throttled));
  metrics.read_counter("cachey_origin_bytes_total",
                       "Bytes received from the origin, heads and errors too",
                       reader_of(counters.bytes_received));
  metrics.read_counter("cachey_origin_connections_opened_total", "Connections made to the origin",
                       reader_of(counters.connections_opened));
  metrics.read_counter("cachey_origin_connections_reused_total",
                       "Requests that found an idle connection",
                       reader_of(counters.connections_reused));
  metrics.read_counter("cachey_origin_tunnels_opened_total",
                       "Connections through a proxy's CONNECT", reader_of(counters.tunnels_opened));
  metrics.read_counter("cachey_origin_retries_refused_total", "Retries that found no tokens left",
                       reader_of(counters.retries_refused));
  metrics.read_counter("cachey_origin_region_redirects_total",
                       "Requests sent on to their bucket's own region",
                       reader_of(counters.region_redirects));
  metrics.read_counter("cachey_origin_clock_corrections_total",
                       "Times that signing times were set by the origin's clock",
                       reader_of(counters.clock_corrections));
  metrics.read_counter("cachey_origin_credentials_refused_total",
                       "Answers that refused the credentials, when no others were found",
                       reader_of(counters.credentials_refused));
  metrics.read_counter("cachey_origin_checksum_failures_total",
                       "Bodies that were not what the origin announced",
                       reader_of(counters.checksum_failures));
  counters.attempts.add_metrics(metrics);
}

}  // namespace cachey::origin
