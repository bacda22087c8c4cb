// How the catalog finds and bounds the parts of pages.

#include <algorithm>

#include "store/disk/catalog.h"

namespace cachey::store {
namespace {

constexpr uint64_t kBlock = PageAt::kPartBlockBytes;

/// The block of the object that has the byte, for parts of pages of that size.
PageAt block_at(uint64_t position, unsigned exponent) {
  return PageAt::part(position - position % kBlock, exponent);
}

}  // namespace

template <typename Visit>
void Catalog::each_part(const ObjectId& object, PageAt at, const Visit& visit) const {
  (void)pages_.find(PageTraits::hash(object, at), [&](DiskEntry& entry) {
    const bool is_of_block = entry.at.group() == at.group() && entry.object->id == object &&
                             entry.object->state == DiskObject::State::kCurrent;
    if (is_of_block) visit(entry);
    return false;
  });
}

bool Catalog::has_parts(const ObjectId& object) const {
  return parts_ > 0 &&
         find_if(object, [](const DiskObject& of) { return of.parts > 0; }) != nullptr;
}

void Catalog::find_parts(const ObjectId& object, unsigned exponent, ByteRange range,
                         std::vector<DiskEntry*>& out) const {
  if (!has_parts(object)) return;
  const uint64_t border = PageAt::part_border(exponent);
  for (uint64_t at = range.begin - range.begin % border; at < range.end; at += kBlock) {
    each_part(object, block_at(at, exponent), [&](DiskEntry& part) {
      const ByteRange has = part.at.range(part.bytes);
      if (has.begin < range.end && range.begin < has.end) out.push_back(&part);
    });
  }
}

template <typename Matches>
bool Catalog::any_has_bytes(const ObjectId& object, PageAt part, uint64_t bytes,
                            const Matches& matches) const {
  const auto has = [&](const DiskEntry& entry) {
    return entry.at.has(entry.bytes, part, bytes) && matches(entry);
  };
  const DiskEntry* page = find(object, part.whole());
  if (page != nullptr && has(*page)) return true;
  std::vector<DiskEntry*> parts;
  const uint64_t first = part.begin();
  find_parts(object, part.exponent(), ByteRange{first, first + 1}, parts);
  return std::ranges::any_of(parts, [&has](const DiskEntry* entry) { return has(*entry); });
}

bool Catalog::has_bytes(const ObjectId& object, PageAt part, uint64_t bytes,
                        const ObjectSource& source) const {
  return any_has_bytes(object, part, bytes, [&](const DiskEntry& entry) {
    return !is_avoided(entry) && entry.object->source->same_version(source);
  });
}

bool Catalog::has_many_parts(const ObjectId& object, PageAt part, uint64_t bytes) const {
  size_t others = 0;
  each_part(object, part, [&](const DiskEntry& other) {
    if (other.at != part && !part.has(bytes, other.at, other.bytes)) ++others;
  });
  return others >= kPartsMax;
}

void Catalog::find_older_parts(PageAt at, const DiskEntry& than,
                               std::vector<DiskEntry*>& out) const {
  each_part(than.object->id, at, [&](DiskEntry& part) {
    if (part.generation < than.generation && than.at.has(than.bytes, part.at, part.bytes)) {
      out.push_back(&part);
    }
  });
}

bool Catalog::remove_parts_under(const DiskEntry& entry, PartSweep& sweep) {
  const ObjectId& object = entry.object->id;
  const bool is_current = entry.object->state == DiskObject::State::kCurrent;
  if (entry.listed == 0 || !is_current || !has_parts(object)) return false;
  int removals = 0;
  std::vector<DiskEntry*> parts;
  const uint64_t blocks = blocks_for(entry.at.offset + uint64_t{entry.bytes});
  for (uint64_t looked = 0; sweep.next < blocks; ++sweep.next, ++looked) {
    if (looked == kStepBlocks || removals + kPartsMax > kStepRemovals) return true;
    const uint64_t at = entry.at.begin() + sweep.next * kBlock;
    parts.clear();
    find_older_parts(block_at(at, entry.at.exponent()), entry, parts);
    for (DiskEntry* part : parts) remove(*part);
    removals += static_cast<int>(parts.size());
  }
  return false;
}

/// A newer entry has the bytes of the restored part, because the process died before the part was
/// removed; or the part is one too many, in a store that no tier has written.
bool Catalog::is_needless(const ObjectId& object, const DiskEntry& part) const {
  return has_many_parts(object, part.at, part.bytes) ||
         any_has_bytes(object, part.at, part.bytes, [&part](const DiskEntry& entry) {
           return entry.generation > part.generation;
         });
}

/// Forgets the older parts whose bytes the restored entry has.
void Catalog::drop_restored_parts(const DiskEntry& entry) {
  if (!has_parts(entry.object->id)) return;
  std::vector<DiskEntry*> older;
  const uint64_t blocks = blocks_for(entry.at.offset + uint64_t{entry.bytes});
  for (uint64_t block = 0; block < blocks; ++block) {
    find_older_parts(block_at(entry.at.begin() + block * kBlock, entry.at.exponent()), entry,
                     older);
  }
  for (DiskEntry* part : older) drop_restored(*part);
}

}  // namespace cachey::store
