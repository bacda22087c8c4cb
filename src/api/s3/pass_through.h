#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/bucket_rules.h"
#include "api/s3/error_answer.h"
#include "api/s3/forward_places.h"
#include "api/s3/forward_rules.h"
#include "api/s3/metrics.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/throughput.h"
#include "base/units.h"
#include "net/http/http.h"
#include "origin/forward.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

struct PassThroughConfig {
  std::string region{};                 ///< what clients are told
  bool plain = false;                   ///< no X-Cache
  std::vector<DeclaredKind> aliases{};  ///< ListBuckets adds them
  ForwardLimits limits{};
};

/// Answers that come from the store and are not kept: lists, questions about buckets,
/// sub-resources, versions, and objects that are not for the cache. Each is asked with the server's
/// own credentials; that the client may ask is decided before.
///
/// A body is streamed through one buffer of kBufferBytes; ListBuckets is read whole, up to
/// kBucketListBytesMax. An answer holds a place of ForwardPlaces from the question to its end.
/// Owned by the endpoint; all that this refers to outlives it. Any worker.
class PassThrough {
 public:
  static constexpr size_t kBufferBytes = 64 * kKiB;
  /// A client that takes a body more slowly than this, in the time that the answer waits for the
  /// client beyond kSlowAfter, loses its answer if another question waits for a place.
  static constexpr uint64_t kSlowBytesPerSecond = 16 * kKiB;
  static constexpr std::chrono::seconds kSlowAfter{10};

  /// `forwarder`: null if the store takes no such questions: all are NotImplemented.
  PassThrough(PassThroughConfig config, origin::Forwarder* forwarder, EndpointMetrics& metrics,
              Throughput& egress, const Clock& clock, Metrics& registry)
      : config_(std::move(config)),
        forwarder_(forwarder),
        metrics_(metrics),
        egress_(egress),
        clock_(clock),
        places_(config_.limits, clock, registry) {}

  [[nodiscard]] bool can_forward() const { return forwarder_ != nullptr; }
  /// Other questions of clients to the store take a place here, too.
  [[nodiscard]] ForwardPlaces& places() { return places_; }

  /// Which buckets the client may see in ListBuckets.
  using Sees = std::function<bool(std::string_view bucket)>;

  /// `sees`: for ListBuckets; else may be empty.
  [[nodiscard]] rt::Task<void> answer(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer, PassQuestion question,
                                      Sees sees = {});

 private:
  struct Passing;  // the state of one answer

  [[nodiscard]] rt::Task<Result<void>> ask(Passing& passing);
  [[nodiscard]] rt::Task<Result<std::unique_ptr<origin::ForwardAnswer>>> ask_bucket(
      Passing& passing, const std::string& bucket);
  [[nodiscard]] rt::Task<void> send(Passing& passing);
  [[nodiscard]] rt::Task<Result<void>> read_begin(Passing& passing);
  void rename(Passing& passing) const;
  void start(Passing& passing);
  [[nodiscard]] rt::Task<void> send_body(Passing& passing);
  [[nodiscard]] rt::Task<bool> send_piece(Passing& passing, std::string_view piece);
  [[nodiscard]] bool is_too_slow(const Passing& passing) const;
  [[nodiscard]] rt::Task<Result<std::optional<std::string>>> read_bucket_list(
      Passing& passing) const;
  [[nodiscard]] rt::Task<void> send_bucket_list(Passing& passing);
  [[nodiscard]] rt::Task<void> refuse_as_store(Passing& passing);
  [[nodiscard]] rt::Task<void> fail(Passing& passing, Error error);
  [[nodiscard]] rt::Task<void> refuse(Passing& passing, Refusal refusal);

  const PassThroughConfig config_;
  origin::Forwarder* const forwarder_;
  EndpointMetrics& metrics_;
  Throughput& egress_;
  const Clock& clock_;
  ForwardPlaces places_;
};

}  // namespace cachey::api::s3
