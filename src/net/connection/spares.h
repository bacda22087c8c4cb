#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "net/http/buffer.h"
#include "net/http/http.h"

namespace cachey::net {

/// Free lists of what a connection needs only while a request is open. The worker keeps the memory
/// between requests: an idle connection holds none, a busy worker allocates none. Owned by
/// WorkerState; the worker's thread.
class Spares {
 public:
  static constexpr size_t kBufferBytes = 2048;  // of a new buffer; most heads are smaller
  static constexpr size_t kSparesMax = 64;      // of each kind; more are freed

  [[nodiscard]] Buffer take_buffer() {
    if (buffers_.empty()) return Buffer(kBufferBytes);
    Buffer buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }

  /// Takes any buffer. Keeps a buffer of kBufferBytes, frees any other.
  void give(Buffer buffer) {
    if (buffer.capacity() != kBufferBytes || buffers_.size() >= kSparesMax) return;
    buffer.clear();
    buffers_.push_back(std::move(buffer));
  }

  [[nodiscard]] std::vector<Field> take_fields() {
    if (fields_.empty()) return {};
    std::vector<Field> fields = std::move(fields_.back());
    fields_.pop_back();
    return fields;
  }

  void give(std::vector<Field> fields) {
    if (fields_.size() < kSparesMax) fields_.push_back(std::move(fields));
  }

 private:
  std::vector<Buffer> buffers_;
  std::vector<std::vector<Field>> fields_;
};

}  // namespace cachey::net
