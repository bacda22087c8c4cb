#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "api/s3/grant.h"
#include "aws/credentials.h"
#include "base/error.h"

namespace cachey::api::s3 {

/// A key of a client, and what the client may read with it. Immutable.
struct AccessKey {
  AccessKey(std::string id, std::string secret, Grant of)
      : credentials(std::move(id), std::move(secret), ""), grant(std::move(of)) {}

  aws::Credentials credentials;
  Grant grant;
};

/// The keys of `--s3api-keys`. Immutable; any thread.
class AccessKeys {
 public:
  static constexpr size_t kTextBytesMax = size_t{256} * 1024;
  static constexpr size_t kLinesMax = 1000;
  static constexpr size_t kIdBytesMin = 3;
  static constexpr size_t kIdBytesMax = 128;
  /// With a signed request, secrets can be tried without a question to the server.
  static constexpr size_t kSecretBytesMin = 16;
  static constexpr size_t kGlobsMax = 1000;  ///< of all lines; a glob takes 8 KiB

  /// Parses a key per line, `ACCESS SECRET [buckets=GLOB,...] [prefix=TEXT] [write]`, with blanks
  /// between the words. ACCESS and SECRET are visible ASCII, ACCESS without commas; TEXT is
  /// percent-decoded. Empty lines and lines that begin with `#` are ignored. kBadRequest for any
  /// other line, for an access key that is there twice, and for a text without keys: the message
  /// has the line's number, never its content.
  [[nodiscard]] static Result<AccessKeys> parse(std::string_view text);

  /// Null: unknown.
  [[nodiscard]] std::shared_ptr<const AccessKey> find(std::string_view access_key_id) const;
  [[nodiscard]] size_t size() const { return keys_.size(); }
  /// Keys with `write`, which nothing obeys.
  [[nodiscard]] size_t writers() const { return writers_; }

 private:
  std::map<std::string, std::shared_ptr<const AccessKey>, std::less<>> keys_;
  size_t writers_ = 0;
};

}  // namespace cachey::api::s3
