#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/byte_range.h"
#include "base/cache_line.h"
#include "cache/object_key.h"
#include "cache/object_versions.h"
#include "cache/page.h"
#include "store/zeroed_array.h"

namespace cachey::cache {

/// Parts of one page, by the offsets in the object at which they begin. No two have the same byte.
using PageParts = std::map<uint64_t, PagePtr>;

/// An object with pages in the table. Fits into one cache line. Points to the key, the first page
/// (most objects have no other) and the version, which a hit needs next.
struct alignas(kCacheLineBytes) IndexedObject {
  uint64_t hash = 0;
  SharedKey::Ptr key;       ///< null: no object here
  PagePtr first;            ///< page 0; null: not in the table
  ObjectVersions versions;  ///< of the pages that know their version
  struct Others {
    std::map<uint32_t, PagePtr> pages;
    std::map<uint32_t, PageParts> parts;  ///< by the page's number; none is empty
    [[nodiscard]] bool empty() const { return pages.empty() && parts.empty(); }
  };
  std::unique_ptr<Others> others;  ///< the other pages, and parts of pages; null or not empty

  /// Null: the page is not in the table.
  [[nodiscard]] Page* find(uint32_t index) const {
    if (index == 0) return first.get();
    if (others == nullptr) return nullptr;
    const auto found = others->pages.find(index);
    return found == others->pages.end() ? nullptr : found->second.get();
  }
  /// Null: no part of this page is in the table.
  [[nodiscard]] const PageParts* parts_of(uint32_t index) const {
    if (others == nullptr) return nullptr;
    const auto found = others->parts.find(index);
    return found == others->parts.end() ? nullptr : &found->second;
  }
  /// The part of page `index` with the object's byte at `position`; null: none.
  [[nodiscard]] Page* find_part(uint32_t index, uint64_t position) const;
  /// This very page, or part of a page, is here.
  [[nodiscard]] bool holds(const Page& page) const;
  /// `page` may be a part. Returns the page that `page` replaces, or null.
  PagePtr put(PagePtr page);
  /// REQUIRES: holds(page).
  PagePtr take(const Page& page);
  [[nodiscard]] std::vector<PagePtr> take_parts(uint32_t index);
  struct Taken {
    PagePtr first;
    std::unique_ptr<Others> others;
    [[nodiscard]] std::vector<PagePtr> pages() &&;
  };
  /// Takes out all pages and parts, in constant time.
  [[nodiscard]] Taken take_all() { return {std::move(first), std::move(others)}; }
  /// Takes out the pages and parts for which `goes` returns true.
  template <typename Predicate>
  [[nodiscard]] std::vector<PagePtr> take_if(Predicate goes);
  /// Parts, too.
  template <typename Visitor>
  void for_each_page(Visitor visit) const;
  [[nodiscard]] bool empty() const { return first == nullptr && others == nullptr; }

 private:
  template <typename Map, typename Predicate>
  static void take_from(Map& pages, Predicate goes, std::vector<PagePtr>& taken);
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
  /// The objects have this many homes: the slots at which their look-ups begin.
  [[nodiscard]] size_t homes() const { return old_.empty() ? slots_.size() : old_.size(); }
  /// Visits the objects with a hash that has a remainder in `range` when it is divided by `homes`.
  /// A walk over all ranges with what homes() returned at its begin meets each object that is in
  /// the index all the time, whatever add() and erase() move.
  template <typename Visitor>
  void for_each_at(ByteRange range, size_t homes, Visitor visit) const;
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

template <typename Map, typename Predicate>
void IndexedObject::take_from(Map& pages, Predicate goes, std::vector<PagePtr>& taken) {
  for (auto it = pages.begin(); it != pages.end();) {
    if (!goes(*it->second)) {
      ++it;
      continue;
    }
    taken.push_back(std::move(it->second));
    it = pages.erase(it);
  }
}

template <typename Predicate>
std::vector<PagePtr> IndexedObject::take_if(Predicate goes) {
  std::vector<PagePtr> taken;
  if (first != nullptr && goes(*first)) taken.push_back(std::move(first));
  if (others == nullptr) return taken;
  take_from(others->pages, goes, taken);
  for (auto& [index, parts] : others->parts) take_from(parts, goes, taken);
  std::erase_if(others->parts, [](const auto& page) { return page.second.empty(); });
  if (others->empty()) others.reset();
  return taken;
}

template <typename Visitor>
void ObjectIndex::for_each_at(ByteRange range, size_t homes, Visitor visit) const {
  for (const Slots* slots : {&slots_, &old_}) {
    if (slots->empty()) continue;
    const size_t mask = slots->size() - 1;
    for (size_t first = range.begin; first <= mask; first += homes) {
      // The objects of a home are in its slot and in the run of full slots behind the slot.
      for (size_t i = 0; i <= mask; ++i) {
        const IndexedObject& object = (*slots)[(first + i) & mask];
        const bool here = object.key != nullptr;
        if (here && ((object.hash - first) & mask) < range.size()) visit(object);
        if (!here && i >= range.size()) break;
      }
    }
  }
}

template <typename Visitor>
void IndexedObject::for_each_page(Visitor visit) const {
  if (first != nullptr) visit(*first);
  if (others == nullptr) return;
  for (const auto& [index, page] : others->pages) visit(*page);
  for (const auto& [index, parts] : others->parts) {
    for (const auto& [begin, part] : parts) visit(*part);
  }
}

}  // namespace cachey::cache
