#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "net/tls/config.h"
#include "net/tls/openssl_ptr.h"
#include "net/tls/ticket_keys.h"

namespace cachey::net::tls {

/// One load of a Config: certificate, key, authorities, protocols and ciphers. Immutable; any
/// thread. Kept alive by the connections that began with it.
///
/// TLS 1.2 and 1.3 with forward secrecy; no renegotiation, no compression, no early data. A session
/// is resumed only if the client authorities are the same as when it began.
class Context {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const Context>> load(
      const Config& config, std::shared_ptr<TicketKeys> keys);

  /// The SHA-256 of the certificate, and of the file of the client authorities (zeros: none).
  using Digest = std::array<unsigned char, 32>;
  [[nodiscard]] const Digest& certificate() const { return facts_.certificate; }
  [[nodiscard]] const Digest& authorities() const { return facts_.authorities; }
  /// When the first of the certificate and its chain expires, in Unix seconds.
  [[nodiscard]] int64_t not_after() const { return facts_.not_after; }

  /// Null: out of memory.
  [[nodiscard]] SslPtr make_ssl() const { return SslPtr(::SSL_new(context_.get())); }
  [[nodiscard]] bool verifies_clients() const { return facts_.verifies_clients; }

 private:
  struct Facts {
    bool verifies_clients;
    Digest certificate;
    Digest authorities;
    int64_t not_after;
  };

  Context(SslContextPtr context, const Facts& facts, std::shared_ptr<TicketKeys> keys)
      : keys_(std::move(keys)), context_(std::move(context)), facts_(facts) {}

  const std::shared_ptr<TicketKeys> keys_;
  const SslContextPtr context_;
  const Facts facts_;
};

/// The current Context, for new connections. A reload replaces it; open connections keep theirs.
/// Shared by servers and their workers; any thread.
class Contexts {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Contexts>> load(Config config, const Clock& clock);

  Contexts(Config config, const Clock& clock)
      : config_(std::move(config)), keys_(std::make_shared<TicketKeys>(clock)) {}

  /// What is another one after a reload.
  struct Change {
    bool certificate;
    bool authorities;
  };
  /// Reads the files again. After an error, the current context stays.
  [[nodiscard]] Result<Change> reload() EXCLUDES(mutex_);
  [[nodiscard]] std::shared_ptr<const Context> current() const EXCLUDES(mutex_);
  /// Of the current context.
  [[nodiscard]] int64_t not_after() const { return current()->not_after(); }

 private:
  const Config config_;
  const std::shared_ptr<TicketKeys> keys_;
  mutable Mutex mutex_;
  std::shared_ptr<const Context> current_ GUARDED_BY(mutex_);
};

}  // namespace cachey::net::tls
