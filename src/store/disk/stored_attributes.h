#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "base/hash.h"
#include "base/object_attributes.h"
#include "store/disk/format.h"
#include "store/disk/journal.h"
#include "store/linear_table.h"

namespace cachey::store {

/// A text from disk becomes shared attributes. Any thread; called with the tier's mutex.
using InternAttributes = std::function<ObjectAttributesPtr(ObjectAttributes text)>;

/// Attributes that nobody else has in memory.
[[nodiscard]] inline ObjectAttributesPtr unshared_attributes(ObjectAttributes text) {
  return std::make_shared<const ObjectAttributes>(std::move(text));
}

/// The attributes that the journal's records name by id: one entry a text, however many objects
/// have the text. A text is defined in the journal before the first record that names it. An entry
/// leaves with its last user, so a definition that no object needs is not copied when the journal
/// is cleaned. An id is never given again, so a definition that is lost means "not known", never
/// other attributes.
///
/// While a store is opened, records name ids whose definitions may come later. Texts that no record
/// names at that time stay, up to a bound, because later records may name them; past the bound the
/// text that is unused for longest goes.
///
/// Owned by the catalog. Not synchronized: the tier's mutex guards the table.
class AttributesTable {
 public:
  explicit AttributesTable(Journal& journal) : journal_(journal) {}
  ~AttributesTable();
  AttributesTable(const AttributesTable&) = delete;
  AttributesTable& operator=(const AttributesTable&) = delete;

  [[nodiscard]] StoredAttributes* find(uint64_t id) const;

  /// The entry of that text, with one more user. A new entry gets `next_id`, which then grows, and
  /// a definition in the journal.
  [[nodiscard]] StoredAttributes& use(const ObjectAttributesPtr& text, uint64_t& next_id);
  /// One user less. The last one destroys the entry.
  void release(StoredAttributes& entry);

  // While a store is opened.
  /// The bytes of unused texts that are kept.
  void keep_unused(size_t bytes_max) { unused_bytes_max_ = bytes_max; }
  /// The entry with that id, with one more user.
  [[nodiscard]] StoredAttributes& name(uint64_t id);
  /// One user less. The entry stays.
  void unname(StoredAttributes& entry);
  void restore(const AttributesRecord& record, uint64_t journal_block);
  /// Destroys the unused entries and gives the others their text. Entries without a whole text keep
  /// none: their users are to release them.
  void finish_restoring(const InternAttributes& intern);

  [[nodiscard]] size_t size() const { return by_id_.size(); }
  /// The sum of the texts in use.
  [[nodiscard]] size_t text_bytes() const { return text_bytes_; }
  [[nodiscard]] size_t memory_bytes() const {
    return bytes_ + by_id_.memory_bytes() + by_text_.memory_bytes();
  }

 private:
  struct ById {
    static uint64_t hash(const StoredAttributes& entry) { return entry.id; }
    static StoredAttributes*& next(StoredAttributes& entry) { return entry.next_by_id; }
  };
  struct ByText {
    static uint64_t hash(const ObjectAttributes* text) {
      return spread(reinterpret_cast<uintptr_t>(text)) >> 32;
    }
    static uint64_t hash(const StoredAttributes& entry) { return hash(entry.text.get()); }
    static StoredAttributes*& next(StoredAttributes& entry) { return entry.next_by_text; }
  };

  StoredAttributes& add(uint64_t id);
  void destroy(StoredAttributes& entry);
  void add_user(StoredAttributes& entry);
  void set_text_bytes(StoredAttributes& entry, uint16_t bytes);
  void keep_for_later(StoredAttributes& entry);

  Journal& journal_;
  LinearTable<StoredAttributes, ById> by_id_;
  LinearTable<StoredAttributes, ByText> by_text_;  // those with a text, by its address
  size_t bytes_ = 0;                               // of entries with users, with their texts
  size_t text_bytes_ = 0;
  std::deque<StoredAttributes*> unused_;  // while a store is opened; some have users again
  size_t unused_bytes_ = 0;               // the memory of those in the list
  size_t unused_bytes_max_ = SIZE_MAX;
};

}  // namespace cachey::store
