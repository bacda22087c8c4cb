#include "net/http2/sending.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/field_lines.h"
#include "net/http2/field_list.h"
#include "net/http2/limits.h"

namespace cachey::net::http2 {
namespace {

constexpr size_t kFrameHeadBytes = 9;  // RFC 9113 4.1
constexpr size_t kDigitsMax = 20;      // of a uint64_t

std::string_view to_text(uint64_t number, std::array<char, kDigitsMax>& digits) {
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), static_cast<size_t>(end.ptr - digits.data())};
}

}  // namespace

void Sending::add(Response& response) {
  responses_.push_back(response);
  ++count_;
  nghttp2_session_set_stream_user_data(codec_.get(), response.stream_id, &response);
}

void Sending::remove(Response& response) {
  response.unlink();
  --count_;
  if (response.lost) --lost_;
  nghttp2_session_set_stream_user_data(codec_.get(), response.stream_id, nullptr);
  if (count_ == 0) loop_.wake();  // idle from now on
}

Response* Sending::find(int32_t stream_id) const {
  return static_cast<Response*>(nghttp2_session_get_stream_user_data(codec_.get(), stream_id));
}

void Sending::submit_head(Response& response, const ResponseHead& head) {
  const std::span<const Field> constants =
      head.constants() == nullptr ? std::span<const Field>() : head.constants()->fields();
  FieldList list(constants.size() + head.fields().size() + FieldList::kOwnFieldsMax);
  std::array<char, kDigitsMax> status;
  std::array<char, kDigitsMax> length;
  list.add(":status", to_text(head.status(), status));
  list.add("date", state_.date.value());
  for (const Field& field : constants) list.add_constant(field);
  for (const Field& field : head.fields()) list.add(field.name, field.value);
  for (std::string_view lines : head.lines()) {
    while (const std::optional<FieldLine> line = take_field_line(lines))
      list.add(line->name, line->value);
  }
  if (!response.open_ended && head.status() != 304)
    list.add("content-length", to_text(response.body_left, length));
  if (response.has_trailers) list.add("trailer", *head.trailer_name());
  const bool has_body = !response.head_only && response.body_left != 0;
  if (!has_body && response.has_trailers) {  // they follow at once
    nghttp2_submit_headers(codec_.get(), NGHTTP2_FLAG_NONE, response.stream_id, nullptr,
                           list.data(), list.size(), nullptr);
    return;
  }
  nghttp2_data_provider body{};
  body.source.ptr = this;
  body.read_callback = [](nghttp2_session*, int32_t stream_id, uint8_t*, size_t bytes_max,
                          uint32_t* flags, nghttp2_data_source* source, void*) {
    return static_cast<Sending*>(source->ptr)->next_frame_bytes(stream_id, bytes_max, *flags);
  };
  nghttp2_submit_response(codec_.get(), response.stream_id, list.data(), list.size(),
                          has_body ? &body : nullptr);
}

void Sending::submit_trailers(Response& response, std::span<const Field> trailers) {
  FieldList list(trailers.size());
  for (const Field& trailer : trailers) list.add(trailer.name, trailer.value);
  nghttp2_submit_trailer(codec_.get(), response.stream_id, list.data(), list.size());
}

void Sending::end_body(Response& response) {
  response.ends_body = true;
  (void)nghttp2_session_resume_data(codec_.get(), response.stream_id);
}

size_t Sending::offer(Response& response, std::span<const iovec> body, size_t bytes) {
  if (!takes_body(response)) return 0;
  offering_ = Offering{&response, body, 0, bytes, batch_ && bytes <= kCopyMax};
  (void)nghttp2_session_resume_data(codec_.get(), response.stream_id);  // it may not be deferred
  bool stuck = false;
  bool more = true;
  while (more && offering_.left != 0 && output_.open()) {
    make_frames();
    stuck = !output_.round_full();
    if (!offering_.copy || !stuck) output_.send();
    more = !stuck && turns_.may_send(response.place);
  }
  // nghttp2 makes no frames of the body though there is room: the connection is about to end.
  if (stuck && offering_.left != 0 && codec_.window(response.stream_id) != 0) lose(response);
  const size_t taken = bytes - offering_.left;
  offering_ = Offering();
  if (socket_.full()) loop_.wake();
  return taken;
}

bool Sending::takes_body(const Response& response) const {
  return output_.open() && turns_.may_send(response.place) &&
         codec_.window(response.stream_id) != 0;
}

void Sending::push() {
  if (batch_ && output_.open() && !output_.round_full()) return make_frames();
  send();
}

void Sending::reset(Response& response, uint32_t code) {
  if (response.lost) return;
  nghttp2_submit_rst_stream(codec_.get(), NGHTTP2_FLAG_NONE, response.stream_id, code);
  push();
}

void Sending::end_batch() {
  batch_ = false;
  send();
}

void Sending::send() {
  output_.send();
  for (bool more = true; more && output_.open();) {
    make_frames();
    more = output_.round_full();
    output_.send();
  }
  if (calm_down_ && !terminated_) {
    terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    return send();
  }
  if (socket_.full() || !alive()) loop_.wake();
}

void Sending::make_frames() {
  while (output_.open() && !output_.round_full()) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(codec_.get(), &bytes);
    if (size < 0) return terminate(NGHTTP2_INTERNAL_ERROR);
    if (size == 0) return;
    output_.append({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)});
  }
}

void Sending::announce_end() {
  if (!std::exchange(end_announced_, true)) nghttp2_submit_shutdown_notice(codec_.get());
}

void Sending::terminate(uint32_t code) {
  terminated_ = true;
  nghttp2_session_terminate_session(codec_.get(), code);
}

void Sending::lose(Response& response) {
  if (!std::exchange(response.lost, true)) ++lost_;
  turns_.leave(response.place);
  response.left.request_stop();
}

void Sending::lose_all() {
  for (Response& response : responses_) lose(response);
}

bool Sending::alive() const {
  return nghttp2_session_want_read(codec_.get()) != 0 ||
         nghttp2_session_want_write(codec_.get()) != 0 || output_.held() != 0;
}

/// Of a stream without an offer: no byte, in the last frame if the body ends here.
ssize_t Sending::end_frame_bytes(int32_t stream_id, uint32_t& flags) const {
  Response* const response = find(stream_id);
  if (response == nullptr || !response->ends_body) return NGHTTP2_ERR_DEFERRED;
  response->body_ended = true;
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (response->has_trailers) flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  return 0;
}

/// How many bytes of the offered body go into the next DATA frame. nghttp2's read_callback.
ssize_t Sending::next_frame_bytes(int32_t stream_id, size_t bytes_max, uint32_t& flags) const {
  const Response* const response = offering_.response;
  if (response == nullptr || response->stream_id != stream_id || offering_.left == 0) {
    return end_frame_bytes(stream_id, flags);
  }
  const size_t limit = std::min(bytes_max, offering_.left);
  size_t bytes = 0;
  size_t skip = offering_.skip;
  size_t parts = 0;
  for (const iovec& part : offering_.parts) {
    if (bytes == limit || (parts == Output::kFramePartsMax - 1 && !offering_.copy)) break;
    if (part.iov_len != 0) ++parts;
    bytes += std::min(part.iov_len - skip, limit - bytes);
    skip = 0;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (bytes == response->body_left) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (response->has_trailers) flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(bytes);
}

int Sending::on_send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_head, size_t bytes,
                          nghttp2_data_source* source, void*) {
  return static_cast<Sending*>(source->ptr)
      ->append_data({reinterpret_cast<const char*>(frame_head), kFrameHeadBytes}, bytes);
}

/// `offered`: the bytes that the frame could have had without the client's windows.
void Sending::account_for_data(size_t bytes, size_t offered) {
  if (bytes >= std::min(offered, kDribbleBytes)) {
    budget_.earn_by_data(bytes);
  } else if (!budget_.take_chatter(state_.worker.timers().now())) {
    calm_down();
  }
}

/// Queues a DATA frame. REQUIRES: next_frame_bytes() has just returned `bytes`.
int Sending::append_data(std::string_view frame_head, size_t bytes) {
  CHECK(offering_.response != nullptr && bytes <= offering_.left);
  output_.append(frame_head);
  account_for_data(bytes, offering_.left);
  offering_.left -= bytes;
  offering_.response->body_left -= bytes;
  turns_.count_body(offering_.response->place, bytes);
  while (bytes != 0) {
    const iovec& part = offering_.parts.front();
    const size_t here = std::min(part.iov_len - offering_.skip, bytes);
    const std::string_view piece(static_cast<const char*>(part.iov_base) + offering_.skip, here);
    if (here != 0 && offering_.copy) output_.append(piece);
    if (here != 0 && !offering_.copy) output_.append_in_place(piece);
    bytes -= here;
    offering_.skip += here;
    if (offering_.skip != part.iov_len) break;
    offering_.parts = offering_.parts.subspan(1);
    offering_.skip = 0;
  }
  return output_.round_full() ? NGHTTP2_ERR_PAUSE : 0;
}

}  // namespace cachey::net::http2
