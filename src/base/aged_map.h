#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace cachey {

/// The bounds of an AgedMap. A full map of `entries` keys takes about entries * (sizeof(Value) +
/// 100) + key_bytes of memory, without what the values own.
struct AgedMapLimits {
  size_t entries;    ///< at least 1
  size_t key_bytes;  ///< of all keys together
};

/// Remembers a Value for each of the keys used last. For tables with keys that clients choose: the
/// number of keys and their bytes are bounded; past a bound the map forgets the key that was not
/// used for the longest time. A key of more than `key_bytes` is not remembered. All calls cost
/// O(log entries), however often keys are forgotten. Not synchronized.
template <typename Value>
class AgedMap {
 public:
  explicit AgedMap(AgedMapLimits limits) : limits_(limits) { CHECK(limits.entries > 0); }
  AgedMap(const AgedMap&) = delete;
  AgedMap& operator=(const AgedMap&) = delete;

  /// The value, or null. Counts as use of the key. The pointer holds until the next call of
  /// find_or_add(), set() or erase().
  [[nodiscard]] Value* find(std::string_view key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    make_newest(found->second);
    return &found->second.value;
  }

  /// find() that does not count as use.
  [[nodiscard]] const Value* peek(std::string_view key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }

  /// The value, made from `arguments` if the key is new. Counts as use. Forgets other keys if that
  /// is necessary. Null: the key is too long. The pointer holds as that of find().
  template <typename... Arguments>
  Value* find_or_add(std::string_view key, Arguments&&... arguments) {
    if (Value* known = find(key)) return known;
    if (key.size() > limits_.key_bytes) return nullptr;
    while (size() >= limits_.entries || key_bytes_ + key.size() > limits_.key_bytes)
      forget(by_use_.front());
    const auto added =
        entries_.try_emplace(std::string(key), std::forward<Arguments>(arguments)...).first;
    added->second.self = added;
    by_use_.push_back(added->second);
    key_bytes_ += key.size();
    return &added->second.value;
  }

  /// Puts `value` in the place of the key's value. Counts as use.
  void set(std::string_view key, Value value) {
    if (Value* at = find_or_add(key)) *at = std::move(value);
  }

  /// Takes the key's value out of the map.
  std::optional<Value> erase(std::string_view key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    std::optional<Value> value(std::move(found->second.value));
    forget(found->second);
    return value;
  }

  /// Forgets the keys for which `goes(key, value)` returns true.
  template <typename Predicate>
  void erase_if(Predicate goes) {
    for (auto entry = by_use_.begin(); entry != by_use_.end();) {
      Entry& at = *entry++;
      if (goes(std::as_const(at.self->first), std::as_const(at.value))) forget(at);
    }
  }

  void clear() {
    by_use_.clear();
    entries_.clear();
    key_bytes_ = 0;
  }

  /// Calls `visit(key, value)` for the at most `most` keys that were used last, the newest first.
  template <typename Visit>
  void visit_newest(size_t most, Visit visit) const {
    for (auto entry = by_use_.rbegin(); entry != by_use_.rend() && most > 0; ++entry, --most)
      visit(std::as_const(entry->self->first), std::as_const(entry->value));
  }

  [[nodiscard]] bool contains(std::string_view key) const { return peek(key) != nullptr; }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] size_t key_bytes() const { return key_bytes_; }

 private:
  struct Entry;
  using Entries = std::map<std::string, Entry, std::less<>>;
  struct Entry : boost::intrusive::list_base_hook<> {
    template <typename... Arguments>
    explicit Entry(Arguments&&... arguments) : value(std::forward<Arguments>(arguments)...) {}
    Value value;
    Entries::iterator self;
  };
  using ByUse = boost::intrusive::list<Entry>;

  void make_newest(Entry& entry) {
    by_use_.splice(by_use_.end(), by_use_, by_use_.iterator_to(entry));
  }

  void forget(Entry& entry) {
    key_bytes_ -= entry.self->first.size();
    by_use_.erase(by_use_.iterator_to(entry));
    entries_.erase(entry.self);
  }

  const AgedMapLimits limits_;
  size_t key_bytes_ = 0;
  Entries entries_;
  ByUse by_use_;  // the key that was not used for the longest time is first; dies before entries_
};

}  // namespace cachey
