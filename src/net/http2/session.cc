#include "net/http2/session.h"

#include <utility>

#include "net/http2/limits.h"

namespace cachey::net::http2 {
namespace {

/// What a callback returns if the client does too much of something: the connection ends.
constexpr int kTooMuch = NGHTTP2_ERR_CALLBACK_FAILURE;

uint32_t error_code_of(ssize_t failure) {
  switch (failure) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return NGHTTP2_PROTOCOL_ERROR;
    case NGHTTP2_ERR_NOMEM:
      return NGHTTP2_INTERNAL_ERROR;
    default:  // too much of something: acknowledgements, CONTINUATION, or kTooMuch
      return NGHTTP2_ENHANCE_YOUR_CALM;
  }
}

/// The client brought this reset about, by what it sent.
bool is_clients_fault(uint32_t code) {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL &&
         code != NGHTTP2_REFUSED_STREAM;
}

}  // namespace

struct Session::Callbacks {
  static const nghttp2_session_callbacks* get() {
    static const Callbacks callbacks;
    return callbacks.all;
  }

  static Session& of(void* self) { return *static_cast<Session*>(self); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    return of(self).on_begin_headers(*frame);
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                    size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                    void* self) {
    return of(self).on_header(frame->hd.stream_id, {reinterpret_cast<const char*>(name), name_size},
                              {reinterpret_cast<const char*>(value), value_size});
  }
  static int invalid_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t*,
                            size_t, const uint8_t*, size_t, uint8_t, void*) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    return of(self).on_frame(*frame);
  }
  static int data_chunk(nghttp2_session*, uint8_t, int32_t stream_id, const uint8_t*, size_t bytes,
                        void* self) {
    of(self).on_body(stream_id, bytes);
    return 0;
  }
  static int closed(nghttp2_session*, int32_t stream_id, uint32_t, void* self) {
    of(self).on_close(stream_id);
    return 0;
  }
  /// nghttp2 refuses streams past our SETTINGS as long as the client has not acknowledged them.
  /// Such a stream is never opened.
  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int fault, void* self) {
    if (fault == NGHTTP2_ERR_REFUSED_STREAM) of(self).closed_.reset_by_us(frame->hd.stream_id);
    return 0;
  }
  static int sent(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    of(self).on_sent(*frame);
    return 0;
  }
  /// Trailers past kTrailerBytesMax: the response cannot be ended as it should.
  static int not_sent(nghttp2_session* session, const nghttp2_frame* frame, int, void*) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              NGHTTP2_INTERNAL_ERROR);
    return 0;
  }

  Callbacks() {
    check_memory(nghttp2_session_callbacks_new(&all));
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(all, invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, closed);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(all, not_sent);
    nghttp2_session_callbacks_set_send_data_callback(all, Sending::on_send_data);
  }
  ~Callbacks() { nghttp2_session_callbacks_del(all); }
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;

  nghttp2_session_callbacks* all = nullptr;
};

Session::Session(WorkerState& state, ClientSocket& socket)
    : state_(state),
      now_(state.worker.timers().now()),
      budget_(now_),
      requests_(state.http2_requests, kRequestBytes + 2 * state.config.head_bytes_max),
      codec_(Callbacks::get(), this, state.config.head_bytes_max),
      sending_(state, socket, codec_, budget_) {}

void Session::receive(std::span<const char> bytes) {
  now_ = state_.worker.timers().now();
  unfed_ = bytes;
  while (!bytes.empty() && !sending_.terminated()) {
    bytes = bytes.subspan(scanner_.advance(bytes));
    if (!scanner_.has_head()) continue;
    before_frame_ = unfed_.size() - bytes.size();
    const FrameHead frame = scanner_.head();
    scanner_.drop_head();
    const uint32_t fault = fault_of(frame);
    if (fault == NGHTTP2_NO_ERROR) continue;
    catch_up();
    if (!sending_.terminated()) sending_.terminate(fault);
  }
  feed(unfed_.size());
  unfed_ = {};
  sending_.turns().queue_unblocked();
}

/// Gives nghttp2 the frames before the one that is being judged.
void Session::catch_up() { feed(std::exchange(before_frame_, 0)); }

void Session::feed(size_t bytes) {
  if (bytes == 0 || sending_.terminated()) return;
  const std::span<const char> next = unfed_.first(bytes);
  unfed_ = unfed_.subspan(bytes);
  const ssize_t taken = nghttp2_session_mem_recv(
      codec_.get(), reinterpret_cast<const uint8_t*>(next.data()), next.size());
  if (taken < 0) sending_.terminate(error_code_of(taken));
}

std::vector<std::unique_ptr<Stream>> Session::take_requests() { return std::exchange(ready_, {}); }

/// The code of the error that ends the connection; NO_ERROR: nghttp2 may have the frame.
uint32_t Session::fault_of(const FrameHead& frame) {
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      block_bytes_ = 0;
      if (const uint32_t fault = fault_on_stream(frame.stream_id)) return fault;
      if (frame.stream_id > closed_.last()) closed_.opened(frame.stream_id);
      [[fallthrough]];
    case NGHTTP2_CONTINUATION:
      block_bytes_ += frame.length;
      return block_bytes_ <= kHeadBytesFactor * state_.config.head_bytes_max
                 ? NGHTTP2_NO_ERROR
                 : NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_DATA:
      if (const uint32_t fault = fault_on_stream(frame.stream_id)) return fault;
      return chatter();
    case NGHTTP2_PRIORITY:  // which nghttp2 ignores
      return frame.stream_id == 0 ? NGHTTP2_PROTOCOL_ERROR : chatter();
    default:
      return chatter();
  }
}

uint32_t Session::chatter() {
  if (budget_.take_chatter(now_)) return NGHTTP2_NO_ERROR;
  catch_up();  // requests before it may pay for it
  return budget_.take_chatter(now_) ? NGHTTP2_NO_ERROR : NGHTTP2_ENHANCE_YOUR_CALM;
}

/// Of HEADERS or DATA. nghttp2 judges frames on open streams, and on those that cannot be a
/// client's.
uint32_t Session::fault_on_stream(int32_t stream_id) {
  if (stream_id % 2 == 0 || stream_id > closed_.last()) return NGHTTP2_NO_ERROR;
  catch_up();
  if (nghttp2_session_find_stream(codec_.get(), stream_id) != nullptr) return NGHTTP2_NO_ERROR;
  switch (closed_.judge(stream_id)) {
    case ClosedStreams::Verdict::kOnItsWay:
      return chatter();
    case ClosedStreams::Verdict::kClosed:
      return NGHTTP2_STREAM_CLOSED;
    case ClosedStreams::Verdict::kPassedOver:
      return NGHTTP2_PROTOCOL_ERROR;
  }
  return NGHTTP2_INTERNAL_ERROR;
}

/// Takes the memory of a new stream if there are not too many.
bool Session::too_many_streams() {
  return sending_.count() - sending_.lost() >= kStreamsMax || sending_.count() >= kHandlersMax ||
         !requests_.take(kRequestBytes);
}

int Session::on_begin_headers(const nghttp2_frame& frame) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return budget_.take_chatter(now_) ? 0 : kTooMuch;
  if (too_many_streams()) {
    nghttp2_submit_rst_stream(codec_.get(), NGHTTP2_FLAG_NONE, frame.hd.stream_id,
                              NGHTTP2_REFUSED_STREAM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  incoming_ = std::make_unique<Stream>(state_, sending_, requests_, frame.hd.stream_id, now_);
  return 0;
}

int Session::on_header(int32_t stream_id, std::string_view name, std::string_view value) {
  if (incoming_ == nullptr || incoming_->id() != stream_id) return 0;  // trailers
  Head& head = incoming_->head();
  head.add(name, value);
  const size_t bytes_max = kHeadBytesFactor * state_.config.head_bytes_max;
  return head.list_bytes() <= bytes_max ? 0 : kTooMuch;
}

int Session::on_frame(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (incoming_ == nullptr || incoming_->id() != frame.hd.stream_id) return 0;  // trailers
      had_requests_ = true;
      budget_.earn_by_request();
      ready_.push_back(std::move(incoming_));
      return 0;
    case NGHTTP2_SETTINGS:
      greeted_ = true;
      return 0;
    case NGHTTP2_RST_STREAM:
      state_.stats.http2_resets.fetch_add(1, std::memory_order_relaxed);
      return is_quick_reset(frame.hd.stream_id) && !budget_.take_reset(now_) ? kTooMuch : 0;
    case NGHTTP2_GOAWAY:
      client_failed_ = client_failed_ || frame.goaway.error_code != NGHTTP2_NO_ERROR;
      return 0;
    default:
      return 0;
  }
}

/// Also if the request's response has ended.
bool Session::is_quick_reset(int32_t stream_id) const {
  const Response* const response = sending_.find(stream_id);
  return response == nullptr || now_ - response->begun < kQuickReset;
}

void Session::on_body(int32_t stream_id, size_t bytes) {
  nghttp2_session_consume_connection(codec_.get(), bytes);
  if (sending_.find(stream_id) == nullptr) end_long_body(stream_id);
}

/// After the response: resets the stream if the request's body has filled its window and goes on.
void Session::end_long_body(int32_t stream_id) {
  const int32_t received =
      nghttp2_session_get_stream_effective_recv_data_length(codec_.get(), stream_id);
  if (received < static_cast<int32_t>(kRequestBodyMax)) return;
  if (nghttp2_session_get_stream_remote_close(codec_.get(), stream_id) != 0) return;
  nghttp2_submit_rst_stream(codec_.get(), NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
}

void Session::on_close(int32_t stream_id) {
  Response* const response = sending_.find(stream_id);
  if (response == nullptr) return;
  sending_.lose(*response);
  if (incoming_ != nullptr && incoming_->id() == stream_id) incoming_.reset();
}

void Session::on_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_RST_STREAM) closed_.reset_by_us(frame.hd.stream_id);
  if (frame.hd.type == NGHTTP2_RST_STREAM && is_clients_fault(frame.rst_stream.error_code)) {
    state_.stats.bad_requests.fetch_add(1, std::memory_order_relaxed);
    if (!budget_.take_reset(now_)) sending_.calm_down();
    return;
  }
  if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR) {
    state_.stats.bad_requests.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  Response* const response = sending_.find(frame.hd.stream_id);
  if (response == nullptr) return;
  response->head_made = true;
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  response->end_made = true;
  end_long_body(frame.hd.stream_id);
}

void Session::lose_streams() {
  ready_.clear();
  incoming_.reset();
  sending_.lose_all();
}

size_t Session::held() const { return codec_.memory() + sending_.held() + requests_.bytes(); }

}  // namespace cachey::net::http2
