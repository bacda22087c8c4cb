#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/cache_line.h"
#include "cache/object_key.h"
#include "cache/object_versions.h"
#include "cache/page.h"
#include "store/zeroed_array.h"

namespace cachey::cache {

/// An object with pages in the table. Fits into one cache line, and points to all that a hit needs
/// next: the key, the first page (most objects have no other) and the version.
struct alignas(kCacheLineBytes) IndexedObject {
  uint64_t hash = 0;
  SharedKey::Ptr key;                                  ///< null: no object here
  PagePtr first;                                       ///< page 0; null: not in the table
  ObjectVersions versions;                             ///< of the pages that know their version
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
///
/// Grows in steps: the larger table's memory comes from the system as it is touched, and each add()
/// moves a few entries from the smaller table. Until all are moved, a look-up that finds nothing in
/// the larger table looks in the smaller one.
class ObjectIndex {
 public:
  ObjectIndex() = default;
  ~ObjectIndex();
  ObjectIndex(const ObjectIndex&) = delete;
  ObjectIndex& operator=(const ObjectIndex&) = delete;

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
    for (const Slots* slots : {&slots_, &old_}) {
      for (const IndexedObject& object : *slots) {
        if (object.key != nullptr) visit(object);
      }
    }
  }
  /// Empties the index; returns all pages.
  [[nodiscard]] std::vector<PagePtr> take_all();

  /// Slots that add() moves, and more up to the next free one.
  static constexpr size_t kMovedAtOnce = 32;

 private:
  /// None, or a power of two. Zeroed memory is a free slot, so slots are not constructed.
  using Slots = store::ZeroedArray<IndexedObject>;
  static constexpr size_t kSlotsMin = 64;

  [[nodiscard]] static IndexedObject* find_in(const Slots& slots, KeyView key, uint64_t hash);
  [[nodiscard]] static IndexedObject& free_slot(const Slots& slots, uint64_t hash);
  static void erase_in(const Slots& slots, IndexedObject& object);
  static void clear(Slots& slots);
  void grow();
  void move_some();
  void publish_place();

  Slots slots_;       // at most two thirds are full, old_ included
  Slots old_;         // the slots before growth; none, or some are left to be moved
  size_t moved_ = 0;  // of old_. The last moved slot was free, so no entry's way crosses it.
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
