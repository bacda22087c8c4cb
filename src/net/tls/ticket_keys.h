#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/mutex.h"

namespace cachey::net::tls {

/// What a session ticket is sealed with. Wiped when it goes.
struct TicketKey {
  static constexpr size_t kNameBytes = 16;
  static constexpr size_t kKeyBytes = 32;

  std::array<unsigned char, kNameBytes> name{};  ///< stands in the ticket, in the clear
  std::array<unsigned char, kKeyBytes> cipher{};
  std::array<unsigned char, kKeyBytes> mac{};
  MonoTime made;

  ~TicketKey();
};

/// The keys of a server's session tickets: with them a client comes back without a full handshake,
/// to whichever worker, and after a reload. They live in this process's memory only. A key seals
/// for kSealingTime, and opens what it has sealed for as long again: a ticket is good for at most
/// that. One object for all workers and all loads of a server; any thread.
class TicketKeys {
 public:
  static constexpr std::chrono::hours kSealingTime{2};

  /// The key to seal with. Nothing where the system gives no random bytes.
  [[nodiscard]] std::optional<TicketKey> to_seal(MonoTime now) EXCLUDES(mutex_);
  /// The key of that name, while it opens.
  [[nodiscard]] std::optional<TicketKey> to_open(std::span<const unsigned char> name, MonoTime now)
      EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::optional<TicketKey> current_ GUARDED_BY(mutex_);
  std::optional<TicketKey> previous_ GUARDED_BY(mutex_);
};

/// Has `context` seal and open its tickets with `keys`, which must outlive its connections.
void use_ticket_keys(SSL_CTX* context, TicketKeys& keys);

}  // namespace cachey::net::tls
