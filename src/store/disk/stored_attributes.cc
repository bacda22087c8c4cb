#include "store/disk/stored_attributes.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace cachey::store {
namespace {

/// The text may stand in a head: whole lines `Name: value\r\n` without other control characters.
bool is_lines(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    const size_t colon = text.find(':');
    if (end == std::string_view::npos || colon == 0 || colon >= end) return false;
    const auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f'; };
    if (std::ranges::any_of(text.substr(0, end), is_control)) return false;
    text.remove_prefix(end + 2);
  }
  return true;
}

/// Null: the text is no attributes.
ObjectAttributesPtr text_of(StoredAttributes::Parts parts, const InternAttributes& intern) {
  if (parts.too_large) return intern(ObjectAttributes::make_too_large());
  std::string checksum_lines = parts.text.substr(parts.lines);
  parts.text.resize(parts.lines);
  if (!is_lines(parts.text) || !is_lines(checksum_lines)) return nullptr;
  return intern(ObjectAttributes(std::move(parts.text), std::move(checksum_lines)));
}

}  // namespace

AttributesTable::~AttributesTable() {
  by_id_.for_each([](StoredAttributes& entry) { delete &entry; });
}

StoredAttributes* AttributesTable::find(uint64_t id) const {
  return by_id_.find(id, [id](const StoredAttributes& entry) { return entry.id == id; });
}

StoredAttributes& AttributesTable::add(uint64_t id) {
  auto* entry = new StoredAttributes(id);
  by_id_.insert(*entry);
  return *entry;
}

void AttributesTable::destroy(StoredAttributes& entry) {
  by_id_.erase(entry);
  if (entry.text != nullptr) by_text_.erase(entry);
  delete &entry;
}

void AttributesTable::add_user(StoredAttributes& entry) {
  if (++entry.users > 1) return;
  bytes_ += entry.memory_bytes();
  text_bytes_ += entry.text_bytes;
}

StoredAttributes& AttributesTable::use(const ObjectAttributesPtr& text, uint64_t& next_id) {
  StoredAttributes* entry =
      by_text_.find(ByText::hash(text.get()),
                    [&text](const StoredAttributes& other) { return other.text == text; });
  if (entry == nullptr) {
    entry = &add(++next_id);
    entry->text = text;
    entry->text_bytes = static_cast<uint16_t>(text->bytes());
    by_text_.insert(*entry);
    journal_.define(*entry);
  }
  add_user(*entry);
  return *entry;
}

void AttributesTable::release(StoredAttributes& entry) {
  if (--entry.users > 0) return;
  bytes_ -= entry.memory_bytes();
  text_bytes_ -= entry.text_bytes;
  if (entry.text != nullptr) journal_.definition_removed(entry);
  destroy(entry);
}

StoredAttributes& AttributesTable::name(uint64_t id) {
  StoredAttributes* entry = find(id);
  if (entry == nullptr) entry = &add(id);
  add_user(*entry);
  return *entry;
}

void AttributesTable::unname(StoredAttributes& entry) {
  if (--entry.users > 0) return;
  bytes_ -= entry.memory_bytes();
  text_bytes_ -= entry.text_bytes;
  keep_for_later(entry);
}

/// Destroys the texts that are unused for longest, past the bound.
void AttributesTable::keep_for_later(StoredAttributes& entry) {
  if (!std::exchange(entry.waits, true)) {
    unused_.push_back(&entry);
    unused_bytes_ += entry.memory_bytes();
  }
  while (unused_bytes_ > unused_bytes_max_) {
    StoredAttributes& oldest = *unused_.front();
    unused_.pop_front();
    unused_bytes_ -= oldest.memory_bytes();
    oldest.waits = false;
    if (oldest.users == 0) destroy(oldest);
  }
}

/// The size of the text is known.
void AttributesTable::set_text_bytes(StoredAttributes& entry, uint16_t bytes) {
  const size_t before = entry.memory_bytes();
  entry.text_bytes = bytes;
  const size_t more = entry.memory_bytes() - before;
  if (entry.waits) unused_bytes_ += more;
  if (entry.users == 0) return;
  bytes_ += more;
  text_bytes_ += bytes;
}

void AttributesTable::restore(const AttributesRecord& record, uint64_t journal_block) {
  StoredAttributes* entry = find(record.id);
  if (entry == nullptr) entry = &add(record.id);
  if (record.fragment == 0) entry->journal_block = journal_block;
  const uint16_t text_bytes = record.is_too_large() ? uint16_t{0} : record.total;
  if (entry->parts == nullptr) {
    const unsigned all = (1u << attributes_fragments(text_bytes)) - 1;
    entry->parts =
        std::make_unique<StoredAttributes::Parts>(std::string(text_bytes, '\0'), record.lines,
                                                  record.is_too_large(), static_cast<uint8_t>(all));
    set_text_bytes(*entry, text_bytes);
  }
  StoredAttributes::Parts& parts = *entry->parts;
  const bool is_same_text = parts.text.size() == text_bytes && parts.lines == record.lines &&
                            parts.too_large == record.is_too_large();
  if (is_same_text) {
    std::ranges::copy(record.text,
                      parts.text.begin() + record.fragment * ptrdiff_t{kAttributesFragmentBytes});
    parts.missing &= static_cast<uint8_t>(~(1u << record.fragment));
  }
  if (entry->users == 0) keep_for_later(*entry);
}

void AttributesTable::finish_restoring(const InternAttributes& intern) {
  unused_.clear();
  unused_bytes_ = 0;
  std::vector<StoredAttributes*> unused;
  by_id_.for_each([&](StoredAttributes& entry) {
    entry.waits = false;
    const std::unique_ptr<StoredAttributes::Parts> parts = std::move(entry.parts);
    if (entry.users == 0) {
      unused.push_back(&entry);
    } else if (parts != nullptr && parts->missing == 0) {
      entry.text = text_of(std::move(*parts), intern);
    }
    if (entry.text == nullptr) return;
    by_text_.insert(entry);
    journal_.definition_restored(entry);
  });
  for (StoredAttributes* entry : unused) destroy(*entry);
}

}  // namespace cachey::store
