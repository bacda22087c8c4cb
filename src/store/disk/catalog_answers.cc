// What the catalog knows of an object beside its version, from the newest answer, and how that gets
// into the journal.

#include <memory>
#include <utility>

#include "store/disk/catalog.h"

namespace cachey::store {

DiskObject* Catalog::find_by_sum(const ObjectId& object, uint32_t bucket) const {
  return find_if(object, [bucket](const DiskObject& other) {
    return bucket_sum(other.source->bucket) == bucket;
  });
}

RecordedAnswer Catalog::recorded(const DiskObject& object) {
  return {object.source->info.last_modified,
          object.attributes == nullptr ? 0 : object.attributes->id};
}

/// `seen` is of a newer answer than the object's.
void Catalog::take_answer(const ObjectId& id, const ObjectSource& seen) {
  DiskObject* object = find(id, seen.bucket);
  if (object == nullptr) return;
  auto source = std::make_shared<ObjectSource>(*object->source);
  if (!store::take_answer(source->info, seen.info)) return;
  const bool may_wait = object->is_answer_newer || newer_answers_.size() < kNewerAnswersMax;
  if (!may_wait && !journal_.accepts_pages()) return;
  entries_bytes_ -= object->memory_bytes();
  object->source = std::move(source);
  entries_bytes_ += object->memory_bytes();
  if (object->is_answer_newer) return;
  object->is_answer_newer = true;
  if (!may_wait) return settle(*object);
  newer_answers_.push_back({id, bucket_sum(seen.bucket)});
}

/// Makes the journal have the object's answer; the records of its pages name the attributes then.
void Catalog::settle(DiskObject& object) {
  const ObjectInfo& info = object.source->info;
  const StoredAttributes* named = object.attributes;
  if ((named == nullptr ? nullptr : named->text) != info.attributes) {
    StoredAttributes* now =
        info.attributes == nullptr ? nullptr : &attributes_.use(info.attributes, generation_);
    StoredAttributes* before = std::exchange(object.attributes, now);
    if (before != nullptr) attributes_.release(*before);
  }
  if (!object.is_answer_newer) return;
  object.is_answer_newer = false;
  journal_.answered(AnswerRecord{object.id, bucket_sum(object.source->bucket), version_sum(info),
                                 recorded(object)});
}

bool Catalog::record_answers() {
  for (int step = 0; step < kStepAnswers && !newer_answers_.empty(); ++step) {
    if (!journal_.accepts_pages()) return false;
    const NewerAnswer next = newer_answers_.front();
    newer_answers_.pop_front();
    DiskObject* object = find_by_sum(next.object, next.bucket);
    if (object != nullptr && object->is_answer_newer) settle(*object);
  }
  return !newer_answers_.empty();
}

void Catalog::copy(const PageRecord& record, uint64_t journal_block) {
  DiskEntry* entry = find(record.object, record.at);
  const bool is_valid = entry != nullptr && entry->generation == record.generation &&
                        entry->journal_block == journal_block;
  if (!is_valid || purge(record)) return;
  if (keeps_ != nullptr) set_keep(*entry, keeps_(record));
  settle(*entry->object);
  const std::span<const std::byte> encoded = record.encoded;
  std::string copied(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  journal_.copy(*entry, with_answer(std::move(copied), recorded(*entry->object)));
}

void Catalog::copy(const AttributesRecord& record, uint64_t journal_block) {
  const StoredAttributes* stored = attributes_.find(record.id);
  if (stored == nullptr || record.fragment != 0 || stored->journal_block != journal_block) return;
  journal_.copy(*stored);
}

}  // namespace cachey::store
