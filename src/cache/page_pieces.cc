// The pieces in memory of a page on disk.

#include <algorithm>

#include "cache/page.h"
#include "cache/page_table.h"

namespace cachey::cache {

Page::Missing Page::add_missing(ByteRange wanted, LoadAhead ahead) {
  std::vector<PiecePtr> gone;  // destroyed after the lock is released
  Missing missing;
  const MutexLock lock(mutex_);
  if (phase_.load(std::memory_order_relaxed) != Phase::kOnDisk) return missing;
  if (!pieces_.missing(wanted, gone).empty()) {
    const ByteRange range = pieces_.to_load(wanted, disk_bytes_, ahead);
    for (const ByteRange& gap : pieces_.missing(range, gone)) add_pieces(gap, missing.added);
  }
  missing.first = pieces_.piece_at(wanted.begin);
  missing.first_is_added = std::ranges::find(missing.added, missing.first) != missing.added.end();
  return missing;
}

void Page::add_pieces(ByteRange gap, std::vector<PiecePtr>& added) {
  for (uint64_t begin = gap.begin; begin < gap.end;) {
    const uint64_t boundary = (begin / Pieces::kPieceBytesMax + 1) * Pieces::kPieceBytesMax;
    const ByteRange part{begin, std::min(boundary, gap.end)};
    added.emplace_back(new Piece(*this, memory_, part));
    added.back()->set_keep(keep());
    pieces_.add(added.back());
    begin = part.end;
  }
}

std::vector<PiecePtr> Page::pieces() const {
  const MutexLock lock(mutex_);
  return pieces_.all();
}

bool Page::end_load(Piece& piece, Piece::State state) {
  bool had = false;
  PiecePtr taken;  // destroyed after the lock is released
  {
    const MutexLock lock(mutex_);
    had = pieces_.has(piece);
    taken = pieces_.end_load(piece, state);
  }
  wake_settled();
  return had;
}

void Page::remove_piece(const Piece& piece) {
  PiecePtr taken;  // destroyed after the lock is released
  {
    const MutexLock lock(mutex_);
    taken = pieces_.take(piece);
  }
  table_.remove_if_idle(*this);
}

void Page::discard() {
  memory_.discard(*this);
  if (has_reader()) return;  // the last reader calls discard() again
  std::vector<PiecePtr> pieces;
  {
    const MutexLock lock(mutex_);
    pieces = pieces_.take_all();
  }
  for (const PiecePtr& piece : pieces) memory_.discard(*piece);
}

bool Page::idle() const {
  if (phase() != Phase::kOnDisk || has_reader()) return false;
  const MutexLock lock(mutex_);
  return pieces_.empty();
}

}  // namespace cachey::cache
