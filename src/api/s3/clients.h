#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/access_keys.h"
#include "api/s3/error_answer.h"
#include "api/s3/grant.h"
#include "api/s3/target.h"
#include "api/s3/virtual_hosts.h"
#include "aws/signature_check.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

/// Decides which client a request is from, before anything else is looked at. Owned by the
/// endpoint. Any worker; each has a checker of its own, with its own cache of signing keys.
class Clients {
 public:
  static constexpr size_t kExternalHostsMax = 16;

  /// No `keys`: every client may read everything, and signatures are ignored. `external_hosts`: see
  /// hosts_before_proxy(). `workers`: how many there are.
  Clients(std::optional<AccessKeys> keys, std::vector<std::string> external_hosts, size_t workers,
          const Clock& clock);

  /// What the request's client may read. REQUIRES: `target` is that of `request`. The refusal is
  /// the same whatever the cache and the store have.
  [[nodiscard]] std::expected<GrantPtr, Refusal> admit(rt::Worker& worker,
                                                       const net::Request& request,
                                                       const Target& target,
                                                       const VirtualHosts& hosts);

  /// From now on requests are checked with these keys. REQUIRES: constructed with keys. Any thread.
  void replace_keys(AccessKeys keys) EXCLUDES(mutex_);

 private:
  struct OfWorker {
    uint64_t version = 0;  // of `keys`
    std::shared_ptr<const AccessKeys> keys;
    std::optional<aws::SignatureChecker> checker;
  };

  [[nodiscard]] OfWorker& state_of(const rt::Worker& worker) EXCLUDES(mutex_);

  const bool open_;
  const Clock& clock_;
  const std::vector<std::string> external_hosts_;
  const Grant all_;
  std::vector<std::unique_ptr<OfWorker>> of_workers_;  // by worker index
  std::atomic<uint64_t> version_{0};                   // of `keys_`
  Mutex mutex_;
  std::shared_ptr<const AccessKeys> keys_ GUARDED_BY(mutex_);
};

/// The values of Host that a client may have signed for a request with the Host `came`: each name
/// of `external`, `NAME[:PORT]`; and if `came` is a name below NAME, `came` with that port, because
/// some proxies drop the port.
[[nodiscard]] std::vector<std::string> hosts_before_proxy(std::string_view came,
                                                          const std::vector<std::string>& external);

/// S3's answer to a signature that is not valid. Texts that the client sent are cut at
/// kShownTextBytesMax. `target`: of the request. `unix_seconds`: now.
inline constexpr size_t kShownTextBytesMax = size_t{8} * 1024;
[[nodiscard]] Refusal refusal_of(const aws::SignatureFailure& failure, const Target& target,
                                 int64_t unix_seconds);

}  // namespace cachey::api::s3
