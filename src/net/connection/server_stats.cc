#include "net/connection/server_stats.h"

namespace cachey::net {
namespace {

constexpr std::array<const char*, kProtocols> kProtocolNames = {"http/1.1", "h2"};
constexpr std::array<const char*, ResponseCounts::kClasses> kClassNames = {"1xx", "2xx", "3xx",
                                                                           "4xx", "5xx"};

Metrics::Labels with(const Metrics::Labels& labels, Metrics::Labels more) {
  more.insert(labels.begin(), labels.end());
  return more;
}

}  // namespace

void ServerStats::add_metrics(Metrics& metrics, const Metrics::Labels& labels) const {
  metrics.read_gauge("cachey_connections", "Open client connections", reader_of(connections),
                     labels);
  metrics.read_counter("cachey_connections_accepted_total", "Client connections accepted",
                       reader_of(connections_total), labels);
  metrics.read_counter("cachey_connections_refused_total", "Client connections past the limit",
                       reader_of(connections_refused), labels);
  metrics.read_counter("cachey_connections_displaced_total",
                       "Client connections ended to make place for new ones",
                       reader_of(connections_displaced), labels);
  metrics.read_counter("cachey_requests_malformed_total", "Requests that the HTTP parser refused",
                       reader_of(bad_requests), labels);
  metrics.read_counter("cachey_http2_resets_total", "Requests that HTTP/2 clients took back",
                       reader_of(http2_resets), labels);
  metrics.read_counter("cachey_tls_handshakes_total", "TLS handshakes that succeeded",
                       reader_of(tls_handshakes), labels);
  metrics.read_counter("cachey_tls_handshake_failures_total", "TLS handshakes that failed",
                       reader_of(tls_handshake_failures), labels);
  metrics.read_counter("cachey_tls_sessions_resumed_total", "TLS handshakes that resumed a session",
                       reader_of(tls_sessions_resumed), labels);
  for (size_t protocol = 0; protocol < kProtocols; ++protocol) {
    metrics.read_gauge("cachey_http_connections", "Open client connections by protocol",
                       reader_of(connections_by_protocol[protocol]),
                       with(labels, {{"protocol", kProtocolNames[protocol]}}));
    const ResponseCounts& counts = responses[protocol];
    for (size_t status_class = 1; status_class < kClassNames.size(); ++status_class) {  // no 1xx
      metrics.read_counter(
          "cachey_http_responses_total", "Responses begun, by class of status",
          [&counts, status_class] { return static_cast<double>(counts.total(status_class)); },
          with(labels,
               {{"protocol", kProtocolNames[protocol]}, {"code", kClassNames[status_class]}}));
    }
  }
}

}  // namespace cachey::net
