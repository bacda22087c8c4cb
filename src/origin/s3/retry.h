#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/aged_map.h"
#include "base/mutex.h"
#include "base/units.h"
#include "origin/origin.h"
#include "origin/s3/config.h"
#include "origin/transport/failure.h"

namespace cachey::origin {

/// A request may ask for at most this many attempts, or for the server's own setting if that is
/// more.
inline constexpr uint32_t kRequestAttemptsMax = 10;

/// `defaults` with the overrides in `config`. `attempts_max` is at least 1.
[[nodiscard]] S3Limits effective_limits(const S3Limits& defaults, const RequestConfig& config);

/// The longest time that a get under `limits` takes to a head or its last failure: `ot`, or all
/// attempts and the longest backoffs between the attempts. Without the look-ups of region and
/// credentials.
[[nodiscard]] std::chrono::milliseconds time_to_head(const S3Limits& limits);

/// The longest time that a get with the limits `own` may take, which are `defaults` with overrides
/// of `config`: `ot`; with overrides at most what a get under `defaults` takes. Nothing: no bound.
[[nodiscard]] std::optional<std::chrono::milliseconds> get_limit(const S3Limits& own,
                                                                 const S3Limits& defaults,
                                                                 const RequestConfig& config);

/// A timeout under `own` says nothing of the store, because a limit of a single attempt is shorter
/// than the server's.
[[nodiscard]] bool is_impatient(const S3Limits& own, const S3Limits& defaults);

/// The backoff after `failed_attempts`, with full jitter: `random_unit` (0 to 1) times the initial
/// backoff, which doubles with each failed attempt after the first. If the answer names a delay,
/// that delay. At most `limits.backoff_max`.
[[nodiscard]] std::chrono::milliseconds delay_before_retry(const Failure& failure,
                                                           uint32_t failed_attempts,
                                                           const S3Limits& limits,
                                                           double random_unit);

/// The price of a retry, in tokens. REQUIRES: not kNever.
[[nodiscard]] uint32_t retry_cost(Retry retry);

/// The retry budget of one account: a store in trouble must not get three times the usual requests.
/// A retry takes tokens, a success gives some back. Not synchronized.
class RetryTokens {
 public:
  static constexpr uint32_t kTokensMax = 500;
  /// A get that succeeds at its first attempt gives this back. After retries it gives back the
  /// price of the last retry. A failed get gives nothing.
  static constexpr uint32_t kFirstAttemptGain = 1;

  /// False: fewer than `cost` are left; takes none.
  [[nodiscard]] bool take(uint32_t cost);
  void give_back(uint32_t tokens);
  [[nodiscard]] uint32_t left() const { return left_; }

 private:
  uint32_t left_ = kTokensMax;
};

/// What the retries of a get are charged to.
struct RetryPayer {
  std::string_view bucket;
  uint64_t key = 0;        ///< the hash of the object's key; the same for all that share
  bool elsewhere = false;  ///< the client chose another addressing than the server's
};

/// The retry tokens of all buckets. A bucket that has given a good answer has an account of its
/// own; all other names share one account, so that names that clients make up take only the retries
/// of each other. In the account of a bucket, an object gets further retries only while it holds
/// less than 1/kKeyShare of what is left (a dynamic threshold, as in store::Admissions), so that a
/// few failing objects do not take the retries of the others. Any thread.
class RetryBudgets {
 public:
  /// After its first retry, an object may hold this share of the bucket's tokens that are left.
  /// An object is known by its hash, one of kKeySlots. A success of the object frees its tokens; a
  /// full account frees the tokens of all objects.
  static constexpr uint32_t kKeyShare = 10;
  static constexpr size_t kKeySlots = 256;

  /// False: the retry may not be made; takes nothing.
  [[nodiscard]] bool take(const RetryPayer& payer, uint32_t cost) EXCLUDES(mutex_);
  /// A retry that was paid for was not made.
  void give_back(const RetryPayer& payer, uint32_t tokens) EXCLUDES(mutex_);
  /// The get had a good answer, and gives `tokens` back.
  void succeeded(const RetryPayer& payer, uint32_t tokens) EXCLUDES(mutex_);

 private:
  struct Account {
    RetryTokens tokens;
    std::array<uint8_t, kKeySlots> taken{};  // by the hash of the key
  };
  static_assert(RetryTokens::kTokensMax / kKeyShare <= UINT8_MAX);
  /// Past these bounds the map forgets the bucket without an ended get for the longest time.
  static constexpr AgedMapLimits kProven{.entries = 1000, .key_bytes = 64 * kKiB};

  [[nodiscard]] Account* own(const RetryPayer& payer) REQUIRES(mutex_);
  static void give_back(Account& account, uint64_t key, uint32_t tokens);

  Mutex mutex_;
  AgedMap<Account> proven_ GUARDED_BY(mutex_){kProven};
  RetryTokens unproven_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
