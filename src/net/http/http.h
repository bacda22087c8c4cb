#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/trace_context.h"
#include "net/http/ip_address.h"
#include "rt/worker.h"

/// The interface of HTTP for handlers of requests. It is the same for all versions of HTTP.
namespace cachey::net {

enum class Method : uint8_t { kGet, kHead, kOther };

enum class Protocol : uint8_t { kHttp1, kHttp2 };
inline constexpr size_t kProtocols = 2;

struct Field {
  std::string_view name;  ///< lower case in a Request; any case in a response
  std::string_view value;
};

/// Whether the first page of an object came from the cache. kNone: the response has no object.
enum class CacheStatus : uint8_t { kNone, kHit, kMiss };

/// What a handler tells the access log about a request. Lives until the request's line is written.
struct RequestNotes {
  bool reads_object = false;  ///< the line has the keys of such requests
  std::string_view
      operation;           ///< what was asked for, a constant; empty: the log tells nothing more
  std::string bucket;      ///< empty: none
  std::string access_key;  ///< the id of the client's key; empty: none
  std::string_view cache;  ///< the word of X-Cache, a constant; empty: none
  std::string_view tier;   ///< that had the first page, a constant; empty: none
  std::string token;       ///< the name of the client's token; empty: none
  std::string_view error;  ///< why the body broke off, a constant; empty: see ResponseHead
};

/// The head of one request. Its text belongs to the connection and lives until the handler's
/// coroutine ends.
class Request {
 public:
  static constexpr size_t kMethodBytesMax = 32;

  Request(Method method, std::string_view target, std::vector<Field> fields)
      : method_(method), target_(target), fields_(std::move(fields)) {}

  [[nodiscard]] Method method() const { return method_; }
  /// As sent, cut at kMethodBytesMax: for logs. `OTHER` if the method is kOther and has no name.
  [[nodiscard]] std::string_view method_name() const {
    return method_ == Method::kGet ? "GET" : method_ == Method::kHead ? "HEAD" : other_method_;
  }
  /// For kOther. The text must outlive the request.
  void set_method_name(std::string_view name) { other_method_ = name.substr(0, kMethodBytesMax); }
  /// In origin-form as sent: percent-encoded, with the query.
  [[nodiscard]] std::string_view target() const { return target_; }
  /// In the order of the request. Values are trimmed.
  [[nodiscard]] std::span<const Field> fields() const { return fields_; }
  /// The value of the first field with this name. `name` is in lower case.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const {
    for (const Field& f : fields_) {
      if (f.name == name) return f.value;
    }
    return std::nullopt;
  }
  /// The client accepts trailers: with `TE: trailers` in HTTP/1.1, always in HTTP/2.
  [[nodiscard]] bool takes_trailers() const { return takes_trailers_; }
  void set_takes_trailers(bool takes) { takes_trailers_ = takes; }
  /// The client accepts trailers and says so, with `TE: trailers`, in HTTP/2 too.
  [[nodiscard]] bool asks_for_trailers() const;
  /// The address of the client, never IPv4-mapped; unspecified if it is not known. The one place
  /// that tells clients apart by address.
  [[nodiscard]] const IpAddress& client_address() const { return client_; }
  [[nodiscard]] Protocol protocol() const { return protocol_; }
  /// The other end of the connection, if that is not the client: a trusted proxy. Else null.
  [[nodiscard]] const IpAddress* proxy() const {
    return peer_ == nullptr || *peer_ == client_ ? nullptr : peer_;
  }
  /// `peer`: the other end of the connection. Must outlive the request.
  void set_connection(const IpAddress& client, Protocol protocol, const IpAddress& peer) {
    client_ = client;
    protocol_ = protocol;
    peer_ = &peer;
  }
  /// The request's id in log lines; empty if it has none.
  [[nodiscard]] std::string_view id() const { return id_; }
  /// A copy of this request with an id. The text of `id` must outlive the copy.
  [[nodiscard]] Request with_id(std::string_view id) const {
    Request named = *this;
    named.id_ = id;
    return named;
  }
  /// Null: the request is part of no trace.
  [[nodiscard]] const TraceContextPtr& trace() const { return trace_; }
  void set_trace(TraceContextPtr trace) { trace_ = std::move(trace); }
  /// Null: nobody logs this request.
  [[nodiscard]] RequestNotes* notes() const { return notes_; }
  void set_notes(RequestNotes& notes) { notes_ = &notes; }
  /// Returns the list to the connection, which fills it again for its next request.
  [[nodiscard]] std::vector<Field> release_fields() { return std::move(fields_); }

 private:
  Method method_;
  Protocol protocol_ = Protocol::kHttp1;
  bool takes_trailers_ = false;
  IpAddress client_;
  const IpAddress* peer_ = nullptr;
  std::string_view other_method_ = "OTHER";
  std::string_view target_;
  std::string_view id_;
  RequestNotes* notes_ = nullptr;
  TraceContextPtr trace_;
  std::vector<Field> fields_;
};

/// Fields that are the same in many responses, rendered once. Lives as long as the process. Any
/// thread.
class ConstantFields {
 public:
  /// REQUIRES: names and values are constants without control characters and blanks at the ends.
  explicit ConstantFields(std::span<const Field> fields);
  ConstantFields(const ConstantFields&) = delete;
  ConstantFields& operator=(const ConstantFields&) = delete;

  /// A line `Name: value` for each, with its end.
  [[nodiscard]] std::string_view text() const { return text_; }
  /// With names in lower case.
  [[nodiscard]] std::span<const Field> fields() const { return fields_; }

 private:
  std::string text_;
  std::string names_;  // in lower case, one behind the other
  std::vector<Field> fields_;
};

/// Status and fields of a response. Built by the handler and copied by start(): the text need not
/// outlive that call. The writer adds the fields about the connection and the framing: Connection,
/// Content-Length, Transfer-Encoding, Trailer, Date.
class ResponseHead {
 public:
  static constexpr size_t kFieldsMax = 12;
  static constexpr size_t kBlocksMax = 3;

  explicit ResponseHead(unsigned status) : status_(status) {}

  void add(std::string_view name, std::string_view value) {
    CHECK(count_ < kFieldsMax);
    fields_[count_++] = Field{name, value};
  }
  /// Adds prepared lines `Name: value\r\n`, behind the fields of add(): any number of them. HTTP/1
  /// sends them as they are. REQUIRES: whole lines, with names that are tokens and values without
  /// other control characters than tabs; at most kBlocksMax calls.
  void add_lines(std::string_view lines) {
    CHECK(blocks_ < kBlocksMax);
    lines_[blocks_++] = lines;
  }
  /// Fields that come before those of add(); kept as a reference.
  void set_constants(const ConstantFields& fields) { constants_ = &fields; }
  /// Exactly this many bytes of body will be offered. REQUIRES: this or the next is called for
  /// every response.
  void set_content_length(uint64_t bytes) {
    content_length_ = bytes;
    length_known_ = true;
  }
  /// The body ends with finish(). HTTP/1.1 sends chunks, HTTP/1.0 ends the connection; a body that
  /// is broken off ends with a reset there. REQUIRES: a status with a body.
  void set_content_length_unknown() { length_known_ = false; }
  /// Trailers of this name follow the body. In HTTP/1.1 the body is chunked then, and `Trailer`
  /// announces the name. An empty name: the body is chunked, no trailer is announced. REQUIRES: the
  /// request takes trailers.
  void set_trailer_name(std::string_view name) { trailer_name_ = name; }

  /// For logs and metrics; not sent.
  void set_cache_status(CacheStatus status) { cache_status_ = status; }
  /// The cache status is of the first bytes alone: later ones may not be cached. For limits; not
  /// sent.
  void set_rest_may_miss(bool may_miss) { rest_may_miss_ = may_miss; }

  /// The cause of an error, a constant: for logs; not sent.
  void set_error(std::string_view cause) { error_ = cause; }

  [[nodiscard]] unsigned status() const { return status_; }
  /// Empty: no error.
  [[nodiscard]] std::string_view error() const { return error_; }
  /// Those of add().
  [[nodiscard]] std::span<const Field> fields() const { return {fields_.data(), count_}; }
  /// Those of add_lines().
  [[nodiscard]] std::span<const std::string_view> lines() const { return {lines_.data(), blocks_}; }
  /// Null: none.
  [[nodiscard]] const ConstantFields* constants() const { return constants_; }
  [[nodiscard]] CacheStatus cache_status() const { return cache_status_; }
  [[nodiscard]] bool rest_may_miss() const { return rest_may_miss_; }
  /// Nothing: unknown.
  [[nodiscard]] std::optional<uint64_t> content_length() const {
    return length_known_ ? std::optional(content_length_) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::string_view> trailer_name() const { return trailer_name_; }

 private:
  unsigned status_;
  CacheStatus cache_status_ = CacheStatus::kNone;
  bool rest_may_miss_ = false;
  std::string_view error_;
  size_t count_ = 0;
  const ConstantFields* constants_ = nullptr;
  bool length_known_ = true;
  uint64_t content_length_ = 0;
  std::optional<std::string_view> trailer_name_;
  size_t blocks_ = 0;
  std::array<std::string_view, kBlocksMax> lines_;
  std::array<Field, kFieldsMax> fields_;
};

/// Writes one response: start(), then offer() until all bytes are taken, then finish(). If the
/// handler ends without finish(), or calls abort(), the response is broken off in a way that no
/// client can mistake for a complete response. For HEAD, body bytes need not be offered; offered
/// bytes count as taken and are not sent. Owned by the connection; the worker's thread only.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  /// Queues the head. It is sent with the first body bytes, or by flush() or finish().
  virtual void start(const ResponseHead& head) = 0;

  /// Offers the next body bytes and returns how many of them were taken: the caller may reuse their
  /// memory. 0: the client must read first; await writable(). Never blocks.
  [[nodiscard]] virtual size_t offer(std::span<const iovec> body) = 0;

  /// Waits until offer() may take more. False: the client is gone, or took nothing for the
  /// `write_timeout`; nothing more can be sent.
  [[nodiscard]] virtual rt::Task<bool> writable() = 0;

  /// Sends what is queued: a head before its body is there. False: as for writable().
  [[nodiscard]] virtual rt::Task<bool> flush() = 0;

  /// Ends the response. Sends the trailers if the head has a trailer name. REQUIRES: all of
  /// content_length, if that is known, was taken. False: as for writable().
  [[nodiscard]] virtual rt::Task<bool> finish(std::span<const Field> trailers) = 0;

  /// As finish(), if nothing has to be waited for. Nothing: call finish(). So most answers end
  /// without a coroutine.
  [[nodiscard]] virtual std::optional<bool> try_finish(std::span<const Field> /*trailers*/) {
    return std::nullopt;
  }

  /// Breaks the response off: closes the connection (HTTP/2: resets the stream) at once, so that
  /// the client sees an incomplete response.
  virtual void abort() = 0;

  /// A token that is stopped, on the worker's thread, once the client has left and nobody will read
  /// this response. The first call begins the watch of the client and may stop the token at once: a
  /// handler calls this before a wait for something other than the client. The default: a token
  /// that is never stopped.
  [[nodiscard]] virtual std::stop_token client_left() { return {}; }
};

/// Offers all of `body` and waits as often as necessary. False: as for writable().
[[nodiscard]] rt::Task<bool> offer_all(ResponseWriter& writer, std::string_view body);

/// Answers requests. One object serves all connections of all workers. Called on the connection's
/// worker.
class Handler {
 public:
  virtual ~Handler() = default;
  /// `request` and `writer` live until the returned task ends. An empty task (`valid()` is false,
  /// do not await it): the request is answered already, as most hits are.
  [[nodiscard]] virtual rt::Task<void> handle(rt::Worker& worker, const Request& request,
                                              ResponseWriter& writer) = 0;
};

}  // namespace cachey::net
