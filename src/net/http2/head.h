#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/connection/connection.h"
#include "net/connection/worker_state.h"
#include "net/http/buffer.h"
#include "net/http/head.h"
#include "net/http/http.h"

namespace cachey::net::http2 {

/// The head of an HTTP/2 request, from its decoded fields to a Request. nghttp2 checks the grammar
/// of names and values and the rules for pseudo-fields. This class checks counts, sizes, target and
/// host. Owned by the stream; returns its memory to the worker.
class Head {
 public:
  Head(WorkerState& state, RequestMemory::Share& memory) : state_(state), memory_(memory) {}
  ~Head();
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  /// After a fault it only counts the size and looks for the method.
  void add(std::string_view name, std::string_view value);
  /// In the units of SETTINGS_MAX_HEADER_LIST_SIZE: the text, and 32 bytes for each field.
  [[nodiscard]] size_t list_bytes() const { return list_bytes_; }
  /// Also set for a refused head, if `:method` came.
  [[nodiscard]] Method method() const { return method_; }

  /// Makes the request, which came by `connection`, once all fields have been added. False: the
  /// head is refused, with refusal_status() and refusal_text().
  [[nodiscard]] bool conclude(const net::Connection& connection);
  [[nodiscard]] unsigned refusal_status() const { return refusal_status_; }
  [[nodiscard]] std::string_view refusal_text() const { return refusal_text_; }

  /// Owned by this object. REQUIRES: conclude() returned true.
  [[nodiscard]] const Request& request() const { return *request_; }

 private:
  static constexpr size_t kFieldOverhead = 32;  // RFC 9113 6.5.2

  void set_method(std::string_view name);
  void add_field(std::string_view name, std::string_view value);
  [[nodiscard]] bool make_room(size_t bytes);
  [[nodiscard]] HeadFault make_request();
  void refuse(HeadFault fault);

  WorkerState& state_;
  RequestMemory::Share& memory_;
  Method method_ = Method::kOther;
  std::string other_method_;  // the name of kOther
  size_t taken_ = 0;          // of memory_, for text that is larger than a spare buffer
  unsigned refusal_status_ = 0;
  std::string_view refusal_text_;
  size_t list_bytes_ = 0;
  Buffer text_;  // names and values in order, and the target
  size_t target_at_ = 0;
  size_t target_size_ = 0;
  std::vector<Field> fields_;  // before conclude(), only their lengths are valid
  std::optional<Request> request_;
};

}  // namespace cachey::net::http2
