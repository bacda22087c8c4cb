#include "cache/piece.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "cache/page.h"

namespace cachey::cache {
namespace {

/// An odd constant of MurmurHash3's finalizer: spreads offsets over all bits.
constexpr uint64_t kOffsetSpread = 0xff51afd7ed558ccd;

/// Differs from the hashes of the page and of its other pieces.
uint64_t hash_of(const Page& page, ByteRange range) {
  return page.content_hash() ^ ((range.begin + 1) * kOffsetSpread);
}

}  // namespace

Piece::Piece(Page& page, store::MemoryTier& memory, ByteRange range)
    : store::Evictable(hash_of(page, range)), page_(&page), memory_(memory), range_(range) {
  memory_.charge(kBookkeepingBytes);
}

Piece::~Piece() { memory_.charge(-kBookkeepingBytes); }

void Piece::on_evicted() noexcept { page_->remove_piece(*this); }

Pieces::Map::const_iterator Pieces::at(uint64_t offset) const {
  const auto next = pieces_.upper_bound(offset);
  if (next == pieces_.begin()) return pieces_.end();
  const auto found = std::prev(next);
  return offset < found->second.piece->range().end ? found : pieces_.end();
}

PiecePtr Pieces::loaded_at(uint64_t offset) const {
  const auto found = at(offset);
  if (found == pieces_.end() || !found->second.loaded) return nullptr;
  return found->second.piece->memory_gone() ? nullptr : found->second.piece;
}

bool Pieces::loading_at(uint64_t offset) const {
  const auto found = at(offset);
  return found != pieces_.end() && !found->second.loaded;
}

ByteRange Pieces::to_load(ByteRange wanted, uint64_t bytes, LoadAhead ahead) {
  const uint64_t begin = wanted.begin / kBlockBytes * kBlockBytes;
  in_a_row_ = begin == last_end_ && begin > 0 ? in_a_row_ + 1 : 0;
  const bool goes_on = ahead == LoadAhead::kIfInARow && in_a_row_ >= kInARowMin;
  ahead_ =
      goes_on ? std::clamp(std::max(2 * ahead_, wanted.size()), kBlockBytes, kPieceBytesMax) : 0;
  const uint64_t end = (wanted.end + ahead_ + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  last_end_ = std::min(end, bytes);
  return {begin, last_end_};
}

std::vector<ByteRange> Pieces::missing(ByteRange range, std::vector<PiecePtr>& gone) {
  std::vector<ByteRange> gaps;
  uint64_t begin = range.begin;
  auto next = pieces_.upper_bound(range.begin);
  if (next != pieces_.begin()) --next;
  while (next != pieces_.end() && next->first < range.end) {
    Entry& entry = next->second;
    if (entry.loaded && entry.piece->memory_gone()) {
      gone.push_back(std::move(entry.piece));
      next = pieces_.erase(next);
      continue;
    }
    const ByteRange there = entry.piece->range();
    if (begin < there.begin) gaps.push_back(ByteRange{begin, there.begin});
    begin = std::max(begin, there.end);
    ++next;
  }
  if (begin < range.end) gaps.push_back(ByteRange{begin, range.end});
  return gaps;
}

void Pieces::add(PiecePtr piece) {
  const uint64_t begin = piece->range().begin;
  const bool added = pieces_.emplace(begin, Entry{std::move(piece)}).second;
  CHECK(added);
}

bool Pieces::set_loaded(const Piece& piece) {
  const auto found = pieces_.find(piece.range().begin);
  if (found == pieces_.end() || found->second.piece != &piece) return false;
  found->second.loaded = true;
  return true;
}

PiecePtr Pieces::take(const Piece& piece) {
  const auto found = pieces_.find(piece.range().begin);
  if (found == pieces_.end() || found->second.piece != &piece) return nullptr;
  PiecePtr taken = std::move(found->second.piece);
  pieces_.erase(found);
  return taken;
}

std::vector<PiecePtr> Pieces::take_all() {
  std::vector<PiecePtr> all;
  for (auto& [begin, entry] : std::exchange(pieces_, {})) all.push_back(std::move(entry.piece));
  return all;
}

}  // namespace cachey::cache
