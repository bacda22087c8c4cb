#include "net/http2/codec.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <new>

#include "net/http2/limits.h"

namespace cachey::net::http2 {
namespace {

class Options {
 public:
  Options() {
    check_memory(nghttp2_option_new(&options_));
    nghttp2_option_set_no_closed_streams(options_, 1);
    nghttp2_option_set_no_auto_window_update(options_, 1);
    nghttp2_option_set_max_outbound_ack(options_, kAcksMax);
    nghttp2_option_set_max_settings(options_, kSettingsMax);
    nghttp2_option_set_max_continuations(options_, kContinuationsMax);
    nghttp2_option_set_max_deflate_dynamic_table_size(options_, kFieldTableBytes);
    nghttp2_option_set_max_send_header_block_length(options_, kTrailerBytesMax);
    // Our own count, which comes first, knows the age of a request, and has the resets that a
    // client makes us send. nghttp2 counts all resets.
    constexpr uint64_t kOldPerSecond = kStreamsMax * (std::chrono::seconds(1) / kQuickReset);
    nghttp2_option_set_stream_reset_rate_limit(
        options_, 2 * static_cast<uint64_t>(kResetsBurst),
        2 * (static_cast<uint64_t>(kResetsPerSecond) + kOldPerSecond));
  }
  ~Options() { nghttp2_option_del(options_); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  [[nodiscard]] const nghttp2_option* get() const { return options_; }

 private:
  nghttp2_option* options_ = nullptr;
};

size_t size_of(void* block) { return block == nullptr ? 0 : malloc_usable_size(block); }

void* counted(void* memory, void* block) {
  *static_cast<size_t*>(memory) += size_of(block);
  return block;
}

/// Functions that count in `memory` what they allocate.
nghttp2_mem counting_allocator(size_t& memory) {
  nghttp2_mem allocator;
  allocator.mem_user_data = &memory;
  allocator.malloc = [](size_t size, void* count) { return counted(count, std::malloc(size)); };
  allocator.calloc = [](size_t blocks, size_t size, void* count) {
    return counted(count, std::calloc(blocks, size));
  };
  allocator.free = [](void* block, void* count) {
    *static_cast<size_t*>(count) -= size_of(block);
    std::free(block);
  };
  allocator.realloc = [](void* block, size_t size, void* count) {
    const size_t before = size_of(block);
    void* const after = std::realloc(block, size);
    if (after != nullptr) *static_cast<size_t*>(count) += size_of(after) - before;
    return after;
  };
  return allocator;
}

}  // namespace

void check_memory(int nghttp2_result) {
  if (nghttp2_result == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
}

Codec::Codec(const nghttp2_session_callbacks* callbacks, void* self, size_t head_bytes_max)
    : allocator_(counting_allocator(memory_)) {
  static const Options options;
  if (nghttp2_session_server_new3(&session_, callbacks, self, options.get(), &allocator_) != 0) {
    throw std::bad_alloc();
  }
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMax},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(head_bytes_max)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kRequestBodyMax},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
}

size_t Codec::window(int32_t stream_id) const {
  const int32_t all = nghttp2_session_get_remote_window_size(session_);
  return all <= 0 ? 0 : std::min(static_cast<size_t>(all), stream_window(stream_id));
}

size_t Codec::stream_window(int32_t stream_id) const {
  const int32_t own = nghttp2_session_get_stream_remote_window_size(session_, stream_id);
  return own <= 0 ? 0 : static_cast<size_t>(own);
}

}  // namespace cachey::net::http2
