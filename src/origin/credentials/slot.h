#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "aws/credentials.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace cachey::origin {

/// The credentials in use, and when to look for others: in the last 5 minutes before they expire
/// (or in the second half of their life, if that is shorter), or after 15 minutes where they do not
/// say when they expire. Used until 5 to 10 s before they expire, or half of what was
/// left when the search began, if that is shorter. Not thread-safe.
class CredentialSlot {
 public:
  CredentialSlot(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

  /// What may be signed with now; null: nothing.
  [[nodiscard]] aws::CredentialsPtr usable() const;
  /// Whether to look for others now: these are about to expire or are not there, and the last
  /// search is long enough ago.
  [[nodiscard]] bool search_due() const;
  /// Why the last search failed; none: it did not.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  /// A search has found these. REQUIRES: not null.
  void store(aws::CredentialsPtr found);
  /// A search has failed. The next one waits 1 s, or where the old ones can still be used twice as
  /// long after each failure, up to a minute.
  void store(Error failure);
  /// The store refused `used`. True: others are there, or may be looked for now; which is so once
  /// in 10 s, since a search may bring the same again.
  [[nodiscard]] bool replace(const aws::Credentials& used);

 private:
  const Clock& clock_;
  Random& random_;
  aws::CredentialsPtr current_;
  int64_t search_at_ = 0;               // Unix seconds
  std::optional<int64_t> unusable_at_;  // Unix seconds
  std::optional<Error> failure_;
  unsigned failures_ = 0;    // one after the other
  MonoTime next_search_{};   // not before
  MonoTime next_replace_{};  // not before
};

}  // namespace cachey::origin
