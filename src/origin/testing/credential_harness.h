#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "origin/credentials/chain.h"
#include "origin/testing/scripted_server.h"
#include "origin/testing/test_settings.h"
#include "origin/testing/test_worker.h"

namespace cachey::origin {

/// A credential service on loopback. Records the requests.
class FakeService {
 public:
  /// Returns the answer's bytes; empty: no answer, the connection stays open.
  using Answer = std::function<std::string(const std::string& head, const std::string& body)>;

  explicit FakeService(Answer answer, const TestIdentity* identity = nullptr);

  /// `http://127.0.0.1:port`.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] uint16_t port() const { return server_.port(); }
  /// The requests so far, head and body, in order.
  [[nodiscard]] std::vector<std::string> requests() const;
  [[nodiscard]] int accepted() const { return server_.accepted(); }

 private:
  void serve(Peer& peer);

  const Answer answer_;
  mutable Mutex mutex_;
  std::vector<std::string> requests_ GUARDED_BY(mutex_);
  ScriptedServer server_;
};

/// The answer of a container or an instance.
[[nodiscard]] std::string metadata_json(const std::string& id, const std::string& expiration);

/// The answer of STS to `action`.
[[nodiscard]] std::string sts_xml(const std::string& action, const std::string& id,
                                  const std::string& expiration);

/// An error answer of STS, with its status line.
[[nodiscard]] std::string sts_error(const std::string& status, const std::string& code);

/// An expiration far in the future.
inline constexpr const char* kLater = "2099-01-01T00:00:00Z";

/// A credential chain with the test's settings. Retries do not wait. The instance's metadata
/// service is switched off.
class CredentialHarness {
 public:
  CredentialHarness();
  ~CredentialHarness() { workers.stop(); }

  Texts variables;
  Texts files;
  LookUp look_up = system_look_up;
  std::shared_ptr<const ProxyRules> proxies;
  FixedRandom random{0.0};
  TestWorkers workers;

  [[nodiscard]] CredentialServices services();
  [[nodiscard]] Result<aws::CredentialsPtr> find(
      std::chrono::milliseconds limit = std::chrono::seconds(60));
  /// `id|secret|token`, or the error's text.
  [[nodiscard]] std::string found();

 private:
  std::unique_ptr<CredentialChain> chain_;
};

/// `id|secret|token`, or the error's text.
[[nodiscard]] std::string text_of(const Result<aws::CredentialsPtr>& found);

}  // namespace cachey::origin
