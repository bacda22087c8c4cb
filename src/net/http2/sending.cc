// The sending half of Session.
#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <charconv>
#include <forward_list>
#include <string>

#include "base/check.h"
#include "net/http/field_text.h"
#include "net/http2/session.h"

namespace cachey::net::http2 {

namespace {

constexpr size_t kOwnFieldsMax = 4;  // :status, date, content-length, trailer

/// A list of fields as nghttp2 takes it, which copies them and makes their names lower case. Refers
/// to the text it is given.
class FieldList {
 public:
  explicit FieldList(size_t count) { fields_.reserve(count); }

  void add(std::string_view name, std::string_view value) {
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    if (!is_clean(value)) value = cleaned(value);
    fields_.push_back(nghttp2_nv{
        .name = bytes(name),
        .value = bytes(value),
        .namelen = name.size(),
        .valuelen = value.size(),
        .flags = static_cast<uint8_t>(comes_again(name) ? NGHTTP2_NV_FLAG_NONE
                                                        : NGHTTP2_NV_FLAG_NO_INDEX),
    });
  }

  [[nodiscard]] const nghttp2_nv* data() const { return fields_.data(); }
  [[nodiscard]] size_t size() const { return fields_.size(); }

 private:
  static uint8_t* bytes(std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  }

  /// Values of other fields are of this one response, and would only drive these out of the
  /// encoder's table. Names are as we and handlers write them.
  static bool comes_again(std::string_view name) {
    constexpr std::array kNames = {std::string_view(":status"), std::string_view("Accept-Ranges"),
                                   std::string_view("date"), std::string_view("Content-Type"),
                                   std::string_view("Last-Modified")};
    return std::ranges::find(kNames, name) != kNames.end();
  }

  std::string_view cleaned(std::string_view value) {
    std::string& text = cleaned_.emplace_front(value);
    (void)copy_clean(value, text.data());
    return text;
  }

  boost::container::small_vector<nghttp2_nv, ResponseHead::kFieldsMax + kOwnFieldsMax> fields_;
  std::forward_list<std::string> cleaned_;
};

std::string_view to_text(uint64_t number, std::array<char, 20>& digits) {
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), static_cast<size_t>(end.ptr - digits.data())};
}

/// The client brought this reset about, by what it sent.
bool is_clients_fault(uint32_t code) {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL;
}

}  // namespace

void Session::submit_head(Stream& stream, const ResponseHead& head, bool ends) {
  FieldList list(head.fields().size() + kOwnFieldsMax);
  std::array<char, 20> status;
  std::array<char, 20> length;
  list.add(":status", to_text(head.status(), status));
  list.add("date", state_.date.value());
  for (const Field& field : head.fields()) list.add(field.name, field.value);
  list.add("content-length", to_text(head.content_length(), length));
  if (stream.has_trailers()) list.add("trailer", *head.trailer_name());
  nghttp2_data_provider body{};
  body.read_callback = [](nghttp2_session*, int32_t stream_id, uint8_t*, size_t bytes_max,
                          uint32_t* flags, nghttp2_data_source*, void* self) {
    return static_cast<Session*>(self)->on_read_body(stream_id, bytes_max, *flags);
  };
  if (stream.body_left() == 0 && !ends) {  // trailers follow at once
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id(), nullptr, list.data(),
                           list.size(), nullptr);
  } else {
    nghttp2_submit_response(session_, stream.id(), list.data(), list.size(),
                            ends ? nullptr : &body);
  }
}

void Session::submit_trailers(Stream& stream, std::span<const Field> trailers) {
  FieldList list(trailers.size());
  for (const Field& trailer : trailers) list.add(trailer.name, trailer.value);
  nghttp2_submit_trailer(session_, stream.id(), list.data(), list.size());
}

size_t Session::offer(Stream& stream, std::span<const iovec> body, size_t bytes) {
  if (!takes_body(stream)) return 0;
  offering_ = Offering{&stream, body, 0, bytes, batch_ && bytes <= kCopyMax};
  (void)nghttp2_session_resume_data(session_, stream.id());  // it need not have been deferred
  bool stuck = false;
  bool more = true;
  while (more && offering_.left != 0 && output_.open()) {
    make_frames();
    stuck = !output_.round_full();
    if (!offering_.copy || !stuck) output_.send();
    more = !stuck && turns_.free_for(stream);
  }
  // nghttp2 makes no frames of it though there is room: the connection is about to end.
  if (stuck && offering_.left != 0 && window(stream) != 0) stream.lose();
  const size_t taken = bytes - offering_.left;
  offering_ = Offering();
  if (socket_.full()) wake_loop();
  return taken;
}

bool Session::takes_body(const Stream& stream) const {
  return output_.open() && turns_.free_for(stream) && window(stream) != 0;
}

void Session::push() {
  if (batch_ && output_.open() && !output_.round_full()) return make_frames();
  send();
}

void Session::end_batch() {
  batch_ = false;
  send();
}

void Session::send() {
  output_.send();
  for (bool more = true; more && output_.open();) {
    make_frames();
    more = output_.round_full();
    output_.send();
  }
  if (calm_down_ && !terminated_) {  // by what we had to send
    terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    return send();
  }
  if (socket_.full() || !alive()) wake_loop();
}

void Session::make_frames() {
  while (output_.open() && !output_.round_full()) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) return terminate(NGHTTP2_INTERNAL_ERROR);
    if (size == 0) return;
    output_.append({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)});
  }
}

void Session::reset(Stream& stream, uint32_t code) {
  if (stream.lost()) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id(), code);
  push();
}

/// How much of the offered body goes into the next frame.
ssize_t Session::on_read_body(int32_t stream_id, size_t bytes_max, uint32_t& flags) {
  Stream* const stream = stream_of(stream_id);
  if (stream == nullptr || stream != offering_.stream || offering_.left == 0) {
    return NGHTTP2_ERR_DEFERRED;
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
  if (bytes == stream->body_left()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->has_trailers()) flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(bytes);
}

/// Queues a frame of body. REQUIRES: on_read_body() has just said `bytes`.
int Session::on_send_body(std::string_view frame_head, size_t bytes) {
  CHECK(offering_.stream != nullptr && bytes <= offering_.left);
  output_.append(frame_head);
  offering_.left -= bytes;
  body_bytes_made_ += bytes;
  const_cast<Stream*>(offering_.stream)->body_made(bytes);
  chatter_.give(kChatterPerDataSent);
  chatter_.give(static_cast<double>(bytes) * kChatterPerByteSent, kChatterPaidMax);
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

void Session::on_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_RST_STREAM && is_clients_fault(frame.rst_stream.error_code)) {
    state_.stats.bad_requests.fetch_add(1, std::memory_order_relaxed);
    if (!resets_.take(now_)) calm_down_ = true;
    return;
  }
  if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR) {
    state_.stats.bad_requests.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  Stream* const stream = stream_of(frame.hd.stream_id);
  if (stream == nullptr) return;
  stream->head_made();
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  stream->end_made();
  end_long_body(stream->id());
}

size_t Session::window(const Stream& stream) const {
  const int32_t all = nghttp2_session_get_remote_window_size(session_);
  return all <= 0 ? 0 : std::min(static_cast<size_t>(all), stream_window(stream));
}

size_t Session::stream_window(const Stream& stream) const {
  const int32_t own = nghttp2_session_get_stream_remote_window_size(session_, stream.id());
  return own <= 0 ? 0 : static_cast<size_t>(own);
}

}  // namespace cachey::net::http2
