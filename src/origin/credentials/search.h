#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/read_file.h"
#include "origin/credentials/profile.h"
#include "origin/environment.h"
#include "origin/transport/connection_pool.h"
#include "origin/transport/failure.h"
#include "origin/transport/resolver.h"
#include "origin/transport/response_head.h"
#include "origin/transport/tls.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::origin {

class InstanceRegion;

/// What the providers need from the process. Objects that it refers to outlive every search.
struct CredentialServices {
  Environment environment;
  FileReader read_file = read_file_start;
  LookUp look_up = system_look_up;
  std::shared_ptr<TlsContext> tls;
  rt::BlockingPool& blocking;
  const Clock& clock;
  Random& random;
  std::shared_ptr<InstanceRegion> region{};        ///< null if the settings name a region
  std::shared_ptr<const ProxyRules> proxies{};     ///< null: none
  std::chrono::milliseconds search_limit{60'000};  ///< a login helper may take that long
};

/// Limits of the calls to one service.
struct ServiceLimits {
  unsigned attempts_max;
  std::chrono::milliseconds connect_timeout;
  std::chrono::milliseconds read_timeout;  ///< from the request to the end of the answer
};

/// A request to a service that issues credentials.
struct ServiceRequest {
  Server server;
  std::string text;  ///< head and body
  ServiceLimits limits;
  bool by_proxy = false;  ///< through the configured proxy, if any
};

/// The body is cut at kSmallBodyBytesMax.
struct ServiceAnswer {
  ResponseHead head;
  std::string body;
};

/// A longer token file is refused.
inline constexpr size_t kTokenFileBytesMax = 64 * 1024;

/// One search for credentials: its deadline and its connections. Owned by the coroutine that
/// searches. One worker's thread.
class CredentialSearch {
 public:
  CredentialSearch(rt::Worker& worker, const CredentialServices& services, MonoTime deadline);

  [[nodiscard]] const CredentialServices& services() const { return services_; }
  [[nodiscard]] const Environment& environment() const { return services_.environment; }
  [[nodiscard]] rt::Worker& worker() const { return worker_; }
  [[nodiscard]] MonoTime deadline() const { return deadline_; }
  /// The time until the deadline; not negative.
  [[nodiscard]] std::chrono::milliseconds time_left() const;

  /// Sends the request and reads the answer, of any status. Failures as in the S3 client.
  [[nodiscard]] rt::Task<Attempt<ServiceAnswer>> call(ServiceRequest request);

  [[nodiscard]] rt::Task<Result<Resolver::Addresses>> resolve(std::string host);

  /// The file's text without white space around it and without a byte order mark. Errors of the
  /// FileReader, such as kNotFound; kBadRequest if the file is empty or longer than
  /// kTokenFileBytesMax.
  [[nodiscard]] rt::Task<Result<std::string>> read_token_file(std::string path);

  /// Waits after failed attempt number `failed`: random * min(0.5 s * 2^(failed-1), 20 s). False,
  /// at once, if the wait would pass the deadline.
  [[nodiscard]] rt::Task<bool> back_off(unsigned failed);

 private:
  rt::Worker& worker_;
  const CredentialServices& services_;
  const MonoTime deadline_;
  const std::shared_ptr<Resolver> resolver_;
  const std::shared_ptr<ConnectionPool> direct_;
  const std::shared_ptr<ConnectionPool> by_proxy_;
};

}  // namespace cachey::origin
