#include "store/disk/journal.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace cachey::store {
namespace {

constexpr size_t kSegmentsMin = 2;     // never cleaned
constexpr uint64_t kLogToLive = 2;     // the log is cleaned past this ratio to its valid records
constexpr size_t kSegmentsSpared = 8;  // of the superblock's list, for cleaning

}  // namespace

void Journal::put(DiskEntry& entry, std::string record) {
  entry.record_bytes = static_cast<uint16_t>(record.size());
  live_bytes_ += packed_bytes(record.size());
  ++appended_;
  pending_.push_back(
      {Pending::Kind::kPage, entry.object->id, entry.page, entry.generation, std::move(record)});
}

void Journal::removed(const DiskEntry& entry) {
  live_bytes_ -= packed_bytes(entry.record_bytes);
  if (entry.journal_block == DiskEntry::kNoJournalBlock)
    return;  // next_batch() leaves its record out
  ++appended_;
  pending_.push_back(
      {Pending::Kind::kRemoval, entry.object->id, entry.page, entry.generation,
       encode_removal_record(RemovalRecord{entry.object->id, entry.page, entry.generation})});
}

void Journal::object_removed(const ObjectId& object, uint64_t generation) {
  ++appended_;
  pending_.push_back({Pending::Kind::kRemoval, object, 0, generation,
                      encode_object_removal_record(ObjectRemovalRecord{object, generation})});
}

void Journal::copy(DiskEntry& entry, const PageRecord& record, uint64_t number) {
  if (entry.generation != record.generation || entry.journal_block != number) return;
  ++appended_;
  pending_.push_back(
      {Pending::Kind::kPage, entry.object->id, entry.page, entry.generation,
       std::string(reinterpret_cast<const char*>(record.encoded.data()), record.encoded.size())});
}

uint64_t Journal::room_in_last() const {
  if (segments_.empty()) return 0;
  return segments_.back().first_block + blocks_per_segment() - next_block_;
}

void Journal::begin_segment(uint32_t first_unit) {
  CHECK(room_in_last() == 0);
  segments_.push_back(JournalSegment{first_unit, next_block_});
}

std::optional<Journal::Batch> Journal::next_batch(const Find& find) {
  const uint64_t blocks_max = std::min<uint64_t>(kBatchBlocks, room_in_last());
  if (pending_.empty() || blocks_max == 0) return std::nullopt;
  Batch batch(blocks_max * kJournalBlockBytes);
  batch.last_record = flushed_;
  const JournalSegment& last = segments_.back();
  batch.offset =
      last.first_unit * kUnitBytes + (next_block_ - last.first_block) * kJournalBlockBytes;
  size_t used = 0;  // bytes of the current block
  uint64_t block = 0;
  auto current = [&] {
    return batch.blocks.bytes().subspan(block * kJournalBlockBytes, kJournalBlockBytes);
  };
  while (!pending_.empty()) {
    const Pending& next = pending_.front();
    if (used + next.record.size() > kJournalPayloadBytes) {
      if (block + 1 == blocks_max) break;
      seal_journal_block(current(), store_id_, next_block_ + block, used);
      ++block;
      used = 0;
    }
    const bool is_page = next.kind == Pending::Kind::kPage;
    DiskEntry* entry = is_page ? find(next.object, next.page) : nullptr;
    const bool counts = !is_page || (entry != nullptr && entry->generation == next.generation);
    if (counts) {
      std::memcpy(current().data() + kJournalHeaderBytes + used, next.record.data(),
                  next.record.size());
      used += next.record.size();
      if (entry != nullptr) entry->journal_block = next_block_ + block;
    }
    ++batch.last_record;
    pending_.pop_front();
  }
  seal_journal_block(current(), store_id_, next_block_ + block, used);
  next_block_ += block + 1;
  batch.blocks.shrink((block + 1) * kJournalBlockBytes);
  return batch;
}

bool Journal::wants_cleaning() const {
  if (segments_.size() <= kSegmentsMin) return false;
  const uint64_t segment_bytes = segment_units_ * kUnitBytes;
  return segments_.size() * segment_bytes > kLogToLive * live_bytes_ + kSegmentsMin * segment_bytes;
}

bool Journal::is_full() const {
  return kLogToLive * live_bytes_ > (kSegmentsMax - kSegmentsSpared) * segment_units_ * kUnitBytes;
}

void Journal::restore_segments(const std::vector<JournalSegment>& segments, uint64_t next_block) {
  segments_.assign(segments.begin(), segments.end());
  next_block_ = next_block;
}

}  // namespace cachey::store
