#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "base/byte_range.h"
#include "base/error.h"
#include "base/object_info.h"
#include "rt/worker.h"

namespace cachey::origin {

/// The most ranges that a page is fetched in, side by side.
inline constexpr uint32_t kPartsMax = 16;

/// What a client may override for its own page misses (`C0-Config`). Unset: the server's default.
/// 0 ms is a limit that has passed, not "off".
struct RequestConfig {
  std::optional<std::chrono::milliseconds> connect_timeout;     ///< ct: one new connection
  std::optional<std::chrono::milliseconds> first_byte_timeout;  ///< rt: handed over to head come
  std::optional<std::chrono::milliseconds> operation_timeout;   ///< ot: attempts and backoff
  std::optional<std::chrono::milliseconds> attempt_timeout;     ///< oat: one attempt
  std::optional<uint32_t> attempts_max;                         ///< ma: 0 acts as 1
  std::optional<std::chrono::milliseconds> backoff_initial;     ///< ib
  std::optional<std::chrono::milliseconds> backoff_max;         ///< mb
  std::optional<bool> path_style;                               ///< fps
  std::optional<uint32_t> parts;  ///< parts: ranges that a page is fetched in, side by side

  friend bool operator==(const RequestConfig&, const RequestConfig&) = default;
};

/// One ranged read of one object in one bucket.
struct GetRequest {
  std::string bucket;
  std::string key;
  ByteRange range;       ///< the answer may be cut at the object's end
  std::string if_match;  ///< an entity tag the object must have, or empty
  RequestConfig config;
  /// Nobody wants the answer any more: get() and read() then end soon, with kCancelled, and give up
  /// the transport. Requested on the worker's thread.
  std::stop_token stop;
  std::string request_id;  ///< of the client's request, for the log; empty: it has none
  /// Not on a connection that has been used before: it follows one that is in trouble.
  bool fresh_connection = false;
};

/// An object's bytes on their way in. Made by Origin::get when the answer's head has come and said
/// yes; destroying it gives the transport back, or up where the body has not been read to its end.
/// Used on the worker it was made on, one read at a time.
class GetStream {
 public:
  virtual ~GetStream() = default;

  /// Of the whole object, as of this answer.
  [[nodiscard]] virtual const ObjectInfo& info() const = 0;

  /// The bytes that this body has: begins where asked, ends where asked or at the object's end.
  [[nodiscard]] virtual ByteRange range() const = 0;

  /// Reads some of what is left straight into `into`: as much as has come in, at least one byte.
  /// REQUIRES: `into` is not empty, and bytes are left. kUpstream where the body breaks off or is
  /// longer or shorter than announced, kTimeout where it stops coming, kChanged where the object
  /// changed under the read, kDamaged, with the last byte, where the body is not the one announced.
  [[nodiscard]] virtual rt::Task<Result<size_t>> read(std::span<std::byte> into) = 0;

  /// Grows whenever bytes of the body have come in, whether or not they have been read: how to tell
  /// a slow body from one that has stopped. About their number.
  [[nodiscard]] virtual uint64_t progress() = 0;
};

/// A store of objects. One object for the whole process; get() runs on the calling worker.
class Origin {
 public:
  virtual ~Origin() = default;

  /// Sends the request (with retries, where the store is remote) and waits for the answer's head.
  /// Errors: kNotFound, kRangeNotSatisfiable (with the size, where known), kChanged (if_match
  /// failed), kDenied, kArchived, kThrottled, kTimeout, kUpstream, kRefused, kCancelled,
  /// kOverloaded.
  [[nodiscard]] virtual rt::Task<Result<std::unique_ptr<GetStream>>> get(rt::Worker& worker,
                                                                         GetRequest request) = 0;
};

}  // namespace cachey::origin
