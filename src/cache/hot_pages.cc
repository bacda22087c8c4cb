#include "cache/hot_pages.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"

namespace cachey::cache {

HotPages::~HotPages() {
  for (Entry& entry : entries_) {
    CHECK(entry.readers_ == 0);
    forget(entry);
  }
}

HotPages::Entry* HotPages::find(KeyView key, uint64_t key_hash, uint32_t index) {
  const uint64_t hash = page_hash(key_hash, index);
  Entry& entry = entry_of(hash);
  if (entry.page_ == nullptr || entry.hash_ != hash) return nullptr;
  Page& page = *entry.page_;
  if (page.unwanted() || page.index() != index || page.key() != key) return nullptr;
  if (!entry.pinned_) return nullptr;
  entry.hit_ = true;
  return &entry;
}

void HotPages::note(Page& page, uint64_t key_hash, MonoTime now) {
  if (page.memory_bytes() > kBytesMax) return;
  const uint64_t hash = page_hash(key_hash, page.index());
  Entry& entry = entry_of(hash);
  if (entry.page_ != nullptr) return;
  if (entry.hash_ != hash || now - entry.seen_at_ > kHotWithin) {
    entry.hash_ = hash;
    entry.seen_at_ = now;
    return;
  }
  if (!page.try_pin()) return;
  page.reading_began(now);
  entry.page_ = &page;
  entry.pinned_ = true;
  entry.hit_ = true;
  if (!timer_.armed()) worker_.timers().arm_after(timer_, kPinnedFor);
}

void HotPages::end_reading(Entry& entry) {
  --entry.readers_;
  if (entry.readers_ == 0 && !entry.pinned_) forget(entry);
}

void HotPages::look() {
  bool pinned = false;
  for (Entry& entry : entries_) {
    if (!entry.pinned_) continue;
    if (std::exchange(entry.hit_, false) && !entry.page_->unwanted()) {
      pinned = true;
    } else {
      unpin(entry);
      if (entry.readers_ == 0) forget(entry);
    }
  }
  if (pinned) worker_.timers().arm_after(timer_, kPinnedFor);
}

void HotPages::unpin(Entry& entry) {
  if (std::exchange(entry.pinned_, false)) entry.page_->unpin();
}

void HotPages::forget(Entry& entry) {
  if (entry.page_ == nullptr) return;
  unpin(entry);
  const PagePtr page = std::exchange(entry.page_, nullptr);
  if (page->reading_ended()) page->discard();
}

size_t HotPages::size() const {
  return static_cast<size_t>(
      std::ranges::count_if(entries_, [](const Entry& entry) { return entry.page_ != nullptr; }));
}

}  // namespace cachey::cache
