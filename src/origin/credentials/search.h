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

/// What providers of credentials need of the process. What it refers to outlives every search.
struct CredentialServices {
  Environment environment;
  FileReader read_file = read_file_start;
  LookUp look_up = system_look_up;
  std::shared_ptr<TlsContext> tls;
  rt::BlockingPool& blocking;
  const Clock& clock;
  Random& random;
  std::shared_ptr<InstanceRegion> region{};     ///< null: the settings name one
  std::shared_ptr<const ProxyRules> proxies{};  ///< null: none
};

/// A request to somebody who hands out credentials.
struct ServiceRequest {
  Server server;
  std::string text;  ///< head and body
  std::chrono::milliseconds connect_timeout;
  std::chrono::milliseconds read_timeout;  ///< request to head; and between bytes of the body
  bool by_proxy = false;                   ///< through the proxy that the settings name for it
};

/// The body is cut at kSmallBodyBytesMax.
struct ServiceAnswer {
  ResponseHead head;
  std::string body;
};

/// A token or certificate file is not longer.
inline constexpr size_t kTokenFileBytesMax = 64 * 1024;

/// One search for credentials: the time it has, and its own connections. One worker's thread; owned
/// by the coroutine that searches.
class CredentialSearch {
 public:
  CredentialSearch(rt::Worker& worker, const CredentialServices& services, MonoTime deadline);

  [[nodiscard]] const CredentialServices& services() const { return services_; }
  [[nodiscard]] const Environment& environment() const { return services_.environment; }
  [[nodiscard]] rt::Worker& worker() const { return worker_; }
  [[nodiscard]] MonoTime deadline() const { return deadline_; }
  /// How long it may still take; not negative.
  [[nodiscard]] std::chrono::milliseconds time_left() const;

  /// Sends the request and reads the answer, whatever its status. Failures as of the S3 client.
  [[nodiscard]] rt::Task<Attempt<ServiceAnswer>> call(ServiceRequest request);

  [[nodiscard]] rt::Task<Result<Resolver::Addresses>> resolve(std::string host);

  /// The file's text without the line's end that editors leave behind. kNotFound and so on as of
  /// the FileReader; kBadRequest where it is empty or longer than kTokenFileBytesMax.
  [[nodiscard]] rt::Task<Result<std::string>> read_token_file(std::string path);

  /// Waits after the `failed`-th failed attempt: random * min(1 s * 2^(failed-1), 20 s). False: the
  /// time would be up.
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
