#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/byte_range.h"
#include "store/disk/format.h"
#include "store/evictable.h"
#include "store/memory_tier.h"

namespace cachey::cache {

class Page;

/// A run of blocks of a page that the disk holds, in memory because somebody asked for them. What
/// evicting it costs is one read of the disk. Referenced by its page until its memory goes, by the
/// memory tier once it is loaded, and by its readers. Keeps its page. Any thread.
class Piece final : public store::Evictable {
 public:
  /// `range` of the page: begins at a block, ends at one or at the page's end.
  Piece(Page& page, store::MemoryTier& memory, ByteRange range);
  ~Piece() override;

  [[nodiscard]] ByteRange range() const { return range_; }

  void on_evicted() noexcept override;

 private:
  /// What it costs beside its memory: itself, its place in the page's map, allocator overhead.
  static constexpr int64_t kBookkeepingBytes = 384;

  const boost::intrusive_ptr<Page> page_;
  store::MemoryTier& memory_;
  const ByteRange range_;
};

using PiecePtr = boost::intrusive_ptr<Piece>;

/// Whether more than what is wanted is loaded where loads follow each other: a client reads the
/// page range by range.
enum class LoadAhead : uint8_t { kNo, kIfInARow };

/// The pieces of a page, loaded and on their way; no two hold the same byte. Not synchronized: the
/// page's mutex guards it. What is taken out is let go by the caller, after the lock.
class Pieces {
 public:
  /// The piece that holds the byte, or null.
  [[nodiscard]] PiecePtr loaded_at(uint64_t offset) const;
  [[nodiscard]] bool loading_at(uint64_t offset) const;

  /// What to load for who wants `wanted`, of a page of `bytes`: whole blocks.
  [[nodiscard]] ByteRange to_load(ByteRange wanted, uint64_t bytes, LoadAhead ahead);
  /// What of `range` is in no piece. Takes out those whose memory is gone.
  [[nodiscard]] std::vector<ByteRange> missing(ByteRange range, std::vector<PiecePtr>& gone);

  void add(PiecePtr piece);
  /// Its bytes have come. False: it is not here any more.
  [[nodiscard]] bool set_loaded(const Piece& piece);
  [[nodiscard]] PiecePtr take(const Piece& piece);
  [[nodiscard]] std::vector<PiecePtr> take_all();

  [[nodiscard]] bool empty() const { return pieces_.empty(); }

  static constexpr uint64_t kBlockBytes = store::kDiskBlockBytes;
  /// No piece is longer, nor crosses a multiple of it: one slab of the arena.
  static constexpr uint64_t kPieceBytesMax = store::Arena::kSlabBytes;

 private:
  static constexpr unsigned kInARowMin = 2;  // before anything is read ahead

  struct Entry {
    PiecePtr piece;
    bool loaded = false;
  };
  using Map = std::map<uint64_t, Entry>;  // by where they begin
  [[nodiscard]] Map::const_iterator at(uint64_t offset) const;

  Map pieces_;
  uint64_t last_end_ = 0;  // of what was loaded last
  unsigned in_a_row_ = 0;  // loads that began where the one before ended
  uint64_t ahead_ = 0;     // how much further than wanted the last one went
};

}  // namespace cachey::cache
