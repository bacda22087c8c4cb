#include "store/disk/record_queue.h"

#include <cstring>
#include <limits>

#include "base/check.h"

namespace cachey::store {

void RecordQueue::push(std::string_view record) {
  CHECK(record.size() <= std::numeric_limits<Length>::max());
  const auto length = static_cast<Length>(record.size());
  const size_t needed = sizeof length + record.size();
  if (chunks_.empty() || chunks_.back().size() + needed > kChunkBytes) {
    chunks_.emplace_back().reserve(kChunkBytes);
  }
  std::vector<std::byte>& chunk = chunks_.back();
  const std::span<const std::byte> head = std::as_bytes(std::span(&length, 1));
  const std::span<const std::byte> bytes = std::as_bytes(std::span(record));
  chunk.insert(chunk.end(), head.begin(), head.end());
  chunk.insert(chunk.end(), bytes.begin(), bytes.end());
  ++count_;
}

std::span<const std::byte> RecordQueue::front() const {
  CHECK(count_ > 0);
  const std::span<const std::byte> chunk = chunks_.front();
  Length length = 0;
  std::memcpy(&length, chunk.data() + head_, sizeof length);
  return chunk.subspan(head_ + sizeof length, length);
}

void RecordQueue::pop() {
  head_ += sizeof(Length) + front().size();
  --count_;
  if (head_ < chunks_.front().size()) return;
  head_ = 0;
  chunks_.pop_front();
}

}  // namespace cachey::store
