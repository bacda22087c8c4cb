#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <vector>

#include "base/byte_range.h"
#include "store/disk/format.h"
#include "store/evictable.h"
#include "store/memory_tier.h"

namespace cachey::cache {

class Page;

/// A run of blocks of a page on disk, loaded into memory for a reader. If an evicted piece is
/// wanted again, that costs one disk read. Referenced by its page until its memory is gone or its
/// load has failed, by the memory tier once loaded, and by its readers. Keeps its page alive. Any
/// thread.
class Piece final : public store::Evictable {
 public:
  enum class State : uint8_t {
    kLoading,
    kLoaded,
    kNoMemory,  ///< no memory came in time
    kNotGiven,  ///< the disk does not give the bytes; the origin has them
  };

  /// `range`: in the page; begins at a block border, ends at one or at the page's end.
  Piece(Page& page, store::MemoryTier& memory, ByteRange range);
  ~Piece() override;

  [[nodiscard]] ByteRange range() const { return range_; }
  [[nodiscard]] State state() const { return state_.load(std::memory_order_acquire); }

  void on_evicted() noexcept override;

 private:
  /// The memory of its bookkeeping: the piece, its entry in the page's map, allocator overhead.
  static constexpr int64_t kBookkeepingBytes = 384;

  friend class Pieces;

  const boost::intrusive_ptr<Page> page_;
  store::MemoryTier& memory_;
  const ByteRange range_;
  std::atomic<State> state_{State::kLoading};  // written under the page's mutex
};

using PiecePtr = boost::intrusive_ptr<Piece>;

/// Whether a load takes more than the wanted bytes if it begins where the last one ended: then a
/// client reads the page range by range.
enum class LoadAhead : uint8_t { kNo, kIfInARow };

/// The pieces of a page that are loaded or loading. No two hold the same byte. Not synchronized:
/// the page's mutex guards all calls. Pieces that are taken out are destroyed by the caller, after
/// the lock is released.
class Pieces {
 public:
  /// The loaded piece that holds the byte, or null.
  [[nodiscard]] PiecePtr loaded_at(uint64_t offset) const;
  /// The piece that holds the byte, loaded or loading, or null.
  [[nodiscard]] PiecePtr piece_at(uint64_t offset) const;

  /// The range to load for a reader of `wanted`, in a page of `bytes`: whole blocks.
  [[nodiscard]] ByteRange to_load(ByteRange wanted, uint64_t bytes, LoadAhead ahead);
  /// The parts of `range` that are in no piece. Moves pieces whose memory is gone to `gone`.
  [[nodiscard]] std::vector<ByteRange> missing(ByteRange range, std::vector<PiecePtr>& gone);

  void add(PiecePtr piece);
  /// The load of `piece` has ended. A piece that is not loaded is taken out: returned, if it was
  /// still in.
  [[nodiscard]] PiecePtr end_load(Piece& piece, Piece::State state);
  [[nodiscard]] bool has(const Piece& piece) const;
  [[nodiscard]] PiecePtr take(const Piece& piece);
  [[nodiscard]] std::vector<PiecePtr> take_all();
  [[nodiscard]] std::vector<PiecePtr> all() const;

  [[nodiscard]] bool empty() const { return pieces_.empty(); }

  static constexpr uint64_t kBlockBytes = store::kDiskBlockBytes;
  /// One slab of the arena. No piece crosses a multiple of this.
  static constexpr uint64_t kPieceBytesMax = store::Arena::kSlabBytes;

 private:
  static constexpr unsigned kInARowMin = 2;  // loads in a row before more is loaded

  std::map<uint64_t, PiecePtr> pieces_;  // by the pieces' begins
  uint64_t last_end_ = 0;                // the end of the last to_load()
  unsigned in_a_row_ = 0;                // loads that began where the last one ended
  uint64_t ahead_ = 0;                   // bytes beyond `wanted` that the last load took
};

}  // namespace cachey::cache
