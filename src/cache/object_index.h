#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/cache_line.h"
#include "base/clock.h"
#include "cache/object_key.h"
#include "cache/page.h"
#include "store/huge_pages.h"

namespace cachey::cache {

/// An object with pages in the table. Fits into one cache line, and points to all that a hit needs
/// next: the key, the first page (most objects have no other) and the version.
struct alignas(kCacheLineBytes) IndexedObject {
  uint64_t hash = 0;
  SharedKey::Ptr key;       ///< null: no object here
  PagePtr first;            ///< page 0; null: not in the table
  ObjectSourcePtr current;  ///< the version of the latest answer; null: none yet
  MonoTime sent_at;         ///< when that answer's request was sent
  std::unique_ptr<std::map<uint32_t, PagePtr>> later;  ///< the other pages; null or not empty

  /// Null: the page is not in the table.
  [[nodiscard]] Page* find(uint32_t index) const {
    if (index == 0) return first.get();
    if (later == nullptr) return nullptr;
    const auto found = later->find(index);
    return found == later->end() ? nullptr : found->second.get();
  }
  /// Returns the page that `page` replaces, or null.
  PagePtr put(PagePtr page);
  PagePtr take(uint32_t index);
  /// Takes out the pages for which `goes` returns true.
  template <typename Predicate>
  [[nodiscard]] std::vector<PagePtr> take_if(Predicate goes);
  template <typename Visitor>
  void for_each_page(Visitor visit) const;
  [[nodiscard]] bool empty() const { return first == nullptr && later == nullptr; }
};
static_assert(sizeof(IndexedObject) == kCacheLineBytes);

/// Objects by key: open addressing with linear probing (D. Knuth, The Art of Computer Programming
/// 3, 6.4). The slots hold the entries themselves, so that a look-up waits for memory twice: for
/// the entry, then for all that the entry points to, which is prefetched while the key is compared.
/// A reference to an entry is valid until the next add() or erase(). Not synchronized, except
/// prefetch().
class ObjectIndex {
 public:
  /// Null: no such object.
  [[nodiscard]] IndexedObject* find(KeyView key, uint64_t hash);
  /// REQUIRES: the key is not in the index.
  [[nodiscard]] IndexedObject& add(KeyView key, uint64_t hash);
  void erase(IndexedObject& object);

  /// Prefetches the entry with that hash for a look-up to come. Any thread, without a lock.
  void prefetch(uint64_t hash) const;

  [[nodiscard]] size_t size() const { return size_; }
  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (const IndexedObject& object : slots_) {
      if (object.key != nullptr) visit(object);
    }
  }
  /// Empties the index; returns all pages.
  [[nodiscard]] std::vector<PagePtr> take_all();

 private:
  using Slots = std::vector<IndexedObject, store::HugePages<IndexedObject>>;
  static constexpr size_t kSlotsMin = 16;

  void grow();
  void publish_place();
  [[nodiscard]] size_t next(size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
  [[nodiscard]] size_t home(uint64_t hash) const { return hash & (slots_.size() - 1); }
  [[nodiscard]] IndexedObject& free_slot(uint64_t hash);

  Slots slots_;  // none, or a power of two; at most two thirds are full
  size_t size_ = 0;
  std::atomic<const IndexedObject*> place_{nullptr};  // the first slot, for prefetch()
  std::atomic<uint64_t> mask_{0};
};

template <typename Predicate>
std::vector<PagePtr> IndexedObject::take_if(Predicate goes) {
  std::vector<PagePtr> taken;
  if (first != nullptr && goes(*first)) taken.push_back(std::move(first));
  if (later == nullptr) return taken;
  for (auto it = later->begin(); it != later->end();) {
    if (!goes(*it->second)) {
      ++it;
      continue;
    }
    taken.push_back(std::move(it->second));
    it = later->erase(it);
  }
  if (later->empty()) later.reset();
  return taken;
}

template <typename Visitor>
void IndexedObject::for_each_page(Visitor visit) const {
  if (first != nullptr) visit(*first);
  if (later == nullptr) return;
  for (const auto& [index, page] : *later) visit(*page);
}

}  // namespace cachey::cache
