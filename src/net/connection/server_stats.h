#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/metrics.h"
#include "base/shard.h"
#include "net/http/http.h"

namespace cachey::net {

/// Counts of responses by class of status, 1xx to 5xx. Any thread.
class ResponseCounts {
 public:
  static constexpr size_t kClasses = 5;
  void count(unsigned status) {
    const unsigned status_class = std::clamp(status / 100, 1U, 5U);
    classes_[status_class - 1].add();
    if (status_class == kClasses && status != 501 && status != 505) failures_.add();
  }
  /// `status_class`: 0 is 1xx.
  [[nodiscard]] uint64_t total(size_t status_class) const { return classes_[status_class].total(); }
  /// 5xx, but 501 and 505: a client that asks for what no server of ours does is no failure.
  [[nodiscard]] uint64_t failures() const { return failures_.total(); }

 private:
  std::array<ShardedCount, kClasses> classes_;
  ShardedCount failures_;
};

/// Counts of one server. Owned by the server; any thread.
struct ServerStats {
  std::atomic<int64_t> connections{0};           ///< open now
  std::atomic<uint64_t> connections_total{0};    ///< accepted
  std::atomic<uint64_t> connections_refused{0};  ///< past connections_max: answered 503, or closed
  /// Answered 503, or closed, because their address has its share.
  std::atomic<uint64_t> connections_over_share{0};
  std::atomic<uint64_t> connections_displaced{0};  ///< ended to make place for another one
  std::atomic<uint64_t> requests{0};               ///< passed to the handler
  std::atomic<uint64_t> bad_requests{
      0};  ///< refused as malformed, too large, or past a limit of HTTP/2
  std::atomic<uint64_t> proxy_headers_refused{0};   ///< connections closed for their PROXY header
  std::atomic<uint64_t> forwarded_unusable{0};      ///< requests: see ForwardedClient::usable
  std::atomic<uint64_t> http2_resets{0};            ///< requests that the client reset
  std::atomic<uint64_t> tls_handshakes{0};          ///< that succeeded
  std::atomic<uint64_t> tls_handshake_failures{0};  ///< after the client's first byte
  std::atomic<uint64_t> tls_sessions_resumed{0};    ///< handshakes of tls_handshakes that resumed

  // Indexed by Protocol.
  std::array<std::atomic<int64_t>, kProtocols> connections_by_protocol{};  ///< open now
  std::array<ResponseCounts, kProtocols> responses;  ///< counted when the head is queued

  [[nodiscard]] std::atomic<int64_t>& connections_of(Protocol protocol) {
    return connections_by_protocol[static_cast<size_t>(protocol)];
  }
  [[nodiscard]] ResponseCounts& responses_of(Protocol protocol) {
    return responses[static_cast<size_t>(protocol)];
  }
};

/// Registers every count, of all servers together, with `metrics`, which then refers to the
/// servers. Call once.
void add_server_metrics(Metrics& metrics, const std::vector<const ServerStats*>& servers);

}  // namespace cachey::net
