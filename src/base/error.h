#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cachey {

/// The kind of a failure says what the caller does about it. One switch in `api` maps each kind to
/// an HTTP status.
enum class ErrorKind : uint8_t {
  kBadRequest,           ///< the client's input breaks a rule
  kNotFound,             ///< no such object or bucket
  kRangeNotSatisfiable,  ///< the range starts at or past the object's end
  kPreconditionFailed,   ///< the object's version does not fulfil the client's preconditions
  kChanged,              ///< the object has another version now than the one in the answer
  kDenied,               ///< the origin refused us, or our own rules refused the client
  kArchived,             ///< the object must be restored first (InvalidObjectState)
  kThrottled,            ///< the origin asks for fewer requests
  kTimeout,              ///< the origin did not answer in time
  kUpstream,             ///< any other failure of the origin, or an answer that breaks the protocol
  kDamaged,              ///< the bytes differ from those that the origin announced: all are useless
  kRefused,              ///< the origin's rules or our settings forbid this kind of access
  kNotCached,            ///< the client wants cached bytes only, and not all are there
  kOverloaded,           ///< our own limits: memory, connections
  kNoRoom,               ///< neither memory nor disk has room for what the client wants kept
  kLimited,              ///< the client has reached a limit of its own
  kCancelled,            ///< we are shutting down, or no request needs the result any more
  kInternal,             ///< a bug of ours
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

/// What exactly went wrong at the origin, if that is known: for advice to a person. Callers decide
/// by ErrorKind.
enum class ErrorCause : uint8_t {
  kUnknown,
  kNoCredentials,
  kNoRegion,          ///< no region is set or found
  kBadRegion,         ///< the text is no region's name
  kUnknownAccessKey,  ///< the store does not know the access key
  kBadSignature,      ///< the store computed another signature
  kClockSkew,         ///< our clock differs too much from the store's
  kExpiredToken,      ///< the session token was valid once
  kBadToken,          ///< the session token is not the keys' own
  kNoSuchBucket,
  kWrongRegion,        ///< the bucket is in another region
  kRegionNotAccepted,  ///< the signature is for another region than the store's
  kAccessDenied,       ///< the credentials have no permission
  kNoSuchKey,
  kCertificate,        ///< the certificate, or our list of authorities, is not good
  kTlsHandshake,       ///< any other failure of TLS
  kConnectionRefused,  ///< nothing listens at the address
  kUnknownHost,        ///< the look-up of the host's name failed
  kNoAddress,          ///< the host's name has no address
  kUnusableAnswer,     ///< an answer came, and is not what was asked for or breaks the protocol
  kHurried,            ///< another attempt was allowed, and was not waited for
};

/// An expected failure: a kind, by which the caller decides, and one line of text for a person.
class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message, ErrorCause cause = ErrorCause::kUnknown)
      : kind_(kind), cause_(cause), message_(std::move(message)) {}

  /// A range that cannot be satisfied. `object_size`: if the origin sent one.
  [[nodiscard]] static Error range_not_satisfiable(std::optional<uint64_t> object_size);

  /// kOverloaded, with the time after which another try may help. 0: not known.
  [[nodiscard]] static Error overloaded(std::string message, std::chrono::nanoseconds retry_after);
  /// The same of kLimited.
  [[nodiscard]] static Error limited(std::string message, std::chrono::nanoseconds retry_after);

  [[nodiscard]] ErrorKind kind() const { return kind_; }
  [[nodiscard]] ErrorCause cause() const { return cause_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  /// Set only for kRangeNotSatisfiable.
  [[nodiscard]] std::optional<uint64_t> object_size() const { return object_size_; }
  /// 0: not known, or another kind than kOverloaded and kLimited.
  [[nodiscard]] std::chrono::nanoseconds retry_after() const { return retry_after_; }

 private:
  ErrorKind kind_;
  ErrorCause cause_;
  std::string message_;
  std::optional<uint64_t> object_size_;
  std::chrono::nanoseconds retry_after_{0};
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message,
                                                 ErrorCause cause = ErrorCause::kUnknown) {
  return std::unexpected(Error(kind, std::move(message), cause));
}

}  // namespace cachey
