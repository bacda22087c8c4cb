#include "net/connection/server_stats.h"

#include <functional>

namespace cachey::net {
namespace {

constexpr std::array<const char*, kProtocols> kProtocolNames = {"http/1.1", "h2"};
constexpr std::array<const char*, ResponseCounts::kClasses> kClassNames = {"1xx", "2xx", "3xx",
                                                                           "4xx", "5xx"};

/// Reads the sum of a count of all servers.
template <typename Count>
std::function<double()> sum_of(const std::vector<const ServerStats*>& servers, Count count) {
  return [servers, count] {
    double sum = 0;
    for (const ServerStats* server : servers) sum += static_cast<double>(count(*server));
    return sum;
  };
}

template <typename T>
std::function<double()> sum_of(const std::vector<const ServerStats*>& servers,
                               std::atomic<T> ServerStats::* count) {
  return sum_of(servers, [count](const ServerStats& server) { return (server.*count).load(); });
}

void add_protocol_metrics(Metrics& metrics, const std::vector<const ServerStats*>& servers,
                          size_t protocol) {
  const char* const name = kProtocolNames[protocol];
  metrics.read_gauge("cachey_http_connections", "Open client connections by protocol",
                     sum_of(servers,
                            [protocol](const ServerStats& server) {
                              return server.connections_by_protocol[protocol].load();
                            }),
                     {{"protocol", name}});
  for (size_t status_class = 1; status_class < kClassNames.size(); ++status_class) {  // no 1xx
    metrics.read_counter("cachey_http_responses_total", "Responses begun, by class of status",
                         sum_of(servers,
                                [protocol, status_class](const ServerStats& server) {
                                  return server.responses[protocol].total(status_class);
                                }),
                         {{"protocol", name}, {"code", kClassNames[status_class]}});
  }
}

}  // namespace

void add_server_metrics(Metrics& metrics, const std::vector<const ServerStats*>& servers) {
  using S = ServerStats;
  metrics.read_gauge("cachey_connections", "Open client connections",
                     sum_of(servers, &S::connections));
  metrics.read_counter("cachey_connections_accepted_total", "Client connections accepted",
                       sum_of(servers, &S::connections_total));
  metrics.read_counter("cachey_connections_refused_total", "Client connections past the limit",
                       sum_of(servers, [](const ServerStats& server) {
                         return server.connections_refused + server.connections_over_share;
                       }));
  metrics.read_counter("cachey_connections_displaced_total",
                       "Client connections ended to make place for new ones",
                       sum_of(servers, &S::connections_displaced));
  metrics.read_counter("cachey_requests_malformed_total", "Requests that the HTTP parser refused",
                       sum_of(servers, &S::bad_requests));
  metrics.read_counter("cachey_proxy_headers_refused_total",
                       "Connections closed because their PROXY header was wrong, late or missing",
                       sum_of(servers, &S::proxy_headers_refused));
  metrics.read_counter("cachey_forwarded_unusable_total",
                       "Requests of trusted proxies whose Forwarded or X-Forwarded-For told no "
                       "client, or two",
                       sum_of(servers, &S::forwarded_unusable));
  metrics.read_counter("cachey_http2_resets_total", "Requests that HTTP/2 clients took back",
                       sum_of(servers, &S::http2_resets));
  metrics.read_counter("cachey_tls_handshakes_total", "TLS handshakes that succeeded",
                       sum_of(servers, &S::tls_handshakes));
  metrics.read_counter("cachey_tls_handshake_failures_total", "TLS handshakes that failed",
                       sum_of(servers, &S::tls_handshake_failures));
  metrics.read_counter("cachey_tls_sessions_resumed_total", "TLS handshakes that resumed a session",
                       sum_of(servers, &S::tls_sessions_resumed));
  for (size_t protocol = 0; protocol < kProtocols; ++protocol) {
    add_protocol_metrics(metrics, servers, protocol);
  }
}

}  // namespace cachey::net
