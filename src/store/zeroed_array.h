#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "base/units.h"

namespace cachey::store {

/// An array for a large table with random look-ups. The memory is zeroed and comes from the system
/// as it is touched, so that making the array takes constant time. Constructs and destroys no
/// elements: zeroed memory must be a valid T, and the owner leaves elements that need no
/// destructor. Not synchronized.
template <typename T>
class ZeroedArray {
 public:
  ZeroedArray() = default;
  /// Throws std::bad_alloc.
  explicit ZeroedArray(size_t count) : size_(count) {
    // Address space up to the next border of a huge page, so that all of the array fits on huge
    // ones.
    const size_t slack = bytes() < kHugePage ? 0 : kHugePage;
    map_bytes_ = bytes() + slack;
    map_ = ::mmap(nullptr, map_bytes_, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map_ == MAP_FAILED) throw std::bad_alloc();
    const size_t before = slack == 0 ? 0 : -reinterpret_cast<uintptr_t>(map_) % kHugePage;
    data_ = reinterpret_cast<T*>(static_cast<std::byte*>(map_) + before);
  }
  ~ZeroedArray() {
    if (map_ != nullptr) ::munmap(map_, map_bytes_);
  }
  ZeroedArray(ZeroedArray&& other) noexcept { swap(other); }
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    ZeroedArray(std::move(other)).swap(*this);
    return *this;
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T* begin() const { return data_; }
  [[nodiscard]] T* end() const { return data_ + size_; }
  [[nodiscard]] T& operator[](size_t index) const { return data_[index]; }
  [[nodiscard]] bool contains(const T* element) const {
    return data_ <= element && element < data_ + size_;
  }

  /// The system may merge the memory into huge pages from now on, so that a look-up seldom misses
  /// the TLB. Before that, touching the array takes small pages: clearing a huge page takes up to 5
  /// ms in a virtual machine.
  void merge_pages() const {
    if (bytes() >= kHugePage) (void)::madvise(data_, bytes(), MADV_HUGEPAGE);  // a hint
  }

  /// The elements before `index` are zeroed, and their memory goes back to the system, huge page by
  /// huge page. `index` never decreases.
  void give_back_before(size_t index) {
    const size_t end = index * sizeof(T) / kHugePage * kHugePage;
    if (end == given_back_) return;
    (void)::madvise(reinterpret_cast<std::byte*>(data_) + given_back_, end - given_back_,
                    MADV_DONTNEED);
    given_back_ = end;
  }

 private:
  static constexpr size_t kHugePage = 2 * kMiB;

  [[nodiscard]] size_t bytes() const { return size_ * sizeof(T); }
  void swap(ZeroedArray& other) noexcept {
    std::swap(map_, other.map_);
    std::swap(map_bytes_, other.map_bytes_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(given_back_, other.given_back_);
  }

  void* map_ = nullptr;
  size_t map_bytes_ = 0;
  T* data_ = nullptr;
  size_t size_ = 0;
  size_t given_back_ = 0;  // bytes
};

}  // namespace cachey::store
