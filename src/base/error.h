#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cachey {

/// What went wrong, by what the caller does about it. One switch in `api` maps each to a status.
enum class ErrorKind : uint8_t {
  kBadRequest,           ///< the client's input breaks a rule
  kNotFound,             ///< no such object or bucket
  kRangeNotSatisfiable,  ///< the range starts at or past the object's end
  kChanged,              ///< the object is of another version than the one being answered
  kDenied,               ///< refused: by the origin to us, or by our own rules to the client
  kArchived,             ///< the object must be restored first (InvalidObjectState)
  kThrottled,            ///< the origin asks for fewer requests
  kTimeout,              ///< the origin did not answer in time
  kUpstream,             ///< any other failure of the origin, or an answer that breaks the protocol
  kDamaged,              ///< bytes that are not those the origin announced: none of them is good
  kRefused,              ///< not to be had in this way, by the origin's rules or our settings
  kOverloaded,           ///< our own limits: memory, connections
  kCancelled,            ///< we are shutting down, or nobody wants the result any more
  kInternal,             ///< our own fault
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

/// An expected failure: a kind to decide by and one line of text for a person.
class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  /// A range that cannot be satisfied, with the object's size where the origin told it.
  [[nodiscard]] static Error range_not_satisfiable(std::optional<uint64_t> object_size);

  [[nodiscard]] ErrorKind kind() const { return kind_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  /// Known only for kRangeNotSatisfiable, and not always then.
  [[nodiscard]] std::optional<uint64_t> object_size() const { return object_size_; }

 private:
  ErrorKind kind_;
  std::string message_;
  std::optional<uint64_t> object_size_;
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error(kind, std::move(message)));
}

}  // namespace cachey
