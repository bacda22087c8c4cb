#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/testing/test_client.h"

namespace cachey::net {

using TestFields = std::vector<std::pair<std::string, std::string>>;

/// A correct HTTP/2 client on a blocking socket, by nghttp2's client session.
class TestHttp2Client {
 public:
  struct Response {
    int status = 0;
    TestFields fields;
    TestFields trailers;
    std::string body;
    bool whole = false;  ///< ended by END_STREAM, not by a reset
    bool over = false;
    uint32_t reset = NGHTTP2_NO_ERROR;

    [[nodiscard]] std::string field(std::string_view name) const {
      for (const auto& [key, value] : fields) {
        if (key == name) return value;
      }
      return {};
    }
  };

  struct Options {
    uint32_t stream_window = 1 << 20;
    int32_t connection_window = 1 << 24;
    bool renews_windows = true;
    int receive_buffer = 0;
  };

  explicit TestHttp2Client(uint16_t port) : TestHttp2Client(port, Options()) {}
  TestHttp2Client(uint16_t port, Options options) : wire_(port, options.receive_buffer) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, options.renews_windows ? 0 : 1);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 1);
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          options.connection_window);
  }
  ~TestHttp2Client() { nghttp2_session_del(session_); }
  TestHttp2Client(const TestHttp2Client&) = delete;
  TestHttp2Client& operator=(const TestHttp2Client&) = delete;

  /// Queues a request. `body`: the size of its body.
  int32_t request(const std::string& method, const std::string& path, const TestFields& more = {},
                  size_t body = 0) {
    TestFields fields = {{":method", method}, {":scheme", "http"}, {":authority", "t"}};
    if (!path.empty()) fields.insert(fields.begin() + 1, {":path", path});
    fields.insert(fields.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> list;
    for (auto& [name, value] : fields) {
      list.push_back({reinterpret_cast<uint8_t*>(name.data()),
                      reinterpret_cast<uint8_t*>(value.data()), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE});
    }
    body_left_ = body;
    nghttp2_data_provider provider{};
    provider.source.ptr = &body_left_;
    provider.read_callback = [](nghttp2_session*, int32_t, uint8_t* to, size_t bytes_max,
                                uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
      size_t& left = *static_cast<size_t*>(source->ptr);
      const size_t bytes = std::min(left, bytes_max);
      std::memset(to, 'b', bytes);
      left -= bytes;
      if (left == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(bytes);
    };
    return nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                  body == 0 ? nullptr : &provider, nullptr);
  }
  int32_t get(const std::string& path, const TestFields& more = {}) {
    return request("GET", path, more);
  }

  /// Sends all queued frames in one piece.
  bool send() {
    std::string frames;
    while (true) {
      const uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      if (size < 0) return false;
      if (size == 0) return frames.empty() || wire_.send(frames);
      frames.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    }
  }
  /// Sends, then reads and handles some bytes. False: end, reset or timeout.
  bool step() {
    send();
    if (!wire_.receive()) return false;
    const std::string bytes = wire_.take_received();
    return nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                    bytes.size()) >= 0;
  }
  template <typename Condition>
  bool until(Condition condition) {
    while (!condition()) {
      if (!step()) return condition();
    }
    return true;
  }
  /// Waits until the response or the connection has ended.
  const Response& wait(int32_t id) {
    until([&] { return responses[id].over; });
    return responses[id];
  }
  const Response& fetch(const std::string& path) { return wait(get(path)); }
  /// Waits until the server closes.
  void wait_for_end() {
    while (step()) continue;
  }

  [[nodiscard]] nghttp2_session* session() { return session_; }
  [[nodiscard]] TestClient& wire() { return wire_; }
  void let(int32_t id, uint32_t bytes) {
    nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, id, static_cast<int32_t>(bytes));
  }
  void reset(int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }

  std::map<int32_t, Response> responses;
  std::optional<uint32_t> goaway;  ///< the code of the last GOAWAY

 private:
  static Response& of(void* self, int32_t id) {
    return static_cast<TestHttp2Client*>(self)->responses[id];
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                       void* self) {
    Response& r = of(self, frame->hd.stream_id);
    std::string key(reinterpret_cast<const char*>(name), name_size);
    std::string text(reinterpret_cast<const char*>(value), value_size);
    const bool in_head = frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
    if (key == ":status") r.status = std::atoi(text.c_str());
    (in_head ? r.fields : r.trailers).emplace_back(std::move(key), std::move(text));
    return 0;
  }
  static int on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                     void* self) {
    of(self, id).body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      of(self, frame->hd.stream_id).whole = true;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      static_cast<TestHttp2Client*>(self)->goaway = frame->goaway.error_code;
    }
    return 0;
  }
  static int on_close(nghttp2_session*, int32_t id, uint32_t code, void* self) {
    Response& r = of(self, id);
    r.over = true;
    r.reset = code;
    return 0;
  }

  TestClient wire_;
  nghttp2_session* session_ = nullptr;
  size_t body_left_ = 0;
};

/// Sends and receives raw HTTP/2 frames, valid or not.
class TestHttp2Wire {
 public:
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  struct Frame {
    uint8_t type = 0xff;  ///< 0xff: no frame
    uint8_t flags = 0;
    int32_t stream = 0;
    std::string payload;
  };

  /// `settings`: the payload of the client's first SETTINGS.
  explicit TestHttp2Wire(uint16_t port, std::string_view settings = {}) : wire(port) {
    wire.send(kPreface);
    send(NGHTTP2_SETTINGS, 0, 0, settings);
  }

  static std::string number(uint64_t value, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
    return text;
  }
  static std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
    return number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) +
           number(stream, 4) + std::string(payload);
  }
  bool send(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = {}) {
    return wire.send(frame(type, flags, stream, payload));
  }
  /// One field in HPACK, neither compressed nor indexed. REQUIRES: both are shorter than 127 bytes.
  static std::string field(std::string_view name, std::string_view value) {
    std::string text = std::string(1, '\0') + static_cast<char>(name.size()) + std::string(name);
    return text + static_cast<char>(value.size()) + std::string(value);
  }
  static std::string get_fields(std::string_view path) {
    return field(":method", "GET") + field(":scheme", "http") + field(":authority", "t") +
           field(":path", path);
  }
  static std::string get_frame(uint32_t stream, std::string_view path) {
    return frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, stream,
                 get_fields(path));
  }

  Frame next() {
    Frame f;
    while (in_.size() < 9 || in_.size() < 9 + length()) {
      if (!wire.receive()) return f;
      in_ += wire.take_received();
    }
    const size_t size = length();
    f.type = static_cast<uint8_t>(in_[3]);
    f.flags = static_cast<uint8_t>(in_[4]);
    f.stream = static_cast<int32_t>(read(5, 4));
    f.payload = in_.substr(9, size);
    in_.erase(0, 9 + size);
    return f;
  }
  /// The next frame of that type. Skips other frames.
  Frame next(uint8_t type) {
    Frame f = next();
    while (f.type != type && f.type != 0xff) f = next();
    return f;
  }
  /// The error code of the next GOAWAY. nullopt: there was none.
  std::optional<uint32_t> goaway() {
    const Frame f = next(NGHTTP2_GOAWAY);
    if (f.payload.size() < 8) return std::nullopt;
    return code_at(f.payload, 4);
  }
  std::optional<uint32_t> reset() {
    const Frame f = next(NGHTTP2_RST_STREAM);
    if (f.payload.size() < 4) return std::nullopt;
    return code_at(f.payload, 0);
  }

  TestClient wire;

 private:
  static uint32_t code_at(std::string_view text, size_t at) {
    uint32_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<uint8_t>(text[i]);
    return value;
  }
  [[nodiscard]] size_t read(size_t at, size_t bytes) const {
    size_t value = 0;
    for (size_t i = at; i < at + bytes; ++i) value = value << 8 | static_cast<uint8_t>(in_[i]);
    return value;
  }
  [[nodiscard]] size_t length() const { return read(0, 3); }

  std::string in_;
};

}  // namespace cachey::net
