// The records of the journal.

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "store/disk/codec.h"
#include "store/disk/format.h"

namespace cachey::store {
namespace {

enum RecordType : uint8_t {
  kPageWithoutAttributes = 1,  // of versions 2 and 3
  kRemoval = 2,
  kObjectRemoval = 3,
  kPage = 4,
  kAttributes = 5,
  kAnswer = 6,
};
constexpr size_t kRecordHeaderBytes = 4;
constexpr size_t kAttributesAt = 72;  // of a page record
constexpr size_t kPageHeaderBytes = 80;
constexpr size_t kLengthAt = 2;
constexpr size_t kLastModifiedAt = 40;
constexpr size_t kRemovalBytes = 32;
constexpr size_t kPartRemovalBytes = 34;
constexpr size_t kObjectRemovalBytes = 32;
constexpr size_t kAnswerBytes = 48;
constexpr size_t kExtentBytes = 8;
constexpr size_t kSumBytes = 8;
static_assert(2 * (kAttributesHeaderBytes + kAttributesFragmentBytes) == kJournalPayloadBytes);
static_assert(ObjectAttributes::kBytesMax < AttributesRecord::kTooLarge);

size_t record_bytes(const PageRecord& record, size_t extents) {
  return kPageHeaderBytes + extents * kExtentBytes + blocks_for(record.bytes) * kSumBytes +
         record.kind.size() + record.key.size() + record.bucket.size() + record.etag.size();
}

std::optional<PageRecord> parse_page(std::span<const std::byte> encoded) {
  if (encoded.size() < kAttributesAt) return std::nullopt;
  ByteReader reader(encoded.data());
  PageRecord record;
  record.encoded = encoded;
  const bool has_attributes = reader.get<uint8_t>() == kPage;
  const size_t header = has_attributes ? kPageHeaderBytes : kAttributesAt;
  if (encoded.size() < header) return std::nullopt;
  record.at.shape = reader.get<uint8_t>();
  (void)reader.get<uint16_t>();  // the length
  record.at.number = reader.get<uint32_t>();
  record.object = reader.get<ObjectId>();
  record.generation = reader.get<uint64_t>();
  record.object_size = reader.get<uint64_t>();
  record.last_modified = reader.get<int64_t>();
  record.cached_at = reader.get<int64_t>();
  record.bytes = reader.get<uint32_t>();
  record.extent_count = reader.get<uint16_t>();
  const size_t kind = reader.get<uint16_t>();
  const size_t key = reader.get<uint16_t>();
  const size_t bucket = reader.get<uint16_t>();
  const size_t etag = reader.get<uint16_t>();
  record.at.offset = reader.get<uint16_t>();
  if (has_attributes) record.attributes = reader.get<uint64_t>();
  if (!record.at.is_valid() || record.bytes == 0 || record.bytes > record.at.bytes_max() ||
      record.extent_count == 0 || record.extent_count > kExtentsMax ||
      record.object_size > kObjectBytesMax) {
    return std::nullopt;
  }
  const size_t tail = record.extent_count * kExtentBytes + blocks_for(record.bytes) * kSumBytes +
                      kind + key + bucket + etag;
  if (encoded.size() != header + tail) return std::nullopt;
  record.extents = reader.skip(record.extent_count * kExtentBytes);
  record.checksums = reader.skip(blocks_for(record.bytes) * kSumBytes);
  record.kind = reader.text(kind);
  record.key = reader.text(key);
  record.bucket = reader.text(bucket);
  record.etag = reader.text(etag);
  uint64_t units = 0;
  for (uint32_t i = 0; i < record.extent_count; ++i) {
    const DiskExtent extent = record.extent(i);
    const bool last = i + 1 == record.extent_count;
    if (extent.units == 0 || (!last && extent.units % kUnitsPerBlock != 0)) return std::nullopt;
    units += extent.units;
  }
  if (units != units_for(record.bytes)) return std::nullopt;
  return record;
}

size_t removal_bytes(const PageAt& at) { return at.is_part() ? kPartRemovalBytes : kRemovalBytes; }

std::optional<RemovalRecord> parse_removal(std::span<const std::byte> encoded) {
  ByteReader reader(encoded.data());
  RemovalRecord record;
  (void)reader.get<uint8_t>();  // the type
  record.at.shape = reader.get<uint8_t>();
  if (encoded.size() != removal_bytes(record.at)) return std::nullopt;
  (void)reader.get<uint16_t>();  // the length
  record.at.number = reader.get<uint32_t>();
  record.object = reader.get<ObjectId>();
  record.generation = reader.get<uint64_t>();
  if (record.at.is_part()) record.at.offset = reader.get<uint16_t>();
  if (!record.at.is_valid()) return std::nullopt;
  return record;
}

size_t fragment_bytes(size_t total, size_t fragment) {
  const size_t begin = fragment * kAttributesFragmentBytes;
  return std::min(total - std::min(total, begin), kAttributesFragmentBytes);
}

std::optional<AttributesRecord> parse_attributes(std::span<const std::byte> encoded) {
  if (encoded.size() < kAttributesHeaderBytes) return std::nullopt;
  ByteReader reader(encoded.data());
  AttributesRecord record;
  (void)reader.get<uint8_t>();  // the type
  record.fragment = reader.get<uint8_t>();
  (void)reader.get<uint16_t>();  // the length
  record.lines = reader.get<uint16_t>();
  record.total = reader.get<uint16_t>();
  record.id = reader.get<uint64_t>();
  const size_t text = record.is_too_large() ? 0 : record.total;
  if (record.id == 0 || record.lines > text || text > ObjectAttributes::kBytesMax ||
      record.fragment >= attributes_fragments(text) ||
      encoded.size() != kAttributesHeaderBytes + fragment_bytes(text, record.fragment)) {
    return std::nullopt;
  }
  record.text = reader.text(encoded.size() - kAttributesHeaderBytes);
  return record;
}

std::optional<AnswerRecord> parse_answer(std::span<const std::byte> encoded) {
  if (encoded.size() != kAnswerBytes) return std::nullopt;
  ByteReader reader(encoded.data() + kRecordHeaderBytes);
  AnswerRecord record;
  record.bucket = reader.get<uint32_t>();
  record.object = reader.get<ObjectId>();
  record.version = reader.get<uint64_t>();
  record.answer.last_modified = reader.get<int64_t>();
  record.answer.attributes = reader.get<uint64_t>();
  return record;
}

std::optional<ObjectRemovalRecord> parse_object_removal(std::span<const std::byte> encoded) {
  if (encoded.size() != kObjectRemovalBytes) return std::nullopt;
  ByteReader reader(encoded.data() + kRecordHeaderBytes);
  ObjectRemovalRecord record;
  record.bucket = reader.get<uint32_t>();
  record.object = reader.get<ObjectId>();
  record.generation = reader.get<uint64_t>();
  return record;
}

/// The record that `encoded` is, as one of the alternatives.
template <typename Record>
std::optional<JournalRecord> alternative(std::optional<Record> record) {
  if (!record) return std::nullopt;
  return JournalRecord(*std::move(record));
}

std::optional<JournalRecord> parse_record(uint8_t type, std::span<const std::byte> encoded) {
  switch (type) {
    case kPageWithoutAttributes:
    case kPage:
      return alternative(parse_page(encoded));
    case kRemoval:
      return alternative(parse_removal(encoded));
    case kObjectRemoval:
      return alternative(parse_object_removal(encoded));
    case kAttributes:
      return alternative(parse_attributes(encoded));
    case kAnswer:
      return alternative(parse_answer(encoded));
    default:
      return std::nullopt;
  }
}

}  // namespace

DiskExtent PageRecord::extent(uint32_t index) const {
  return ByteReader(extents + index * kExtentBytes).get<DiskExtent>();
}

uint64_t PageRecord::block_sum(uint32_t block) const {
  return ByteReader(checksums + block * kSumBytes).get<uint64_t>();
}

bool fits_journal(const PageRecord& record) {
  return record_bytes(record, kExtentsMax) <= kJournalPayloadBytes;
}

std::string encode_page_record(const PageRecord& record, std::span<const DiskExtent> extents,
                               std::span<const uint64_t> checksums) {
  CHECK(extents.size() <= kExtentsMax && checksums.size() == blocks_for(record.bytes));
  const size_t size = record_bytes(record, extents.size());
  std::string text;
  text.reserve(size);
  ByteWriter writer(text);
  writer.put(kPage);
  writer.put(record.at.shape);
  writer.put(static_cast<uint16_t>(size));
  writer.put(record.at.number);
  writer.put(record.object);
  writer.put(record.generation);
  writer.put(record.object_size);
  writer.put(record.last_modified);
  writer.put(record.cached_at);
  writer.put(record.bytes);
  writer.put(static_cast<uint16_t>(extents.size()));
  writer.put(static_cast<uint16_t>(record.kind.size()));
  writer.put(static_cast<uint16_t>(record.key.size()));
  writer.put(static_cast<uint16_t>(record.bucket.size()));
  writer.put(static_cast<uint16_t>(record.etag.size()));
  writer.put(record.at.offset);
  writer.put(record.attributes);
  for (const DiskExtent& extent : extents) writer.put(extent);
  for (const uint64_t sum : checksums) writer.put(sum);
  writer.text(record.kind);
  writer.text(record.key);
  writer.text(record.bucket);
  writer.text(record.etag);
  CHECK(text.size() == size);
  return text;
}

std::string encode_removal_record(const RemovalRecord& record) {
  std::string text;
  ByteWriter writer(text);
  writer.put(kRemoval);
  writer.put(record.at.shape);
  writer.put(static_cast<uint16_t>(removal_bytes(record.at)));
  writer.put(record.at.number);
  writer.put(record.object);
  writer.put(record.generation);
  if (record.at.is_part()) writer.put(record.at.offset);
  CHECK(text.size() == removal_bytes(record.at));
  return text;
}

uint32_t bucket_sum(std::string_view bucket) {
  return static_cast<uint32_t>(checksum(std::as_bytes(std::span(bucket)), 0));
}

std::string encode_object_removal_record(const ObjectRemovalRecord& record) {
  std::string text;
  ByteWriter writer(text);
  writer.put(kObjectRemoval);
  writer.put(uint8_t{0});
  writer.put(static_cast<uint16_t>(kObjectRemovalBytes));
  writer.put(record.bucket);
  writer.put(record.object);
  writer.put(record.generation);
  CHECK(text.size() == kObjectRemovalBytes);
  return text;
}

uint64_t version_sum(const ObjectInfo& info) {
  std::string text;
  ByteWriter writer(text);
  writer.put(info.size);
  writer.put(info.strong_tag().empty() ? info.last_modified : int64_t{0});
  writer.text(info.etag);
  return checksum(std::as_bytes(std::span(text)), 0);
}

std::string with_answer(std::string page, const RecordedAnswer& answer) {
  const auto put = [&page](size_t at, auto value) {
    std::memcpy(page.data() + at, &value, sizeof value);
  };
  CHECK(page.size() >= kAttributesAt);
  if (page[0] == kPageWithoutAttributes) {
    const size_t size = page.size() + sizeof answer.attributes;
    if (answer.attributes == 0 || size > kJournalPayloadBytes) return page;
    page.insert(kAttributesAt, sizeof answer.attributes, '\0');
    put(0, kPage);
    put(kLengthAt, static_cast<uint16_t>(size));
  }
  put(kLastModifiedAt, answer.last_modified);
  put(kAttributesAt, answer.attributes);
  return page;
}

std::string encode_attributes_record(const AttributesRecord& record) {
  std::string text;
  ByteWriter writer(text);
  writer.put(kAttributes);
  writer.put(record.fragment);
  writer.put(static_cast<uint16_t>(kAttributesHeaderBytes + record.text.size()));
  writer.put(record.lines);
  writer.put(record.total);
  writer.put(record.id);
  writer.text(record.text);
  return text;
}

std::vector<std::string> encode_attributes(uint64_t id, const ObjectAttributes& attributes) {
  std::string text(attributes.lines());
  text += attributes.checksum_lines();
  CHECK(text.size() <= ObjectAttributes::kBytesMax);
  AttributesRecord record;
  record.id = id;
  record.lines = static_cast<uint16_t>(attributes.lines().size());
  record.total =
      attributes.too_large() ? AttributesRecord::kTooLarge : static_cast<uint16_t>(text.size());
  std::vector<std::string> records;
  for (size_t i = 0; i < attributes_fragments(text.size()); ++i) {
    record.fragment = static_cast<uint8_t>(i);
    record.text =
        std::string_view(text).substr(i * kAttributesFragmentBytes, kAttributesFragmentBytes);
    records.push_back(encode_attributes_record(record));
  }
  return records;
}

std::string encode_answer_record(const AnswerRecord& record) {
  std::string text;
  ByteWriter writer(text);
  writer.put(kAnswer);
  writer.put(uint8_t{0});
  writer.put(static_cast<uint16_t>(kAnswerBytes));
  writer.put(record.bucket);
  writer.put(record.object);
  writer.put(record.version);
  writer.put(record.answer.last_modified);
  writer.put(record.answer.attributes);
  CHECK(text.size() == kAnswerBytes);
  return text;
}

std::optional<JournalRecord> RecordReader::next() {
  if (left_.size() < kRecordHeaderBytes) return std::nullopt;
  ByteReader reader(left_.data());
  const auto type = reader.get<uint8_t>();
  (void)reader.get<uint8_t>();  // reserved, or of the type
  const size_t length = reader.get<uint16_t>();
  if (length < kRecordHeaderBytes || length > left_.size()) return std::nullopt;
  std::optional<JournalRecord> record = parse_record(type, left_.first(length));
  left_ = record ? left_.subspan(length) : std::span<const std::byte>();
  return record;
}

}  // namespace cachey::store
