#include "net/http2/session.h"

#include <malloc.h>

#include <cstdlib>
#include <new>
#include <utility>

#include "base/log.h"

namespace cachey::net::http2 {

namespace {

/// nghttp2's own allocations, counted.
size_t size_of(void* block) { return block == nullptr ? 0 : malloc_usable_size(block); }

void* counted(size_t& memory, void* block) {
  memory += size_of(block);
  return block;
}

void check(int result) {
  if (result == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
}

class Options {
 public:
  Options() {
    check(nghttp2_option_new(&options_));
    nghttp2_option_set_no_closed_streams(options_, 1);
    nghttp2_option_set_no_auto_window_update(options_, 1);
    nghttp2_option_set_max_outbound_ack(options_, kAcksMax);
    nghttp2_option_set_max_settings(options_, kSettingsMax);
    nghttp2_option_set_max_continuations(options_, kContinuationsMax);
    nghttp2_option_set_max_deflate_dynamic_table_size(options_, kFieldTableBytes);
    nghttp2_option_set_max_send_header_block_length(options_, kTrailerBytesMax);
    // Our own count, which comes first, also has the resets that a client makes us send.
    nghttp2_option_set_stream_reset_rate_limit(options_, 2 * static_cast<uint64_t>(kResetsBurst),
                                               2 * static_cast<uint64_t>(kResetsPerSecond));
  }
  ~Options() { nghttp2_option_del(options_); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  [[nodiscard]] const nghttp2_option* get() const { return options_; }

 private:
  nghttp2_option* options_ = nullptr;
};

uint32_t error_code_of(ssize_t failure) {
  switch (failure) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return NGHTTP2_PROTOCOL_ERROR;
    case NGHTTP2_ERR_NOMEM:
      return NGHTTP2_INTERNAL_ERROR;
    default:  // too much of something: acknowledgements, CONTINUATION, or what our callbacks count
      return NGHTTP2_ENHANCE_YOUR_CALM;
  }
}

}  // namespace

struct Session::Callbacks {
  static Session& of(void* self) { return *static_cast<Session*>(self); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* self) {
    return of(self).on_begin_frame(*frame);
  }
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
  static int send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t bytes,
                       nghttp2_data_source*, void* self) {
    constexpr size_t kFrameHeadBytes = 9;
    return of(self).on_send_body({reinterpret_cast<const char*>(head), kFrameHeadBytes}, bytes);
  }

  Callbacks() {
    check(nghttp2_session_callbacks_new(&all));
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(all, invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, closed);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(all, not_sent);
    nghttp2_session_callbacks_set_send_data_callback(all, send_data);
  }
  ~Callbacks() { nghttp2_session_callbacks_del(all); }
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;

  nghttp2_session_callbacks* all = nullptr;
};

Session::Session(WorkerState& state, ClientSocket& socket)
    : state_(state),
      socket_(socket),
      output_(state, socket),
      turns_(state, *this),
      now_(state.worker.timers().now()),
      resets_(kResetsBurst, kResetsPerSecond, now_),
      chatter_(kChatterBurst, kChatterPerSecond, now_) {
  static const Callbacks callbacks;
  static const Options options;
  allocator_.mem_user_data = &memory_;
  allocator_.malloc = [](size_t size, void* memory) {
    return counted(*static_cast<size_t*>(memory), std::malloc(size));
  };
  allocator_.calloc = [](size_t count, size_t size, void* memory) {
    return counted(*static_cast<size_t*>(memory), std::calloc(count, size));
  };
  allocator_.free = [](void* block, void* memory) {
    *static_cast<size_t*>(memory) -= size_of(block);
    std::free(block);
  };
  allocator_.realloc = [](void* block, size_t size, void* memory) {
    const size_t before = size_of(block);
    void* const after = std::realloc(block, size);
    if (after != nullptr) *static_cast<size_t*>(memory) += size_of(after) - before;
    return after;
  };
  if (nghttp2_session_server_new3(&session_, callbacks.all, this, options.get(), &allocator_) !=
      0) {
    throw std::bad_alloc();
  }
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMax},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(state.config.head_bytes_max)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kRequestBodyMax},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
}

Session::~Session() {
  ready_.clear();
  incoming_.reset();
  nghttp2_session_del(session_);
}

void Session::receive(std::span<const char> bytes) {
  if (terminated_) return;
  now_ = state_.worker.timers().now();
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) return terminate(error_code_of(taken));
  turns_.look_at_windows();
}

std::vector<std::unique_ptr<Stream>> Session::take_requests() { return std::exchange(ready_, {}); }

int Session::on_begin_frame(const nghttp2_frame_hd& frame) {
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      block_bytes_ = 0;
      [[fallthrough]];
    case NGHTTP2_CONTINUATION:
      block_bytes_ += frame.length;
      if (block_bytes_ > kHeadBytesFactor * state_.config.head_bytes_max) return calm_down();
      return 0;
    default:
      return chatter_.take(now_) ? 0 : calm_down();
  }
}

bool Session::too_many_streams() const {
  return stream_count_ >= kStreamsMax || state_.http2_streams >= kWorkerStreamsMax;
}

int Session::on_begin_headers(const nghttp2_frame& frame) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return chatter_.take(now_) ? 0 : calm_down();
  if (too_many_streams()) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, frame.hd.stream_id,
                              NGHTTP2_REFUSED_STREAM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  incoming_ = std::make_unique<Stream>(state_, *this, frame.hd.stream_id);
  streams_.push_back(*incoming_);
  ++stream_count_;
  nghttp2_session_set_stream_user_data(session_, frame.hd.stream_id, incoming_.get());
  return 0;
}

int Session::on_header(int32_t stream_id, std::string_view name, std::string_view value) {
  if (incoming_ == nullptr || incoming_->id() != stream_id) return 0;  // trailers
  Head& head = incoming_->head();
  head.add(name, value);
  const size_t bytes_max = kHeadBytesFactor * state_.config.head_bytes_max;
  return head.list_bytes() <= bytes_max ? 0 : calm_down();
}

int Session::on_frame(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (incoming_ == nullptr || incoming_->id() != frame.hd.stream_id) return 0;  // trailers
      had_requests_ = true;
      chatter_.give(kChatterPerRequest);
      ready_.push_back(std::move(incoming_));
      return 0;
    case NGHTTP2_SETTINGS:
      greeted_ = true;
      return 0;
    case NGHTTP2_RST_STREAM:
      state_.stats.http2_resets.fetch_add(1, std::memory_order_relaxed);
      return resets_.take(now_) ? 0 : calm_down();
    default:
      return 0;
  }
}

void Session::on_body(int32_t stream_id, size_t bytes) {
  nghttp2_session_consume_connection(session_, bytes);
  if (stream_of(stream_id) == nullptr) end_long_body(stream_id);
}

/// After the response: the rest of a body for which there is no room is not wanted.
void Session::end_long_body(int32_t stream_id) {
  const int32_t received =
      nghttp2_session_get_stream_effective_recv_data_length(session_, stream_id);
  if (received < static_cast<int32_t>(kRequestBodyMax)) return;
  if (nghttp2_session_get_stream_remote_close(session_, stream_id) != 0) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
}

void Session::on_close(int32_t stream_id) {
  Stream* const stream = stream_of(stream_id);
  if (stream == nullptr) return;
  stream->lose();
  if (stream == incoming_.get()) incoming_.reset();
}

int Session::calm_down() {
  calm_down_ = true;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void Session::terminate(uint32_t code) {
  terminated_ = true;
  nghttp2_session_terminate_session(session_, code);
}

void Session::announce_end() { nghttp2_submit_shutdown_notice(session_); }

void Session::lose_streams() {
  ready_.clear();
  incoming_.reset();
  for (Stream& stream : streams_) stream.lose();
}

void Session::forget(Stream& stream) {
  --stream_count_;
  nghttp2_session_set_stream_user_data(session_, stream.id(), nullptr);
  if (state_.draining && stream_count_ == 0) wake_loop();
}

bool Session::alive() const {
  return nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0 ||
         output_.held() != 0;
}

size_t Session::held() const {
  constexpr size_t kStreamBytes = sizeof(Stream) + Spares::kBufferBytes;
  return memory_ + output_.held() + stream_count_ * kStreamBytes;
}

void Session::wake_loop() {
  if (std::exchange(loop_reads_, false)) socket_.interrupt();
}

Stream* Session::stream_of(int32_t id) const {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

}  // namespace cachey::net::http2
