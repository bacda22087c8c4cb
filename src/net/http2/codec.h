#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

namespace cachey::net::http2 {

/// Throws std::bad_alloc if nghttp2 has no memory.
void check_memory(int nghttp2_result);

/// The nghttp2 session of one connection: framing, HPACK and flow control, with our options, our
/// first SETTINGS, and its allocations counted. Owned by Session; the worker's thread.
class Codec {
 public:
  /// nghttp2 passes `self` to each of `callbacks` as the last argument.
  Codec(const nghttp2_session_callbacks* callbacks, void* self, size_t head_bytes_max);
  ~Codec() { nghttp2_session_del(session_); }
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  [[nodiscard]] nghttp2_session* get() const { return session_; }
  /// Bytes that nghttp2 has allocated.
  [[nodiscard]] size_t memory() const { return memory_; }

  /// Bytes of body that the client's flow-control windows let the stream send now.
  [[nodiscard]] size_t window(int32_t stream_id) const;
  /// As window(), by the stream's own window alone.
  [[nodiscard]] size_t stream_window(int32_t stream_id) const;

 private:
  size_t memory_ = 0;
  nghttp2_mem allocator_;
  nghttp2_session* session_ = nullptr;
};

}  // namespace cachey::net::http2
