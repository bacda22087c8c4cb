#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/access.h"
#include "api/route.h"
#include "api/s3/access_keys.h"
#include "api/s3/aliases.h"
#include "api/s3/clients.h"
#include "api/s3/error_answer.h"
#include "api/s3/get_object.h"
#include "api/s3/metrics.h"
#include "api/s3/part_questions.h"
#include "api/s3/pass_through.h"
#include "api/s3/revalidate_rules.h"
#include "api/s3/target.h"
#include "api/s3/virtual_hosts.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/throughput.h"
#include "base/units.h"
#include "cache/cache.h"
#include "net/http/http.h"
#include "origin/forward.h"

namespace cachey::api::s3 {

struct EndpointConfig {
  VirtualHosts hosts;
  std::optional<AccessKeys> keys{};  ///< nothing: every client may ask; see Clients
  std::vector<std::string> external_hosts{};
  size_t workers = 1;
  Aliases aliases{};
  RevalidateRules rules{};
  std::chrono::milliseconds stale_max{60'000};  ///< past a rule's time, while the store fails
  std::string region = "us-east-1";  ///< letters, digits and dashes; what clients are told
  bool plain = false;                ///< no X-Cache and no C0-Status
  uint64_t part_bytes = 256 * kKiB;  ///< of memory, for places of parts; see PartBounds
};

/// All requests to the S3 endpoint: finds the operation, checks what the request says, and answers
/// it or refuses it. Every answer has an id: of the access log, else one that is made here. Owned
/// by app::Routes; all that this refers to outlives it. Any worker.
class Endpoint final : public RouteHandler {
 public:
  /// `forwarder`: null if the store answers nothing but reads of objects.
  Endpoint(EndpointConfig config, cache::Cache& cache, origin::Forwarder* forwarder,
           Throughput& egress, Metrics& metrics, Random& random);

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

  /// Called before the server starts.
  void account(ClientAccounts accounts) {
    accounts_ = accounts;
    get_object_.account(accounts);
  }
  /// See Clients.
  void replace_keys(AccessKeys keys) { clients_.replace_keys(std::move(keys)); }
  /// Requests that begin from now on have these rules.
  void replace_rules(RevalidateRules rules) { rules_.replace(std::move(rules)); }

 private:
  struct Fields;

  /// Takes the key and `id` if the question is good.
  [[nodiscard]] std::expected<ObjectQuestion, Refusal> check(const net::Request& request,
                                                             const Fields& fields, Target& target,
                                                             const Grant& grant,
                                                             const Permit& permit, std::string& id);
  [[nodiscard]] std::expected<PassQuestion, Refusal> check_pass(const net::Request& request,
                                                                const Fields& fields,
                                                                const Target& target,
                                                                const Permit& permit) const;
  [[nodiscard]] rt::Task<void> pass(rt::Worker& worker, const net::Request& request,
                                    net::ResponseWriter& writer, const Fields& fields,
                                    Target target, GrantPtr grant, Permit permit, std::string id);
  [[nodiscard]] rt::Task<void> answer_limited(rt::Worker& worker, const net::Request& request,
                                              net::ResponseWriter& writer, ObjectQuestion question);
  [[nodiscard]] rt::Task<void> tell_location(net::ResponseWriter& writer, std::string id);
  [[nodiscard]] rt::Task<void> refuse(const net::Request& request, net::ResponseWriter& writer,
                                      Target target, std::string id, Refusal refusal);

  Clients clients_;
  const EndpointConfig config_;  // without the keys
  cache::Cache& cache_;
  Random& random_;
  CurrentRevalidateRules rules_;
  EndpointMetrics metrics_;
  PassThrough pass_through_;
  PartQuestions parts_;
  GetObject get_object_;
  ClientAccounts accounts_;
};

}  // namespace cachey::api::s3
