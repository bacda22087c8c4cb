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

/// Key of session tickets. The destructor wipes it.
struct TicketKey {
  static constexpr size_t kNameBytes = 16;
  static constexpr size_t kKeyBytes = 32;

  std::array<unsigned char, kNameBytes> name{};  ///< in the ticket as plaintext
  std::array<unsigned char, kKeyBytes> cipher{};
  std::array<unsigned char, kKeyBytes> mac{};
  MonoTime made;

  ~TicketKey();
};

/// The keys of a server's session tickets. With a ticket a client resumes its session on any
/// worker, and after a reload. The keys exist only in the memory of this process. A key seals
/// tickets for kSealingTime, and opens them for another kSealingTime; a ticket's lifetime is
/// kSealingTime. One object for all workers and all loads of a server; any thread.
class TicketKeys {
 public:
  static constexpr std::chrono::hours kSealingTime{2};

  explicit TicketKeys(const Clock& clock) : clock_(clock) {}

  [[nodiscard]] MonoTime now() const { return clock_.mono(); }

  /// The key to seal with, a new one if necessary. nullopt: the system has no random bytes.
  [[nodiscard]] std::optional<TicketKey> to_seal(MonoTime now) EXCLUDES(mutex_);
  /// The key with this name, if it may still open tickets.
  [[nodiscard]] std::optional<TicketKey> to_open(std::span<const unsigned char> name, MonoTime now)
      EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  mutable Mutex mutex_;
  std::optional<TicketKey> current_ GUARDED_BY(mutex_);
  std::optional<TicketKey> previous_ GUARDED_BY(mutex_);
};

/// Makes `context` seal and open tickets with `keys`, which must outlive its connections.
void use_ticket_keys(SSL_CTX* context, TicketKeys& keys);

}  // namespace cachey::net::tls
