#include "base/attributes_pool.h"

#include <xxhash.h>

#include <random>

namespace cachey {
namespace {

/// Buckets that one call sweeps. With two, a round over n buckets is over after n/2 calls, which
/// add fewer entries than the round has visited.
constexpr int kSweptBuckets = 2;
/// A table with fewer entries than 1/kSparse of its buckets shrinks at the end of a round.
constexpr size_t kSparse = 8;

// A secret seed: the owners of objects choose the texts, and must not be able to choose collisions.
uint64_t secret_seed() {
  std::random_device random;
  return (uint64_t{random()} << 32) | random();
}

uint64_t hash_of(const ObjectAttributes& attributes, uint64_t seed) {
  const auto hash = [](std::string_view text, uint64_t from) {
    return XXH3_64bits_withSeed(text.data(), text.size(), from);
  };
  const uint64_t flags =
      (attributes.too_large() ? 1u : 0u) | (attributes.tells_checksums() ? 2u : 0u);
  return hash(attributes.checksum_lines(), hash(attributes.lines(), seed ^ flags));
}

}  // namespace

AttributesPool::AttributesPool() : seed_(secret_seed()) {}

ObjectAttributesPtr AttributesPool::intern(const ObjectAttributes& attributes) {
  const uint64_t hash = hash_of(attributes, seed_);
  return shards_[hash % kShards].intern(attributes, hash / kShards);
}

size_t AttributesPool::entries() const {
  size_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.entries();
  return sum;
}

ObjectAttributesPtr AttributesPool::Shard::intern(const ObjectAttributes& attributes,
                                                  uint64_t hash) {
  ObjectAttributesPtr block;  // dies after the lock
  const MutexLock lock(mutex_);
  sweep();
  std::weak_ptr<const ObjectAttributes>& known = blocks_[hash];
  block = known.lock();
  if (block != nullptr && *block == attributes) return block;
  // A copy has no room to spare; the text that came may have as much again.
  auto made = std::make_shared<const ObjectAttributes>(attributes);
  if (block == nullptr) known = made;
  return made;
}

size_t AttributesPool::Shard::entries() const {
  const MutexLock lock(mutex_);
  return blocks_.size();
}

void AttributesPool::Shard::sweep() {
  for (int i = 0; i < kSweptBuckets; ++i) {
    if (swept_to_ >= blocks_.bucket_count()) {
      swept_to_ = 0;
      if (blocks_.size() < blocks_.bucket_count() / kSparse) blocks_.rehash(0);
    }
    if (blocks_.bucket_size(swept_to_) == 0) {
      ++swept_to_;
      continue;
    }
    for (auto entry = blocks_.begin(swept_to_); entry != blocks_.end(swept_to_);) {
      const uint64_t hash = entry->first;
      const bool dead = entry->second.expired();
      ++entry;
      if (dead) blocks_.erase(hash);
    }
    ++swept_to_;
  }
}

}  // namespace cachey
