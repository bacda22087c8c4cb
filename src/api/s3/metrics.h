#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "api/body_metrics.h"
#include "api/body_times.h"
#include "api/s3/operation.h"
#include "base/metrics.h"

namespace cachey::api::s3 {

/// What happened to a request for an object: the value of X-Cache.
enum class CacheWord : uint8_t {
  kHit,          ///< from the cache, without a question to the store
  kMiss,         ///< the store sent the first page, or was asked for what the cache did not know
  kRevalidated,  ///< from the cache, after the store said that the version is the same
  kStale,        ///< from the cache, because the store failed at that question
  kPass,         ///< not for the cache: the store answered
};
inline constexpr size_t kCacheWords = static_cast<size_t>(CacheWord::kPass) + 1;
[[nodiscard]] std::string_view to_string(CacheWord word);

/// What the store said when it was asked about an object that the cache knows.
enum class Revalidation : uint8_t {
  kSame,
  kChanged,
  kGone,    ///< 404
  kDenied,  ///< 403
  kFailed,  ///< the store did not answer
  kStale,   ///< the store did not answer, and the client gets what the cache knows
};
inline constexpr size_t kRevalidations = static_cast<size_t>(Revalidation::kStale) + 1;

/// How a request ended that got no error.
enum class Ended : uint8_t {
  kOk,
  kNotModified,
  kBrokenOff,   ///< the body broke off
  kClientLeft,  ///< the client left before the end
};
inline constexpr size_t kEndings = static_cast<size_t>(Ended::kClientLeft) + 1;

/// The metrics of the S3 endpoint. Owned by the endpoint. Any thread.
class EndpointMetrics {
 public:
  explicit EndpointMetrics(Metrics& metrics);

  /// REQUIRES: an operation that has a rule (forward_rule_of), or kGetBucketLocation.
  void ended(Operation operation, Ended how) const {
    ended_[static_cast<size_t>(operation)][static_cast<size_t>(how)].add();
  }
  /// An answer with an error's code.
  void refused(Operation operation, std::string_view code);
  void answered(CacheWord word) const { words_[static_cast<size_t>(word)].add(); }
  void revalidated(Revalidation outcome) const {
    revalidations_[static_cast<size_t>(outcome)].add();
  }
  /// The first bytes of an answer of the store left so long after the request.
  void passed_first_bytes(std::chrono::nanoseconds after) const {
    first_bytes(CacheWord::kPass, after);
  }
  /// An object's body has ended. `began`: when the request's head came. `sent`: it is complete. An
  /// answer that waited for a question to the store is no hit, whatever `tier` its bytes are from.
  void body_ended(CacheWord word, const BodyTimes& body, bool sent, MonoTime began,
                  Tier tier) const {
    if (!body.has_begun()) return;
    first_bytes(word, body.first - began);
    bodies_.ended(body, sent, began, word == CacheWord::kHit ? tier : Tier::kMiss);
  }

 private:
  void add_revalidations();
  void first_bytes(CacheWord word, std::chrono::nanoseconds after) const {
    first_bytes_[static_cast<size_t>(word)].observe(static_cast<uint64_t>(after.count()));
  }
  [[nodiscard]] Counter requests(Operation operation, std::string_view outcome);

  Metrics& metrics_;
  const BodyMetrics bodies_;
  std::array<std::array<Counter, kEndings>, kOperations> ended_;
  std::array<Counter, kCacheWords> words_;
  std::array<Counter, kRevalidations> revalidations_;
  std::array<Histogram, kCacheWords> first_bytes_;
};

}  // namespace cachey::api::s3
