#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace cachey::net {

/// A queue of bytes: written at the back, taken from the front, in one block that grows on demand.
/// Holds no memory until reserve() or append(). Owned by a connection; the worker's thread.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t capacity)
      : block_(std::make_unique_for_overwrite<char[]>(capacity)), capacity_(capacity) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }

  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] size_t size() const { return end_ - begin_; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  [[nodiscard]] std::span<char> bytes() { return {block_.get() + begin_, size()}; }
  [[nodiscard]] std::string_view text() const { return {block_.get() + begin_, size()}; }

  /// Free room behind the bytes. The caller writes to it, then calls commit().
  [[nodiscard]] std::span<char> room() { return {block_.get() + end_, capacity_ - end_}; }
  void commit(size_t bytes) { end_ += bytes; }
  /// Removes bytes from the front. An empty buffer starts again at the front of its block.
  void consume(size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() { begin_ = end_ = 0; }

  /// Moves the bytes to the front of the block.
  void compact() {
    if (begin_ == 0) return;
    std::memmove(block_.get(), block_.get() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }

  /// How much larger the block becomes if it must grow for `bytes` more bytes.
  [[nodiscard]] size_t growth(size_t bytes) const {
    return std::max(size() + bytes, 2 * capacity_) - capacity_;
  }
  /// Makes room for `bytes` more bytes.
  void reserve(size_t bytes) {
    if (capacity_ - end_ < bytes) grow(bytes);
  }

  void append(std::string_view bytes) {
    reserve(bytes.size());
    std::copy(bytes.begin(), bytes.end(), block_.get() + end_);
    end_ += bytes.size();
  }

  void swap(Buffer& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

 private:
  [[gnu::noinline]] void grow(size_t bytes) {
    Buffer larger(capacity_ + growth(bytes));
    larger.append(text());
    swap(larger);
  }

  std::unique_ptr<char[]> block_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace cachey::net
