#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>

namespace cachey::store {

/// The Traits of S3FifoQueue for an entry of a simulation: a struct with the members `hook`,
/// `hash`, `bytes`, `uses` and `queue`.
template <typename Entry>
struct EntryTraits {
  using Queue = boost::intrusive::list<
      Entry,
      boost::intrusive::member_hook<Entry, boost::intrusive::list_member_hook<>, &Entry::hook>>;
  static uint8_t& queue(Entry& entry) { return entry.queue; }
  static uint8_t queue(const Entry& entry) { return entry.queue; }
  static bool waits(const Entry&) { return false; }
  static uint8_t use_count(const Entry& entry) { return entry.uses; }
  static void set_use_count(Entry& entry, uint8_t uses) { entry.uses = uses; }
  static uint64_t weight(const Entry& entry) { return entry.bytes; }
  static uint64_t hash(const Entry& entry) { return entry.hash; }
};

}  // namespace cachey::store
