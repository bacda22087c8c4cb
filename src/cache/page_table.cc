#include "cache/page_table.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace cachey::cache {

namespace {

/// The version is its bucket's from now on.
bool is_accepted(VersionVerdict verdict) {
  return verdict == VersionVerdict::kTaken || verdict == VersionVerdict::kReplaced;
}

}  // namespace

PageTable::~PageTable() {
  // A page's destructor needs the memory tier, but not the table.
  std::vector<PagePtr> pages;
  for (Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    std::ranges::move(shard.objects.take_all(), std::back_inserter(pages));
    std::ranges::move(shard.looks, std::back_inserter(pages));
  }
  for (const PagePtr& page : pages) page->discard();  // because pieces keep their page alive
}

PageTable::Found PageTable::find_or_create(const FetchSpecPtr& spec, uint32_t index,
                                           FillOrder order) {
  const KeyView key = spec->key.view();
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  PagePtr replaced;  // destroyed after the lock is released
  PagePtr made;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(key, hash);
    Page* const there = object == nullptr ? nullptr : object->find(index);
    if (there != nullptr && !there->memory_gone()) return Found{there, false};
    if (object == nullptr) object = &shard.objects.add(key, hash);
    const uint64_t content_hash = page_hash(hash, index);
    made.reset(new Page(*this, memory_, object->key, index, content_hash, spec, order));
    replaced = object->put(made);
  }
  settle_keep(*made);
  return Found{made, true};
}

void PageTable::settle_keep(Page& page) const {
  if (pins_ == nullptr) return;
  const KeyView key = page.key();
  pins_->settle(key.kind, key.object, [&page](bool keep) { page.set_keep(keep); });
}

PageTable::Found PageTable::look(const FetchSpecPtr& spec) { return question(spec, 0); }

PageTable::Found PageTable::tail(const FetchSpecPtr& spec, uint64_t bytes) {
  return question(spec, bytes);
}

/// `tail_bytes` 0: a look.
PageTable::Found PageTable::question(const FetchSpecPtr& spec, uint64_t tail_bytes) {
  const KeyView key = spec->key.view();
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  for (const PagePtr& one : shard.looks) {
    if (one->key() != key || one->is_part() != (tail_bytes != 0)) continue;
    if (one->for_own_buckets() != spec->wishes.own_buckets) continue;
    if (!one->is_part() || one->bytes_max() == tail_bytes) return Found{one, false};
  }
  SharedKey::Ptr own_key = SharedKey::make(key);
  const uint64_t content_hash = page_hash(hash, 0);
  const PagePtr made(tail_bytes == 0 ? new Page(*this, memory_, std::move(own_key), 0, content_hash,
                                                spec, FillOrder::kFromBegin)
                                     : new Page(*this, memory_, std::move(own_key), 0, content_hash,
                                                spec, {0, tail_bytes}));
  shard.looks.push_back(made);
  return Found{made, true};
}

void PageTable::prefetch(uint64_t hash) { shard_of(hash).objects.prefetch(hash); }

PagePtr PageTable::find(KeyView key, uint64_t hash, uint32_t index) {
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  Page* const page = object == nullptr ? nullptr : object->find(index);
  return page == nullptr || page->memory_gone() ? nullptr : page;
}

bool PageTable::has(const Page& page) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  if (holds(shard.objects.find(page.key(), hash), page)) return true;
  return std::ranges::find(shard.looks, &page, &PagePtr::get) != shard.looks.end();
}

void PageTable::note(const Page& page, uint64_t hash, ObjectSourcePtr source, MonoTime sent_at) {
  if (heads_ == nullptr || !heads_->enabled()) return;
  heads_->note(page.key(), hash, std::move(source), sent_at);
  // A purge takes the page out before it drops the head.
  if (!has(page)) heads_->drop(page.key(), hash);
}

ObjectSourcePtr PageTable::ruling(KeyView key) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  return object == nullptr ? nullptr : object->versions.ruling();
}

bool PageTable::knows(KeyView key) {
  if (ruling(key) != nullptr) return true;
  const std::optional<Head> head = heads_ == nullptr ? std::nullopt : heads_->find(key, key.hash());
  return head && head->source != nullptr;
}

Head PageTable::ruling_head(KeyView key, uint64_t hash) {
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  if (object == nullptr || object->versions.ruling() == nullptr) return {};
  const ObjectSourcePtr& ruling = object->versions.ruling();
  return {ruling, object->versions.sent_at(ruling->bucket)};
}

ObjectSourcePtr PageTable::version_in(KeyView key, std::string_view bucket) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  return object == nullptr ? nullptr : object->versions.of(bucket);
}

std::vector<ObjectSourcePtr> PageTable::versions(KeyView key) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  return object == nullptr ? std::vector<ObjectSourcePtr>() : object->versions.all();
}

std::optional<uint64_t> PageTable::object_size(KeyView key) {
  const ObjectSourcePtr known = ruling(key);
  return known == nullptr ? std::nullopt : std::optional(known->info.size);
}

void PageTable::remove(Page& page) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  PagePtr removed;  // destroyed after the lock is released
  const MutexLock lock(shard.mutex);
  IndexedObject* object = shard.objects.find(page.key(), hash);
  if (!holds(object, page)) {
    const auto look = std::ranges::find(shard.looks, &page, &PagePtr::get);
    if (look == shard.looks.end()) return;
    removed = std::move(*look);
    shard.looks.erase(look);
    return;
  }
  removed = object->take(page);
  if (object->empty()) shard.objects.erase(*object);
}

PageTable::Observed PageTable::observe(Page& page, ObjectSourcePtr source, MonoTime sent_at) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  const ObjectSourcePtr answer = source;  // with the newest attributes
  VersionVerdict verdict{};
  ObjectSourcePtr contested;
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(page.key(), hash);
    if (!holds(object, page)) return {std::move(source), nullptr};  // dropped meanwhile
    verdict = object->versions.observe(source, sent_at, page.key().kind);
    if (verdict == VersionVerdict::kContested) contested = object->versions.ruling();
    stale = apply(verdict, shard, *object, page, source);
  }
  for (const PagePtr& old : stale) old->discard();
  if (is_accepted(verdict)) note(page, hash, answer, sent_at);
  return {std::move(source), std::move(contested)};
}

PageTable::Observed PageTable::observe_look(const Page& look, ObjectSourcePtr source,
                                            MonoTime sent_at) {
  const KeyView key = look.key();
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const ObjectSourcePtr answer = source;  // with the newest attributes
  VersionVerdict verdict = VersionVerdict::kTaken;
  ObjectSourcePtr contested;
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    if (std::ranges::find(shard.looks, &look, &PagePtr::get) == shard.looks.end())
      return {std::move(source), nullptr};  // purged meanwhile
    IndexedObject* object = shard.objects.find(key, hash);
    if (object != nullptr) {
      verdict = object->versions.observe(source, sent_at, key.kind);
      if (verdict == VersionVerdict::kContested) contested = object->versions.ruling();
      if (verdict == VersionVerdict::kReplaced) stale = take_stale(*object);
      if (object->empty()) shard.objects.erase(*object);
    }
  }
  for (const PagePtr& old : stale) old->discard();
  if (is_accepted(verdict)) note(look, hash, answer, sent_at);
  return {std::move(source), std::move(contested)};
}

std::vector<PagePtr> PageTable::apply(VersionVerdict verdict, Shard& shard, IndexedObject& object,
                                      Page& page, const ObjectSourcePtr& source) {
  std::vector<PagePtr> stale;
  switch (verdict) {
    case VersionVerdict::kTaken:
      page.version_ = source;
      break;
    case VersionVerdict::kReplaced:
      page.version_ = source;
      stale = take_stale(object);
      break;
    case VersionVerdict::kContested:
      break;  // the page's fill fails, or asks again
    case VersionVerdict::kDropped:
      stale.push_back(object.take(page));
      if (object.empty()) shard.objects.erase(object);
      break;
  }
  return stale;
}

ObjectSourcePtr PageTable::ended_by(KeyView key, std::string_view bucket, uint64_t offset,
                                    MonoTime sent_at) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  const IndexedObject* object = shard.objects.find(key, hash);
  if (object == nullptr) return nullptr;
  const ObjectVersions& versions = object->versions;
  const ObjectSourcePtr own = versions.of(bucket);
  if (own != nullptr && sent_at < versions.sent_at(bucket)) return nullptr;
  const ObjectSourcePtr& said = own == nullptr && bucket == key.kind ? versions.ruling() : own;
  return said != nullptr && said->info.size > offset ? said : nullptr;
}

ObjectVersions::Forgotten PageTable::forget(KeyView key, const ObjectSource& gone) {
  const uint64_t hash = key.hash();
  if (heads_ != nullptr) heads_->drop(key, hash, gone);
  Shard& shard = shard_of(hash);
  ObjectVersions::Forgotten forgotten{};
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(key, hash);
    if (object == nullptr) return ObjectVersions::Forgotten::kNothing;
    forgotten = object->versions.forget(gone);
    if (forgotten == ObjectVersions::Forgotten::kNothing) return forgotten;
    stale = take_stale(*object);
    if (object->empty()) shard.objects.erase(*object);
  }
  for (const PagePtr& old : stale) old->discard();
  return forgotten;
}

ObjectSourcePtr PageTable::adopt(Page& page, ObjectSourcePtr source) {
  const uint64_t hash = page.key().hash();
  Shard& shard = shard_of(hash);
  std::vector<PagePtr> stale;
  {
    const MutexLock lock(shard.mutex);
    IndexedObject* object = shard.objects.find(page.key(), hash);
    if (!holds(object, page)) return nullptr;  // dropped meanwhile
    const VersionVerdict verdict = object->versions.adopt(source, page.key().kind);
    if (!is_accepted(verdict)) return nullptr;  // the page will be fetched
    stale = apply(verdict, shard, *object, page, source);
  }
  for (const PagePtr& old : stale) old->discard();
  return source;
}

void PageTable::learn(KeyView key, ObjectSourcePtr on_disk, uint64_t purges) {
  const uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const MutexLock lock(shard.mutex);
  if (purges_.load() != purges) return;  // else a purge takes the object out after this
  IndexedObject* object = shard.objects.find(key, hash);
  if (object == nullptr || object->versions.ruling() != nullptr) return;
  (void)object->versions.adopt(on_disk, key.kind);
}

void PageTable::remove_if_idle(Page& page) {
  if (!page.idle()) return;
  remove(page);
  page.discard();  // a reader that found the page meanwhile discards it again at its end
}

std::vector<PagePtr> PageTable::whole_pages() const {
  std::vector<PagePtr> whole;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    shard.objects.for_each([&whole](const IndexedObject& object) {
      object.for_each_page([&whole](Page& page) {
        if (page.phase() == Page::Phase::kWhole) whole.emplace_back(&page);
      });
    });
  }
  return whole;
}

std::vector<PagePtr> PageTable::take_stale(IndexedObject& object) {
  return object.take_if([&object](const Page& page) {
    return page.version_ != nullptr && !object.versions.has(*page.version_);
  });
}

size_t PageTable::objects() const {
  size_t count = 0;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    count += shard.objects.size();
  }
  return count;
}

}  // namespace cachey::cache
