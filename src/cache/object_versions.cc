#include "cache/object_versions.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cachey::cache {

/// Not the ruling bucket's.
ObjectVersions::Other* ObjectVersions::find(std::string_view bucket) const {
  if (others_ == nullptr) return nullptr;
  const auto found = std::ranges::find_if(
      *others_, [bucket](const Other& other) { return other.source->bucket == bucket; });
  return found == others_->end() ? nullptr : &*found;
}

std::vector<ObjectSourcePtr> ObjectVersions::all() const {
  std::vector<ObjectSourcePtr> versions;
  if (ruling_ != nullptr) versions.push_back(ruling_);
  if (others_ != nullptr) {
    for (const Other& other : *others_) versions.push_back(other.source);
  }
  return versions;
}

ObjectSourcePtr ObjectVersions::of(std::string_view bucket) const {
  if (ruling_ != nullptr && ruling_->bucket == bucket) return ruling_;
  const Other* const other = find(bucket);
  return other == nullptr ? nullptr : other->source;
}

MonoTime ObjectVersions::sent_at(std::string_view bucket) const {
  if (ruling_ != nullptr && ruling_->bucket == bucket) return ruling_sent_at_;
  const Other* const other = find(bucket);
  CHECK(other != nullptr);
  return other->sent_at;
}

bool ObjectVersions::has(const ObjectSource& source) const {
  const ObjectSourcePtr known = of(source.bucket);
  return known != nullptr && known->same_version(source);
}

void ObjectVersions::rule_alone(ObjectSourcePtr source, MonoTime sent_at) {
  ruling_ = std::move(source);
  ruling_sent_at_ = sent_at;
  others_.reset();
}

VersionVerdict ObjectVersions::observe(ObjectSourcePtr& source, MonoTime sent_at,
                                       std::string_view home) {
  if (ruling_ == nullptr) {
    rule_alone(source, sent_at);
    return VersionVerdict::kTaken;
  }
  const bool rules = ruling_->bucket == source->bucket;
  Other* const other = rules ? nullptr : find(source->bucket);
  if (!rules && other == nullptr) return add(source, sent_at, home);
  ObjectSourcePtr& known = rules ? ruling_ : other->source;
  MonoTime& known_sent_at = rules ? ruling_sent_at_ : other->sent_at;
  if (known->same_version(*source)) {
    const bool is_older = sent_at < known_sent_at && known->info.attributes != nullptr;
    if (!is_older && tells_news(source->info.attributes, known->info.attributes)) known = source;
    known_sent_at = std::max(known_sent_at, sent_at);
    source = known;
    return VersionVerdict::kTaken;
  }
  if (sent_at < known_sent_at) return VersionVerdict::kDropped;
  if (source->info.size == ruling_->info.size) {
    known = source;
    known_sent_at = sent_at;
    return VersionVerdict::kReplaced;
  }
  if (!rules) return VersionVerdict::kContested;
  rule_alone(source, sent_at);
  return VersionVerdict::kReplaced;
}

/// A bucket of which no version is known.
VersionVerdict ObjectVersions::add(ObjectSourcePtr& source, MonoTime sent_at,
                                   std::string_view home) {
  const bool is_home = source->bucket == home;
  if (source->info.size != ruling_->info.size) {
    if (!is_home) return VersionVerdict::kContested;
    rule_alone(source, sent_at);
    return VersionVerdict::kReplaced;
  }
  if (others_ == nullptr) others_ = std::make_unique<std::vector<Other>>();
  const bool is_full = others_->size() == kOthersMax;
  if (!is_home) {
    if (is_full) return VersionVerdict::kDropped;
    others_->push_back({source, sent_at});
    return VersionVerdict::kTaken;
  }
  if (is_full) others_->erase(others_->begin());
  others_->push_back({std::exchange(ruling_, source), std::exchange(ruling_sent_at_, sent_at)});
  return is_full ? VersionVerdict::kReplaced : VersionVerdict::kTaken;
}

VersionVerdict ObjectVersions::adopt(ObjectSourcePtr& source, std::string_view home) {
  const ObjectSourcePtr known = of(source->bucket);
  if (known != nullptr && !known->same_version(*source)) return VersionVerdict::kDropped;
  return observe(source, MonoTime{}, home);
}

ObjectVersions::Forgotten ObjectVersions::forget(const ObjectSource& gone) {
  if (!has(gone)) return Forgotten::kNothing;
  if (ruling_->bucket == gone.bucket) {
    *this = ObjectVersions();
    return Forgotten::kObject;
  }
  std::erase_if(*others_,
                [&gone](const Other& other) { return other.source->bucket == gone.bucket; });
  if (others_->empty()) others_.reset();
  return Forgotten::kBucket;
}

}  // namespace cachey::cache
