// How the catalog is filled from the journal while a store is opened.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "store/disk/catalog.h"

namespace cachey::store {
namespace {

constexpr size_t kPageMemory = 400;  // of the index, about

/// While a store is opened, nobody else has the source. RestoredPage made it, not constant.
ObjectSource& own_source(DiskObject& object) { return const_cast<ObjectSource&>(*object.source); }

}  // namespace

void Catalog::reserve(size_t pages, size_t unused_text_bytes) {
  attributes_.keep_unused(unused_text_bytes);
  const size_t most = std::min(pages, limits_.memory_bytes_max / kPageMemory);
  pages_.reserve(most);
  objects_.reserve(most);
}

/// Forgets a page before its space is taken.
void Catalog::drop_restored(DiskEntry& entry) {
  restored_.erase(restored_.iterator_to(entry));
  unindex(entry);
  if (entry.object->entries == 1) unname_attributes(*entry.object);
  free_entry(entry);
}

void Catalog::drop_restored(DiskObject& object) {
  for (uint32_t left = object.entries; left > 0; --left) drop_restored(*object.pages);
}

/// Evicts the oldest pages while the index is larger than it may be.
void Catalog::cut_restored() {
  while (over_memory() && !restored_.empty()) {
    DiskEntry& oldest = restored_.front();
    journal_.restored(oldest);
    journal_.removed(oldest);
    drop_restored(oldest);
  }
}

void Catalog::restore(RestoredPage restored) {
  DiskEntry& entry = *restored.entry;
  generation_ = std::max(generation_, entry.generation);
  const ObjectId id = restored.object->id;
  const ObjectSource& source = *restored.object->source;
  const auto cannot_stand_beside = [&source](const DiskObject& other) {
    return !other.source->same_version(source);
  };
  while (DiskObject* other = find_if(id, cannot_stand_beside)) {
    if (other->pages->generation > entry.generation) return;  // an old version's
    drop_restored(*other);
  }
  DiskEntry* before = find(id, entry.at);
  const RecordedAnswer answer{source.info.last_modified, restored.attributes};
  if (before != nullptr && before->generation == entry.generation) {  // a copy of the same record
    before->journal_block = entry.journal_block;
    before->record_bytes = entry.record_bytes;
    restore_answer(*before->object, answer);
    restored_.splice(restored_.end(), restored_, restored_.iterator_to(*before));
    return;
  }
  if (before != nullptr && before->generation > entry.generation) return;
  if (entry.at.is_part() && is_needless(id, entry)) return;
  DiskObject* current = find(id, source.bucket);
  if (current == nullptr) {
    current = restored.object.get();
    add_object(std::move(restored.object));
  }
  attach(*restored.entry.release(), *current);
  restore_answer(*current, answer);
  if (before != nullptr) drop_restored(*before);
  drop_restored_parts(entry);
  index(entry);
  restored_.push_back(entry);
  cut_restored();
}

void Catalog::restore(const RemovalRecord& record) {
  generation_ = std::max(generation_, record.generation);
  DiskEntry* entry = find(record.object, record.at);
  if (entry != nullptr && entry->generation == record.generation) drop_restored(*entry);
}

void Catalog::restore(const ObjectRemovalRecord& record) {
  generation_ = std::max(generation_, record.generation);
  DiskObject* object = find_by_sum(record.object, record.bucket);
  // If a page is newer, the bucket has that page's version, and so have the bucket's older pages.
  if (object == nullptr || object->pages->generation > record.generation) return;
  drop_restored(*object);
}

void Catalog::restore(const AttributesRecord& record, uint64_t journal_block) {
  generation_ = std::max(generation_, record.id);
  attributes_.restore(record, journal_block);
}

void Catalog::restore(const AnswerRecord& record) {
  generation_ = std::max(generation_, record.answer.attributes);
  DiskObject* object = find_by_sum(record.object, record.bucket);
  // The records of the answer's version may be lost.
  if (object == nullptr || version_sum(object->source->info) != record.version) return;
  restore_answer(*object, record.answer);
}

void Catalog::restore_answer(DiskObject& object, const RecordedAnswer& answer) {
  generation_ = std::max(generation_, answer.attributes);
  own_source(object).info.last_modified = answer.last_modified;
  const StoredAttributes* before = object.attributes;
  if (answer.attributes == 0 || (before != nullptr && before->id == answer.attributes)) return;
  unname_attributes(object);
  object.attributes = &attributes_.name(answer.attributes);
}

void Catalog::unname_attributes(DiskObject& object) {
  if (object.attributes == nullptr) return;
  attributes_.unname(*std::exchange(object.attributes, nullptr));
}

/// Attributes that no whole definition is left of are not known.
void Catalog::resolve_attributes(const InternAttributes& intern) {
  attributes_.finish_restoring(intern);
  if (attributes_.size() == 0) return;
  objects_.for_each([this](DiskObject& object) {
    if (object.attributes == nullptr) return;
    if (object.attributes->text != nullptr) {
      own_source(object).info.attributes = object.attributes->text;
    } else {
      attributes_.release(*std::exchange(object.attributes, nullptr));
    }
  });
}

/// The part that is not past the end.
DiskExtent Catalog::within_space(DiskExtent extent) const {
  const uint32_t begin = std::min(extent.first, limits_.end_unit);
  return {extent.first, std::min(extent.units, limits_.end_unit - begin)};
}

void Catalog::release_segment(DiskExtent extent) {
  const DiskExtent part = within_space(extent);
  if (part.units > 0) space_.release(part);
}

/// False: a part of the page's space is taken, or past the end.
bool Catalog::take_space(DiskEntry& entry) {
  size_t taken = 0;
  for (const PageExtent& extent : entry.page_extents()) {
    if (!space_.take(DiskExtent{extent.first, extent.units})) break;
    ++taken;
  }
  if (taken == entry.extent_count) {
    space_.own(entry);
    return true;
  }
  for (const PageExtent& extent : entry.page_extents().first(taken)) {
    space_.release(DiskExtent{extent.first, extent.units});
  }
  return false;
}

size_t Catalog::finish_restoring(const std::vector<JournalSegment>& segments,
                                 uint32_t segment_units, const InternAttributes& intern) {
  for (const JournalSegment& segment : segments) {
    const DiskExtent extent = within_space(DiskExtent{segment.first_unit, segment_units});
    if (extent.units > 0) (void)space_.take(extent);
  }
  size_t left_out = 0;
  for (auto next = restored_.end(); next != restored_.begin();) {  // the newest gets the space
    DiskEntry& entry = *--next;
    if (take_space(entry)) continue;
    ++next;
    ++left_out;
    journal_.restored(entry);
    journal_.removed(entry);
    drop_restored(entry);
  }
  resolve_attributes(intern);
  space_.finish_taking();
  while (!restored_.empty()) {
    DiskEntry& entry = restored_.front();
    restored_.pop_front();
    journal_.restored(entry);
    hand_over(entry);
  }
  kept_.forget_past_limit();
  while (over_memory()) {  // by the chunks that pages share
    SpaceSearch search;
    Step step;
    if (evict_one(search, step) == Freed::kNone) break;
  }
  return left_out;
}

}  // namespace cachey::store
