#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "net/connection/worker_state.h"
#include "net/http/buffer.h"
#include "net/http/head.h"
#include "net/http/http.h"

namespace cachey::net::http2 {

/// The head of an HTTP/2 request, from its decoded fields to a Request. nghttp2 has seen to the
/// grammar of names and values and to the rules for pseudo-fields; counts, sizes, target and host
/// are looked at here. Owned by the stream; gives its memory back to the worker.
class Head {
 public:
  explicit Head(WorkerState& state) : state_(state) {}
  ~Head();
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;

  /// After a fault, only the size is still counted, and the method looked for.
  void add(std::string_view name, std::string_view value);
  /// As SETTINGS_MAX_HEADER_LIST_SIZE counts: 32 bytes a field on top of its text.
  [[nodiscard]] size_t list_bytes() const { return list_bytes_; }
  /// Of what is refused, too: as far as it has been told.
  [[nodiscard]] Method method() const { return method_; }
  [[nodiscard]] size_t memory() const { return text_.capacity(); }

  /// All fields are there, `client` sent them. False: refusal_status() and refusal_text() say why
  /// they are no request.
  [[nodiscard]] bool conclude(const rt::Tcp::endpoint& client);
  [[nodiscard]] unsigned refusal_status() const { return refusal_status_; }
  [[nodiscard]] std::string_view refusal_text() const { return refusal_text_; }

  /// Lives in this object. REQUIRES: conclude().
  [[nodiscard]] const Request& request() const { return *request_; }

 private:
  static constexpr size_t kFieldOverhead = 32;  // RFC 9113 6.5.2

  void add_field(std::string_view name, std::string_view value);
  [[nodiscard]] bool make_room(size_t bytes);
  [[nodiscard]] HeadFault make_request();
  void refuse(HeadFault fault);

  WorkerState& state_;
  Method method_ = Method::kOther;
  bool large_ = false;  // counted in state_.large_heads
  unsigned refusal_status_ = 0;
  std::string_view refusal_text_;
  size_t list_bytes_ = 0;
  Buffer text_;  // names and values one after another, the target among them
  size_t target_at_ = 0;
  size_t target_size_ = 0;
  std::vector<Field> fields_;  // until conclude(), only their lengths mean anything
  std::optional<Request> request_;
};

}  // namespace cachey::net::http2
