#include "store/ghost_hits.h"

#include <bit>

#include "base/hash.h"

namespace cachey::store {
namespace {

constexpr uint64_t kEighths = 8;
/// Entries are forgotten once the tier has evicted this many times its bytes.
constexpr uint64_t kReach = GhostHits::kEighthsOfTier.back() / kEighths;

}  // namespace

/// By bits of the hash that a table by hash does not use: the highest ones, of a product.
bool GhostHits::is_sampled(uint64_t hash) const {
  return sample_bits_ == 0 || spread(hash) >> (64 - sample_bits_) == 0;
}

void GhostHits::evicted(uint64_t hash, uint64_t bytes, size_t entries, uint64_t tier_bytes) {
  // kReach times as many entries as the tier has are evicted until the oldest one is forgotten,
  // about; twice as many if they are small.
  const size_t wanted = 2 * kReach * entries / kTrackedMax;
  sample_bits_ = static_cast<unsigned>(std::bit_width(wanted));
  reach_.store(tier_bytes, std::memory_order_relaxed);
  evicted_ += bytes;
  forget_old(tier_bytes);
  if (!is_sampled(hash)) return;
  gone_[hash] = evicted_;
  order_.push_back(Gone{hash, evicted_});
}

void GhostHits::forget_old(uint64_t tier_bytes) {
  for (size_t i = 0; i < kForgottenAtOnce && !order_.empty(); ++i) {
    const Gone& oldest = order_.front();
    if (evicted_ - oldest.at <= kReach * tier_bytes && order_.size() < kTrackedMax) return;
    const auto found = gone_.find(oldest.hash);
    if (found != gone_.end() && found->second == oldest.at) gone_.erase(found);
    order_.pop_front();
  }
}

void GhostHits::came(uint64_t hash) {
  if (gone_.empty() || !is_sampled(hash)) return;
  const auto found = gone_.find(hash);
  if (found == gone_.end()) return;
  const uint64_t distance = evicted_ - found->second;
  gone_.erase(found);
  const uint64_t tier_bytes = reach_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < kEighthsOfTier.size(); ++i) {
    if (distance > tier_bytes / kEighths * kEighthsOfTier[i]) continue;
    hits_[i].fetch_add(uint64_t{1} << sample_bits_, std::memory_order_relaxed);
    return;
  }
}

}  // namespace cachey::store
