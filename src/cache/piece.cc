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

PiecePtr Pieces::piece_at(uint64_t offset) const {
  const auto next = pieces_.upper_bound(offset);
  if (next == pieces_.begin()) return nullptr;
  const PiecePtr& piece = std::prev(next)->second;
  return offset < piece->range().end ? piece : nullptr;
}

PiecePtr Pieces::loaded_at(uint64_t offset) const {
  PiecePtr piece = piece_at(offset);
  if (piece == nullptr || piece->state() != Piece::State::kLoaded || piece->memory_gone())
    return nullptr;
  return piece;
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
    PiecePtr& piece = next->second;
    if (piece->state() == Piece::State::kLoaded && piece->memory_gone()) {
      gone.push_back(std::move(piece));
      next = pieces_.erase(next);
      continue;
    }
    const ByteRange there = piece->range();
    if (begin < there.begin) gaps.push_back(ByteRange{begin, there.begin});
    begin = std::max(begin, there.end);
    ++next;
  }
  if (begin < range.end) gaps.push_back(ByteRange{begin, range.end});
  return gaps;
}

void Pieces::add(PiecePtr piece) {
  const uint64_t begin = piece->range().begin;
  const bool added = pieces_.emplace(begin, std::move(piece)).second;
  CHECK(added);
}

bool Pieces::has(const Piece& piece) const {
  const auto found = pieces_.find(piece.range().begin);
  return found != pieces_.end() && found->second == &piece;
}

PiecePtr Pieces::end_load(Piece& piece, Piece::State state) {
  piece.state_.store(state, std::memory_order_release);
  return state == Piece::State::kLoaded ? nullptr : take(piece);
}

PiecePtr Pieces::take(const Piece& piece) {
  if (!has(piece)) return nullptr;
  auto node = pieces_.extract(piece.range().begin);
  return std::move(node.mapped());
}

std::vector<PiecePtr> Pieces::all() const {
  std::vector<PiecePtr> all;
  for (const auto& [begin, piece] : pieces_) all.push_back(piece);
  return all;
}

std::vector<PiecePtr> Pieces::take_all() {
  std::vector<PiecePtr> all;
  for (auto& [begin, piece] : std::exchange(pieces_, {})) all.push_back(std::move(piece));
  return all;
}

}  // namespace cachey::cache
