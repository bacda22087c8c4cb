#include "store/disk/journal.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "base/check.h"

namespace cachey::store {
namespace {

constexpr size_t kSegmentsMin = 2;     // never cleaned for their number
constexpr uint64_t kLogToLive = 2;     // the log is cleaned past this ratio to its valid records
constexpr size_t kSegmentsSpared = 8;  // of the superblock's list, for cleaning

/// Memory notes the block of such a record.
bool is_looked_up(const JournalRecord& record) {
  return std::holds_alternative<PageRecord>(record) ||
         std::holds_alternative<AttributesRecord>(record);
}

/// The place in memory that notes the record's block. Null: what the record tells of is gone.
uint64_t* noted_block(const JournalRecord& record, const Journal::Find& find) {
  if (const auto* page = std::get_if<PageRecord>(&record)) {
    DiskEntry* entry = find.page(page->object, page->at);
    const bool is_valid = entry != nullptr && entry->generation == page->generation;
    return is_valid ? &entry->journal_block : nullptr;
  }
  const auto* definition = std::get_if<AttributesRecord>(&record);
  StoredAttributes* stored = definition != nullptr ? find.attributes(definition->id) : nullptr;
  return stored != nullptr ? &stored->journal_block : nullptr;
}

/// The block of the first record of a text is noted.
bool is_first(const JournalRecord& record) {
  const auto* definition = std::get_if<AttributesRecord>(&record);
  return definition == nullptr || definition->fragment == 0;
}

}  // namespace

void Journal::append(std::string_view record) {
  ++appended_;
  pending_.push(record);
}

void Journal::put(DiskEntry& entry, std::string record) {
  entry.record_bytes = static_cast<uint16_t>(record.size());
  live_bytes_ += packed_bytes(record.size());
  if (entry.kept != 0) keep(entry);
  append(record);
}

void Journal::removed(const DiskEntry& entry) {
  live_bytes_ -= packed_bytes(entry.record_bytes);
  if (entry.journal_block == DiskEntry::kNoJournalBlock)
    return;  // next_batch() leaves its record out
  append(encode_removal_record(RemovalRecord{entry.object->id, entry.at, entry.generation}));
}

void Journal::object_removed(const ObjectId& object, std::string_view bucket, uint64_t generation) {
  append(encode_object_removal_record(ObjectRemovalRecord{object, generation, bucket_sum(bucket)}));
}

void Journal::copy(DiskEntry& entry, std::string_view record) {
  live_bytes_ -= packed_bytes(entry.record_bytes);
  if (entry.kept != 0) unkeep(entry);
  entry.record_bytes = static_cast<uint16_t>(record.size());
  live_bytes_ += packed_bytes(record.size());
  if (entry.kept != 0) keep(entry);
  append(record);
}

void Journal::define(const StoredAttributes& attributes) {
  live_bytes_ += packed_bytes(attributes);
  copy(attributes);
}

void Journal::copy(const StoredAttributes& attributes) {
  for (const std::string& record : encode_attributes(attributes.id, *attributes.text)) {
    append(record);
  }
}

uint64_t Journal::packed_bytes(const StoredAttributes& attributes) {
  return attributes_fragments(attributes.text_bytes) *
         packed_bytes(attributes_record_bytes(attributes.text_bytes));
}

uint64_t Journal::room_in_last() const {
  if (segments_.empty() || segments_.back().life != life_.life) return 0;
  const uint64_t end = segments_.back().first_block + segments_.back().blocks;
  return end > next_block_ ? end - next_block_ : 0;
}

uint64_t Journal::offset_of(uint64_t block) const {
  const JournalSegment& last = segments_.back();
  return last.first_unit * kUnitBytes + (block - last.first_block) * kJournalBlockBytes;
}

JournalSegment Journal::next_segment(uint32_t first_unit) const {
  return JournalSegment{first_unit, blocks_per_segment(), next_block_, life_.life};
}

void Journal::begin_segment(uint32_t first_unit) {
  CHECK(room_in_last() == 0);
  segments_.push_back(next_segment(first_unit));
}

void Journal::abandon_segment(const Batch& batch) {
  JournalSegment& last = segments_.back();
  CHECK(batch.first_block >= last.first_block);
  last.blocks = static_cast<uint32_t>(batch.first_block - last.first_block);
  next_block_ = last.first_block + blocks_per_segment();
  clean_before_ = last.first_block + 1;
}

std::optional<Journal::Batch> Journal::next_batch(const Find& find, Batch into) {
  const uint64_t blocks_max = std::min<uint64_t>(kBatchBlocks, room_in_last());
  if (pending_.empty() || blocks_max == 0) return std::nullopt;
  Batch batch = std::move(into);
  batch.last_record = flushed_;
  batch.first_block = next_block_;
  batch.offset = offset_of(next_block_);
  size_t used = 0;  // bytes of the current block
  uint64_t block = 0;
  auto current = [&] {
    return batch.blocks.bytes().subspan(block * kJournalBlockBytes, kJournalBlockBytes);
  };
  size_t looks = 0;
  for (size_t records = 0; !pending_.empty() && records < kBatchRecords; ++records) {
    const std::span<const std::byte> next = pending_.front();
    if (used + next.size() > kJournalPayloadBytes) {
      if (block + 1 == blocks_max) break;
      seal_journal_block(current(), life_, next_block_ + block, used);
      ++block;
      used = 0;
    }
    const std::optional<JournalRecord> record = RecordReader(next).next();
    CHECK(record);
    const bool look = is_looked_up(*record);
    if (look && ++looks > kBatchPages) break;
    uint64_t* const noted = look ? noted_block(*record, find) : nullptr;
    const bool is_needless = noted == nullptr && std::holds_alternative<PageRecord>(*record);
    if (!is_needless) {
      std::memcpy(current().data() + kJournalHeaderBytes + used, next.data(), next.size());
      used += next.size();
      if (noted != nullptr && is_first(*record)) *noted = next_block_ + block;
    }
    ++batch.last_record;
    pending_.pop();
  }
  if (used > 0) seal_journal_block(current(), life_, next_block_ + block++, used);
  next_block_ += block;
  batch.blocks.shrink(block * kJournalBlockBytes);
  return batch;
}

Journal::Batch Journal::moved(const Batch& batch, const Find& find) {
  const uint64_t blocks = batch.blocks.bytes().size() / kJournalBlockBytes;
  CHECK(blocks <= room_in_last());
  Batch copy(batch.blocks.bytes().size());
  copy.last_record = batch.last_record;
  copy.first_block = next_block_;
  copy.offset = offset_of(next_block_);
  std::ranges::copy(batch.blocks.bytes(), copy.blocks.bytes().begin());
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t before = batch.first_block + i;
    const std::span<std::byte> block =
        copy.blocks.bytes().subspan(i * kJournalBlockBytes, kJournalBlockBytes);
    const auto records = open_journal_block(block, life_, before);
    CHECK(records);
    RecordReader reader(*records);
    while (const std::optional<JournalRecord> record = reader.next()) {
      uint64_t* const noted = noted_block(*record, find);
      if (noted != nullptr && *noted == before && is_first(*record)) *noted = next_block_ + i;
    }
    seal_journal_block(block, life_, next_block_ + i, records->size());
  }
  next_block_ += blocks;
  return copy;
}

bool Journal::wants_cleaning() const {
  if (has_bad_segment()) return true;
  if (segments_.size() <= kSegmentsMin) return false;
  const uint64_t segment_bytes = segment_units_ * kUnitBytes;
  return segments_.size() * segment_bytes > kLogToLive * live_bytes_ + kSegmentsMin * segment_bytes;
}

bool Journal::is_full() const {
  return kLogToLive * live_bytes_ > (kSegmentsMax - kSegmentsSpared) * segment_units_ * kUnitBytes;
}

uint64_t Journal::half_of_live_max() const {
  return (kSegmentsMax - kSegmentsSpared) * segment_units_ * kUnitBytes / kLogToLive / 2;
}

void Journal::restore_segments(const std::vector<JournalSegment>& segments, uint64_t clean_before) {
  segments_.assign(segments.begin(), segments.end());
  clean_before_ = clean_before;
  next_block_ = clean_before;
  for (const JournalSegment& segment : segments) {
    next_block_ = std::max(next_block_, segment.first_block + blocks_per_segment());
  }
  written_end_ = next_block_;
}

}  // namespace cachey::store
