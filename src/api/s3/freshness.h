#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/error.h"

namespace cachey::api::s3 {

/// How long an answer of the store holds, for all clients.
struct GoodFor {
  std::chrono::seconds time;  ///< 0: for its own request alone

  static constexpr std::chrono::seconds kMax{365 * 24 * 3600};
  [[nodiscard]] static constexpr GoodFor ever() { return {std::chrono::seconds::max()}; }
  [[nodiscard]] static constexpr GoodFor one_request() { return {std::chrono::seconds(0)}; }
  friend bool operator==(const GoodFor&, const GoodFor&) = default;
};

/// The answer that a request would get from the cache alone.
enum class Known : uint8_t {
  kNothing,      ///< nothing is known
  kAbsent,       ///< 404: the store said so, within `--negative-ttl`
  kServes,       ///< 200 or 206
  kServesNamed,  ///< 200 or 206, and If-Match has the version's tag (not `*`)
  kNotModified,  ///< 304
  kFails,        ///< 412
  kPastEnd,      ///< 416
};

/// A request, before the store is asked.
struct FreshnessQuestion {
  Known known = Known::kNothing;
  /// The age of the cached answer when the request began: the time since the question that
  /// confirmed the answer. At most 0: the store was asked after the request began. Nothing: this
  /// process has not confirmed the answer.
  std::optional<std::chrono::nanoseconds> age = std::nullopt;
  /// The request can do without a body: HEAD, or a condition by which the client may have the bytes
  /// already.
  bool head_may_do = false;
  /// The client takes no answer that is older; see RequestCacheControl::age_max.
  std::optional<std::chrono::nanoseconds> age_max = std::nullopt;
};

enum class Step : uint8_t {
  kAnswer,  ///< what is known answers
  kAsk,     ///< HeadObject decides
  kOpen,    ///< the bytes are fetched; the answer that brings them decides
};

struct NextStep {
  Step step = Step::kAsk;
  /// With kAsk: an earlier question suffices if it was sent at most this long before the request
  /// began. 0: the answer may be a refusal, and a refusal must be newer than its request.
  std::chrono::nanoseconds question_age_max{0};
  friend bool operator==(const NextStep&, const NextStep&) = default;
};

/// The cache may serve a request, but only the store may refuse one: a 404, 412 or 416 answers a
/// question that was sent after the request came. Exceptions: a 404 within `--negative-ttl`, and
/// objects whose answers hold for ever. The object or a 304 may be served for the time that an
/// answer holds; for ever, if the request names the version. A client may shorten that time. Pure.
[[nodiscard]] NextStep next_step(GoodFor good_for, const FreshnessQuestion& question);

/// Whether the cache may answer although the store failed to confirm the answer: the store's last
/// answer is at most `stale_max` older than `good_for` allows, and not older than the client
/// allows. Never for a refusal. Pure.
[[nodiscard]] bool may_be_stale(GoodFor good_for, const FreshnessQuestion& question,
                                std::chrono::nanoseconds stale_max);

/// The store, or the network to it, failed, so the cached answer may be served. A refusal by the
/// store (403, 404) is an answer.
[[nodiscard]] bool is_outage(const Error& error);

}  // namespace cachey::api::s3
