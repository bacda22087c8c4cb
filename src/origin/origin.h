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
#include "base/clock.h"
#include "base/error.h"
#include "base/object_info.h"
#include "base/trace_context.h"
#include "rt/worker.h"

namespace cachey::origin {

/// The most ranges that a page is fetched in, side by side.
inline constexpr uint32_t kPartsMax = 16;

/// What a client may override for its own page misses (`C0-Config`). Unset: the server's default.
/// 0 ms is a limit that has already passed; it does not mean "no limit".
struct RequestConfig {
  std::optional<std::chrono::milliseconds> connect_timeout;     ///< ct: one new connection
  std::optional<std::chrono::milliseconds> first_byte_timeout;  ///< rt: request sent to head read
  std::optional<std::chrono::milliseconds> operation_timeout;   ///< ot: attempts and backoff
  std::optional<std::chrono::milliseconds> attempt_timeout;     ///< oat: one attempt
  std::optional<uint32_t> attempts_max;                         ///< ma: 0 acts as 1
  std::optional<std::chrono::milliseconds> backoff_initial;     ///< ib
  std::optional<std::chrono::milliseconds> backoff_max;         ///< mb
  std::optional<bool> path_style;                               ///< fps
  std::optional<uint32_t> parts;  ///< parts: ranges that a page is fetched in, side by side

  friend bool operator==(const RequestConfig&, const RequestConfig&) = default;

  /// A limit of times, attempts or backoffs is set.
  [[nodiscard]] bool has_limits() const { return operation_timeout || shapes_attempts(); }
  /// A limit is set that decides how attempts end and follow each other.
  [[nodiscard]] bool shapes_attempts() const {
    return connect_timeout || first_byte_timeout || attempt_timeout || attempts_max ||
           backoff_initial || backoff_max;
  }
  /// From now on the server's backoffs.
  void forget_backoffs() {
    backoff_initial.reset();
    backoff_max.reset();
  }
  /// The same under the server's limits.
  [[nodiscard]] RequestConfig without_limits() const {
    RequestConfig config;
    config.path_style = path_style;
    config.parts = parts;
    return config;
  }
};

/// A request's place among those under way, which the request gives back while it does not ask the
/// store. Used by one get(), on its worker.
class Turn {
 public:
  virtual ~Turn() = default;
  /// An attempt of the request failed. Another attempt follows, unless the backoff ends the get.
  virtual void attempt_failed(const Error& why) = 0;
  virtual void leave() = 0;
  /// Waits for a place again. False: none by `deadline`, or the request was cancelled.
  [[nodiscard]] virtual rt::Task<bool> come_back(MonoTime deadline) = 0;
};

/// What a request asks of an object.
enum class Ask : uint8_t {
  kRange,  ///< the bytes of a range
  kHead,   ///< version and attributes only (HeadObject): the answer has no body
  kTail,   ///< the last bytes, as many as the range has (`bytes=-n`): the range begins at 0
};

/// One question about one object in one bucket.
struct GetRequest {
  std::string bucket;
  std::string key;
  ByteRange range;       ///< the answer may be cut at the object's end; ignored for kHead
  std::string if_match;  ///< an entity tag the object must have, or empty
  RequestConfig config;
  /// Cancels the request: get() and read() end soon with kCancelled and close the transport.
  /// Requested on the worker's thread.
  std::stop_token stop;
  /// Once this is requested, an attempt that failed is not retried after a backoff: the get fails.
  /// Requested on the worker's thread.
  std::stop_token hurry{};
  Turn* turn = nullptr;    ///< outlives get(); null: none
  std::string request_id;  ///< of the client's request, for the log; may be empty
  /// Of the client's request: the store's request is part of it. Null: none.
  TraceContextPtr trace{};
  /// Use a new connection, because an earlier request of the same read is late or failed.
  bool fresh_connection = false;
  /// The bytes have memory. Such a request never waits for a request without memory.
  bool has_memory = false;
  Ask ask = Ask::kRange;
  /// kHead: the store is asked why it has no object, at the cost of a request. An answer to a HEAD
  /// alone names neither a missing bucket nor wrong keys.
  bool explain_absence = false;
};

/// The body of a good answer. Made by Origin::get once the answer's head was read. The destructor
/// returns the transport for reuse, or closes it if the body was not read to its end. Used on the
/// worker that made it, one read at a time.
class GetStream {
 public:
  virtual ~GetStream() = default;

  /// The whole object's version and size, as of this answer.
  [[nodiscard]] virtual const ObjectInfo& info() const = 0;

  /// The range of this body: the range that was asked for, cut at the object's end. Empty for
  /// Ask::kHead.
  [[nodiscard]] virtual ByteRange range() const = 0;

  /// When the request that brought this answer was sent. A retry is a request of its own.
  [[nodiscard]] virtual MonoTime sent_at() const = 0;

  /// Reads the bytes that have arrived straight into `into`, at least one byte. Waits for them.
  /// REQUIRES: `into` is not empty, and bytes are left. Errors: kUpstream (the body broke off, or
  /// its length is not the announced one), kTimeout (the body stopped), kChanged (the object
  /// changed during the read), kDamaged (in place of the last byte: the checksum is wrong),
  /// kCancelled.
  [[nodiscard]] virtual rt::Task<Result<size_t>> read(std::span<std::byte> into) = 0;

  /// About the number of body bytes that have arrived, read or not. Grows while the body keeps
  /// coming, so the value tells a slow body from a stopped one.
  [[nodiscard]] virtual uint64_t progress() = 0;
};

/// A store of objects. One object for the whole process; get() runs on the calling worker.
class Origin {
 public:
  virtual ~Origin() = default;

  /// Sends the request (with retries, if the store is remote) and waits for the answer's head.
  /// Errors: kNotFound, kRangeNotSatisfiable (with the size, if known), kChanged (if_match failed),
  /// kDenied, kArchived, kThrottled, kTimeout, kUpstream, kRefused, kCancelled, kOverloaded.
  [[nodiscard]] virtual rt::Task<Result<std::unique_ptr<GetStream>>> get(rt::Worker& worker,
                                                                         GetRequest request) = 0;

  /// The longest time from get() to a head or a failure under `config`. Nothing: no bound. Any
  /// thread.
  [[nodiscard]] virtual std::optional<std::chrono::milliseconds> time_to_head(
      const RequestConfig& config) const {
    return config.operation_timeout;
  }

  /// Whether `config` sends a request to another address than the server's own settings do. Any
  /// thread.
  [[nodiscard]] virtual bool goes_elsewhere(const RequestConfig& config) const {
    (void)config;
    return false;
  }
};

}  // namespace cachey::origin
