#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/attributes_pool.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {

/// A disk tier beside a model of what it must hold: random writes and reads of pages and of parts
/// of pages, new versions, newer answers about a version, faults, crashes and restarts, by a seed.
/// The pages of an object have one of three sizes; the attributes of some objects are shared, those
/// of others have several fragments. One thread.
class DiskModel {
 public:
  /// The faults of a run, and what the tier guarantees then.
  enum class World : uint8_t {
    kKilled,  ///< processes die: durable pages are there, durably removed pages are not
    kPower,   ///< also the power fails; sectors of 512 bytes: the same is guaranteed
    /// Also parts of the device fail to be read, while a store is opened too, or hang: what was
    /// lost or removed before a flush does not come back after the flush.
    kUnreadable,
    /// Lost writes and flipped bits: no wrong byte, and no attributes that were never the
    /// version's, are the only guarantees.
    kEvil,
  };

  DiskModel(uint32_t seed, World world) : DiskModel(seed, world, usual_config()) {}
  /// A tier of another configuration, for the canary tests. The model's bounds are those of
  /// usual_config().
  DiskModel(uint32_t seed, World world, DiskTierConfig config);
  [[nodiscard]] static DiskTierConfig usual_config();

  /// The steps of the seed, and a restart at the end.
  void run();

  /// The device and the errors found, for the canary tests.
  [[nodiscard]] DiskHarness& disk() { return disk_; }
  [[nodiscard]] const std::vector<std::string>& wrongs() const { return wrongs_; }
  [[nodiscard]] uint64_t hits() const { return hits_; }
  [[nodiscard]] uint64_t moves() const { return moves_; }    ///< of the journal
  [[nodiscard]] uint64_t unread() const { return unread_; }  ///< openings with unreadable blocks
  /// Pages that a bound refused: that of the records, and that of the memory of late operations.
  [[nodiscard]] uint64_t refused_for_records() const { return refused_for_records_; }
  [[nodiscard]] uint64_t refused_for_memory() const { return refused_for_memory_; }
  /// Attributes that were found and are right.
  [[nodiscard]] uint64_t answers() const { return answers_; }
  [[nodiscard]] uint64_t purges() const { return purges_; }    ///< that hold
  [[nodiscard]] uint64_t shrinks() const { return shrinks_; }  ///< openings of a larger store

  /// A page, or a part of one: then `page` is kPages or more.
  struct PageName {
    int object;
    uint32_t page;
    auto operator<=>(const PageName&) const = default;
  };
  static constexpr uint32_t kPages = 3;  ///< of an object
  // One step each.
  void write(PageName name);
  void read(PageName name);
  void change(int object);  ///< the tier observes a new version
  void answer(int object);  ///< the tier observes a newer answer about the version
  void flush();
  void purge(const KeyScope& scope);
  void restart();  ///< of the process, with what its world does to the device meanwhile
  [[nodiscard]] DiskPage page_of(PageName name, int version) const;

 private:
  static constexpr uint64_t kDeviceBytes = 5 * kMiB;
  static constexpr int kObjects = 12;
  static constexpr uint32_t kParts = 6;
  static constexpr uint32_t kNames = kPages + kParts;  // of an object

  [[nodiscard]] uint32_t random() { return static_cast<uint32_t>(random_()); }
  [[nodiscard]] int any_object() { return static_cast<int>(random_() % kObjects); }
  [[nodiscard]] PageName any_page() {
    return {any_object(), static_cast<uint32_t>(random_() % kNames)};
  }
  [[nodiscard]] KeyScope any_scope();
  [[nodiscard]] bool loses_power() const { return world_ != World::kKilled; }

  [[nodiscard]] static PageAt place_of(PageName name);
  /// The attributes of the object's version in that answer. Of the first answer: number 0.
  [[nodiscard]] ObjectAttributesPtr attributes_of(int object, int version, int number) const;
  [[nodiscard]] int newest_answer(int object, int version) const;
  void observe(int object);
  /// The attributes were given for that version, and not before what must have survived.
  void check_attributes(int object, const ObjectInfo& info);
  /// The pages and parts that are found, with their versions: all, or those of an object.
  [[nodiscard]] std::map<PageName, int> listed();
  [[nodiscard]] std::map<PageName, int> listed(int object);
  /// No byte of the object is on the disk twice: no part is there beside an entry that has all its
  /// bytes.
  void check_no_part_is_needless(int object);
  /// What waits for an ill device has a bound: records, and the memory of late operations.
  void check_bounds();
  /// Durable pages are there, except those that had left before the end.
  void check_durable(const std::map<PageName, int>& last_known);

  /// Kills the process in the middle of a write, some writes from now.
  void die();
  [[nodiscard]] ByteRange some_part(uint64_t begin, uint64_t end);
  void harm_a_part();
  void write_more_than_the_journal_takes();
  [[nodiscard]] std::vector<ByteRange> places_of_the_journal();
  /// Reads of a part of the journal fail while the store is opened: each, or the first ones.
  void fail_reads_of_the_journal();
  void harm();

  std::mt19937 random_;
  const World world_;
  const bool long_tags_;  // so that few records fill the journal's bound
  DiskHarness disk_;
  std::map<int, int> versions_;
  std::map<int, int> oldest_possible_;  // after a crash; 0: any
  struct Answer {
    int version;
    int number;
  };
  mutable AttributesPool pool_;
  std::map<std::pair<int, int>, int> newest_answers_;  // numbers, by object and version
  std::map<int, Answer> observed_;                     // of this process, by object
  std::map<int, Answer> durable_answers_;              // by object
  std::set<int> seen_;  // objects with a version that this process observed
  std::map<PageName, int> durable_;
  bool dead_ = false;
  uint64_t next_size_ = kDeviceBytes;  // of the device, from the next restart on
  std::vector<std::string> wrongs_;
  uint64_t hits_ = 0;
  uint64_t answers_ = 0;
  uint64_t moves_ = 0;
  uint64_t unread_ = 0;
  uint64_t refused_for_records_ = 0;
  uint64_t refused_for_memory_ = 0;
  uint64_t shrinks_ = 0;
  uint64_t purges_ = 0;
  bool region_was_out_ = false;  // a part may be written again because its page is there
};

}  // namespace cachey::store
