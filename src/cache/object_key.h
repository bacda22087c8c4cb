#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace cachey::cache {

/// An object's name; does not own its text.
struct KeyView {
  std::string_view kind;
  std::string_view object;

  /// Seeded anew in each process. All 64 bits are well mixed.
  [[nodiscard]] uint64_t hash() const;
  friend bool operator==(const KeyView&, const KeyView&) = default;
};

/// An object's name: kind and object key as the client sent them, decoded.
struct ObjectKey {
  std::string kind;
  std::string object;

  [[nodiscard]] KeyView view() const { return {kind, object}; }
};

/// A key that the table and the object's pages share. The text is in the same block of memory, so
/// that a comparison mostly touches one cache line. Immutable. Any thread.
class SharedKey {
 public:
  using Ptr = boost::intrusive_ptr<const SharedKey>;

  [[nodiscard]] static Ptr make(KeyView key);
  SharedKey(const SharedKey&) = delete;
  SharedKey& operator=(const SharedKey&) = delete;

  [[nodiscard]] KeyView view() const {
    const char* const text = reinterpret_cast<const char*>(this + 1);
    return {{text, kind_bytes_}, {text + kind_bytes_, object_bytes_}};
  }

 private:
  explicit SharedKey(KeyView key);
  ~SharedKey() = default;

  friend void intrusive_ptr_add_ref(const SharedKey* key) noexcept {
    key->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const SharedKey* key) noexcept;

  mutable std::atomic<uint32_t> references_{0};
  const uint32_t kind_bytes_;
  const uint32_t object_bytes_;
};

}  // namespace cachey::cache
