#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "origin/origin.h"
#include "rt/worker.h"

namespace cachey::origin {

/// A name and a value, before any encoding.
struct NamedText {
  std::string name;
  std::string value;
};

/// A question of a client that the store answers itself: a list, a sub-resource, or an object that
/// is not kept. The origin signs it with its own credentials.
struct ForwardRequest {
  bool head = false;              ///< HEAD, else GET
  std::string bucket;             ///< empty: the store itself (ListBuckets)
  std::string key;                ///< empty: the bucket
  std::vector<NamedText> query;   ///< in the client's order; the store gets no others
  std::vector<NamedText> fields;  ///< names in lower case, values without control characters
  RequestConfig config;
  std::stop_token stop;     ///< see GetRequest::stop
  std::string request_id;   ///< see GetRequest::request_id
  TraceContextPtr trace{};  ///< see GetRequest::trace
};

/// The store's answer, of any status that is final: 200, 206, 304, 4xx. Used on the worker that
/// made it, one read at a time. The destructor returns the connection if the body was read to its
/// end, else closes it.
class ForwardAnswer {
 public:
  virtual ~ForwardAnswer() = default;

  [[nodiscard]] virtual unsigned status() const = 0;
  /// The fields that are about the answer's subject, as lines `Name: value\r\n`, verbatim: none of
  /// the connection, the framing, the server, or the request's ids.
  [[nodiscard]] virtual std::string_view lines() const = 0;
  /// Of the body; for HEAD what the store says of it. Nothing: the store does not say.
  [[nodiscard]] virtual std::optional<uint64_t> content_length() const = 0;
  /// Reads at least one byte of the body; 0: its end. Errors: as of GetStream::read().
  [[nodiscard]] virtual rt::Task<Result<size_t>> read(std::span<std::byte> into) = 0;
};

/// An origin that takes such questions. One object for the process; forward() runs on the calling
/// worker.
class Forwarder {
 public:
  virtual ~Forwarder() = default;

  /// Sends the request, with retries, and waits for the answer's head. Errors: as of Origin::get(),
  /// for failures that are no answer to this question: the store is silent, throttles, or refuses
  /// the server's own signature.
  [[nodiscard]] virtual rt::Task<Result<std::unique_ptr<ForwardAnswer>>> forward(
      rt::Worker& worker, ForwardRequest request) = 0;
};

}  // namespace cachey::origin
