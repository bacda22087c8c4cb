#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "aws/credentials.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace cachey::origin {

/// The credentials in use, and the time of the next search: 4 to 5 minutes before they expire, or
/// after about half of their life if they live less than 10 minutes, or after 15 minutes if they
/// have no expiry. They are used until 5 to 10 s before they expire (or half of the time between
/// the search and the expiry, if that is shorter), and for at least 2 s. Not thread-safe.
class CredentialSlot {
 public:
  CredentialSlot(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

  /// The credentials that may sign requests now. Null if there are none.
  [[nodiscard]] aws::CredentialsPtr usable() const;
  /// Whether a search may begin now: there are no usable credentials, they expire soon or were
  /// refused, and the pause after the last search is over.
  [[nodiscard]] bool search_due() const;
  /// Why the last search failed; empty if it succeeded.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  /// A search has found `found`. REQUIRES: not null.
  void store(aws::CredentialsPtr found);
  /// A search has failed. The pause is 1 s; while the old credentials are usable, it doubles with
  /// each failure, up to a minute, and is shortened by up to a half at random.
  void store(Error failure);
  /// The store refused `used`. Unless other credentials are there, a search is due now, once in 10
  /// s, because it may find the same credentials again. Until it has ended, `used` stays usable.
  /// True: there are other credentials, or a search for this reason is due or under way.
  [[nodiscard]] bool refused(const aws::Credentials& used);

 private:
  const Clock& clock_;
  Random& random_;
  aws::CredentialsPtr current_;
  int64_t search_at_ = 0;               // Unix seconds
  std::optional<int64_t> unusable_at_;  // Unix seconds
  std::optional<Error> failure_;
  unsigned failures_ = 0;    // in a row
  MonoTime next_search_{};   // no search before this
  bool refused_ = false;     // a search is due, or under way, because the store refused them
  MonoTime next_refusal_{};  // no refusal makes a search due before this
};

}  // namespace cachey::origin
