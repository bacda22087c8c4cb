#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace cachey::store {

/// Appends values to a text, as the disk format has them. The text outlives the writer.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void put(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view text) { out_.append(text); }

 private:
  std::string& out_;
};

/// Reads values in order. REQUIRES: the bytes are there.
class ByteReader {
 public:
  explicit ByteReader(const std::byte* at) : at_(at) {}

  template <typename T>
  T get() {
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string_view text(size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return text;
  }
  const std::byte* skip(size_t size) {
    const std::byte* here = at_;
    at_ += size;
    return here;
  }

 private:
  const std::byte* at_;
};

}  // namespace cachey::store
