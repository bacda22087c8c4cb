#pragma once

#include <cstddef>

#include "base/clock.h"
#include "net/http2/limits.h"
#include "net/http2/token_bucket.h"

namespace cachey::net::http2 {

/// How many resets and how many frames that ask for nothing one client may send. Requests and sent
/// bodies earn the client such frames (limits.h). Owned by the session; the worker's thread.
class ClientBudget {
 public:
  explicit ClientBudget(MonoTime now)
      : resets_(kResetsBurst, kResetsPerSecond, now),
        chatter_(kChatterBurst, kChatterPerSecond, now) {}

  /// One request that the client reset or made us refuse. False: the client is past its limit.
  [[nodiscard]] bool take_reset(MonoTime now) { return resets_.take(now); }
  /// One frame that asks for nothing. False: the client is past its limit.
  [[nodiscard]] bool take_chatter(MonoTime now) { return chatter_.take(now); }

  void earn_by_request() { chatter_.give(kChatterPerRequest); }
  /// One DATA frame with `bytes` of body was sent.
  void earn_by_data(size_t bytes) {
    chatter_.give(kChatterPerDataSent);
    chatter_.give(static_cast<double>(bytes) * kChatterPerByteSent, kChatterPaidMax);
  }

 private:
  TokenBucket resets_;
  TokenBucket chatter_;
};

}  // namespace cachey::net::http2
