#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

namespace cachey::store {

/// Records that wait, in order: their bytes and two bytes of length each, in chunks. Not
/// synchronized. Owned by the journal.
class RecordQueue {
 public:
  static constexpr size_t kChunkBytes = 64 * 1024;

  /// REQUIRES: at most UINT16_MAX bytes.
  void push(std::string_view record);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] size_t count() const { return count_; }
  /// REQUIRES: not empty.
  [[nodiscard]] std::span<const std::byte> front() const;
  void pop();
  /// The memory of the queue, in whole chunks.
  [[nodiscard]] size_t memory_bytes() const { return chunks_.size() * kChunkBytes; }

 private:
  using Length = uint16_t;

  std::deque<std::vector<std::byte>> chunks_;
  size_t head_ = 0;  // the offset of the first record in the first chunk
  size_t count_ = 0;
};

}  // namespace cachey::store
