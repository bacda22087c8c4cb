#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/error.h"

namespace cachey::api::s3 {

/// How long an answer of the store is good for all clients.
struct GoodFor {
  std::chrono::seconds time;  ///< 0: for its own request alone

  static constexpr std::chrono::seconds kMax{365 * 24 * 3600};
  [[nodiscard]] static constexpr GoodFor ever() { return {std::chrono::seconds::max()}; }
  [[nodiscard]] static constexpr GoodFor one_request() { return {std::chrono::seconds(0)}; }
  friend bool operator==(const GoodFor&, const GoodFor&) = default;
};

/// What a request would get by what is known of its object.
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
  /// The time from the question that confirmed what is known to the begin of the request. Not more
  /// than 0: the store was asked since then. Nothing: nothing has confirmed it in this process.
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
  /// With kAsk: a question that was sent at most so long before the request began is as good. 0:
  /// the answer may be a refusal, and a refusal must be newer than its request.
  std::chrono::nanoseconds question_age_max{0};
  friend bool operator==(const NextStep&, const NextStep&) = default;
};

/// What is known may say yes, never no: a 404, 412 or 416 is the answer to a question that was sent
/// after the request came; but for a 404 within `--negative-ttl`, and where answers are good for
/// ever. A yes is good for its time; for ever, if the request names the version. No answer is good
/// for longer than its client says. Pure.
[[nodiscard]] NextStep next_step(GoodFor good_for, const FreshnessQuestion& question);

/// What is known may answer although the store has failed to confirm it: the store's last word is
/// at most `stale_max` older than `good_for` allows, and not older than the client allows. A
/// refusal is not given by old news. Pure.
[[nodiscard]] bool may_be_stale(GoodFor good_for, const FreshnessQuestion& question,
                                std::chrono::nanoseconds stale_max);

/// The store, or the way to it, is the cause: what is known may be served. A refusal of the store
/// (403, 404) is an answer.
[[nodiscard]] bool is_outage(const Error& error);

}  // namespace cachey::api::s3
