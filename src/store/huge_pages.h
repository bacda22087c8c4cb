#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#include "base/units.h"

namespace cachey::store {

/// An allocator for large tables with random look-ups. Tables of at least 2 MiB get huge pages, if
/// the system has them, so that a look-up seldom misses the TLB.
template <typename T>
class HugePages {
 public:
  using value_type = T;

  HugePages() = default;
  template <typename Other>
  HugePages(const HugePages<Other>& /*other*/) noexcept {}  // NOLINT: an allocator's conversion

  [[nodiscard]] T* allocate(size_t count) {
    if (count * kEach < kHugePage) return std::allocator<T>().allocate(count);
    const size_t bytes = (count * kEach + kHugePage - 1) / kHugePage * kHugePage;
    void* memory = std::aligned_alloc(kHugePage, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    (void)::madvise(memory, bytes, MADV_HUGEPAGE);  // if refused, small pages do
    return static_cast<T*>(memory);
  }

  void deallocate(T* memory, size_t count) noexcept {
    if (count * kEach < kHugePage) return std::allocator<T>().deallocate(memory, count);
    std::free(static_cast<void*>(memory));
  }

  friend bool operator==(const HugePages&, const HugePages&) = default;

 private:
  static constexpr size_t kHugePage = 2 * kMiB;
  static constexpr size_t kEach = sizeof(T);  // NOLINT(bugprone-sizeof-expression): pointers, too
};

}  // namespace cachey::store
