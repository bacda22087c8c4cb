#pragma once

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

  /// Null: out of memory.
  [[nodiscard]] SslPtr make_ssl() const { return SslPtr(::SSL_new(context_.get())); }
  [[nodiscard]] bool verifies_clients() const { return verifies_clients_; }

 private:
  Context(SslContextPtr context, bool verifies_clients, std::shared_ptr<TicketKeys> keys)
      : keys_(std::move(keys)), context_(std::move(context)), verifies_clients_(verifies_clients) {}

  const std::shared_ptr<TicketKeys> keys_;
  const SslContextPtr context_;
  const bool verifies_clients_;
};

/// The current Context, for new connections. A reload replaces it; open connections keep theirs.
/// Shared by servers and their workers; any thread.
class Contexts {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Contexts>> load(Config config, const Clock& clock);

  Contexts(Config config, const Clock& clock)
      : config_(std::move(config)), keys_(std::make_shared<TicketKeys>(clock)) {}

  /// Reads the files again. After an error, the current context stays.
  [[nodiscard]] Result<void> reload() EXCLUDES(mutex_);
  [[nodiscard]] std::shared_ptr<const Context> current() const EXCLUDES(mutex_);

 private:
  const Config config_;
  const std::shared_ptr<TicketKeys> keys_;
  mutable Mutex mutex_;
  std::shared_ptr<const Context> current_ GUARDED_BY(mutex_);
};

}  // namespace cachey::net::tls
