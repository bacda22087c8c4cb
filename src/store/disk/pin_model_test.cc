// Pages that are kept, against a model, by seeds: random rules and limits, writes that evict, new
// versions, purges, crashes and restarts. The device is larger than that of DiskModel, because a
// small store keeps nothing. CACHEY_PIN_MODEL_SEEDS=1000 runs more.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/sanitized.h"
#include "store/testing/disk_harness.h"

namespace cachey::store {
namespace {

class PinModel {
 public:
  explicit PinModel(uint32_t seed)
      : random_(seed), disk_(kDeviceBytes, with_pins(&rules_), kUnitBytes, seed) {
    change_rules();
  }

  void run() {
    for (int step = 0; step < kSteps && wrongs_.empty(); ++step) {
      const uint32_t dice = random() % 100;
      if (dice < 70) {
        write(any_page());
      } else if (dice < 76) {
        change(any_object());
      } else if (dice < 82) {
        change_rules();
      } else if (dice < 88) {
        change_rules_amid_writes();
      } else if (dice < 91) {
        remove(any_object());
      } else if (dice < 95) {
        (void)disk_.flush();
        restart();
      } else {
        die();
      }
      check();
    }
    purge_all();
    check();
    evicted_ += disk_.tier().usage().evictions;
  }

  [[nodiscard]] const std::vector<std::string>& wrongs() const { return wrongs_; }
  [[nodiscard]] uint64_t kept() const { return kept_; }
  [[nodiscard]] uint64_t past_limit() const { return past_limit_; }
  [[nodiscard]] uint64_t evicted() const { return evicted_; }
  [[nodiscard]] uint64_t kept_over_kills() const { return kept_over_kills_; }

 private:
  static constexpr uint64_t kDeviceBytes = 160 * kMiB;
  static constexpr int kSteps = 120;
  static constexpr int kObjects = 24;
  static constexpr uint32_t kPages = 8;

  using Name = std::pair<int, uint32_t>;                   // object and page
  using Pages = std::map<Name, std::pair<int, uint64_t>>;  // version and bytes

  static DiskTierConfig with_pins(const PinRules* rules) {
    DiskTierConfig config = DiskHarness::quick();
    config.pins = rules;
    return config;
  }
  [[nodiscard]] uint32_t random() { return static_cast<uint32_t>(random_()); }
  [[nodiscard]] int any_object() { return static_cast<int>(random() % kObjects); }
  [[nodiscard]] Name any_page() { return {any_object(), random() % kPages}; }

  [[nodiscard]] DiskPage page_of(Name name) {
    const int version = versions_[name.first];
    std::mt19937 sizes(static_cast<uint32_t>(name.first * 1'000 + name.second));
    const uint64_t most = 64 * kKiB << sizes() % 9;  // to 16 MiB
    const uint64_t bytes = most - sizes() % (most / 2);
    return make_page(std::to_string(name.first), name.second, bytes, version);
  }
  [[nodiscard]] bool is_named(int object) const { return (named_ >> object & 1) != 0; }

  void set_rules() {
    named_ = random() & random();
    if (random() % 8 == 0) named_ = 0;
    const uint32_t named = named_;
    PinRules::Matches matches = [named](std::string_view /*kind*/, std::string_view object) {
      return (named >> std::stoul(std::string(object)) & 1) != 0;
    };
    limit_ = random() % 2 == 0 ? PinLimit{random() % 64 * kMiB, 0}
                               : PinLimit{0, static_cast<double>(random() % 60) + 0.5};
    rules_.replace(named_ == 0 ? nullptr : std::move(matches), limit_);
  }
  static rt::Task<bool> apply(DiskTier& tier, rt::Worker& worker) {
    std::function<bool()> never = [] { return false; };
    co_await tier.apply_pins(worker, std::move(never));
    co_return true;
  }
  void change_rules() {
    set_rules();
    safe_.clear();
    disk_.run(apply(disk_.tier(), disk_.worker()));
  }
  static rt::Task<void> write_later(DiskTier& tier, rt::Worker& worker, DiskPage page) {
    (void)co_await write_page(tier, worker, std::move(page));
  }
  static rt::Task<void> apply_later(DiskTier& tier, rt::Worker& worker) {
    (void)co_await apply(tier, worker);
  }
  /// The walk over the pages and some writes run at once.
  void change_rules_amid_writes() {
    safe_.clear();
    for (uint32_t i = random() % 4; i > 0; --i) spawn_write();
    set_rules();
    disk_.worker().tasks().spawn(apply_later(disk_.tier(), disk_.worker()));
    for (uint32_t i = random() % 4; i > 0; --i) spawn_write();
    disk_.settle();
  }
  void spawn_write() {
    disk_.worker().tasks().spawn(write_later(disk_.tier(), disk_.worker(), page_of(any_page())));
  }

  /// The tier is told of a new version, as the cache does before the version's pages come.
  void change(int object) {
    ++versions_[object];
    std::erase_if(safe_, [object](const auto& one) { return one.first.first == object; });
    disk_.tier().observe(disk_.worker(), "kind", std::to_string(object),
                         {page_of({object, 0}).info, "bucket"});
  }
  void write(Name name) {
    const DiskPage page = page_of(name);
    (void)disk_.write(page);
  }
  void remove(int object) {
    std::erase_if(safe_, [object](const auto& one) { return one.first.first == object; });
    disk_.tier().remove(disk_.worker(), "kind", std::to_string(object));
  }
  void purge_all() {
    safe_.clear();
    const Result<DiskPurged> purged =
        disk_.run(disk_.tier().purge(disk_.worker(), KeyScope::all(), [] { return false; }));
    if (!purged || !listed().empty()) wrongs_.emplace_back("pages after a purge of all");
    if (disk_.tier().usage().kept.bytes != 0) wrongs_.emplace_back("kept bytes of no page");
  }

  void die() {
    (void)disk_.flush();
    const Pages durable = listed();
    disk_.device().die_after(random() % 8, random());
    for (uint32_t i = random() % 6; i > 0; --i) {
      if (random() % 4 == 0) {
        set_rules();  // the process dies while it compares
        disk_.worker().tasks().spawn(apply_later(disk_.tier(), disk_.worker()));
      }
      write(any_page());
    }
    if (random() % 2 == 0) (void)disk_.flush();
    disk_.settle();
    const Pages last = listed();
    restart();
    const Pages now = listed();
    for (const auto& [name, page] : durable) {
      const auto before = last.find(name);
      if (before == last.end() || before->second != page) continue;
      const auto after = now.find(name);
      if (after == now.end() || after->second != page) {
        wrongs_.push_back("lost page of object " + std::to_string(name.first));
      } else if (is_named(name.first)) {
        ++kept_over_kills_;
      }
    }
  }
  /// The next process may have other rules.
  void restart() {
    disk_.settle();
    evicted_ += disk_.tier().usage().evictions;
    disk_.close();
    disk_.device().revive();
    safe_.clear();
    if (random() % 4 == 0) set_rules();
    disk_.open();
    if (random() % 2 == 0) disk_.tier().begin_writing(disk_.worker());
  }

  [[nodiscard]] Pages listed() {
    Pages pages;
    for (int object = 0; object < kObjects; ++object) {
      for (uint32_t page = 0; page < kPages; ++page) {
        const auto found = disk_.tier().find(disk_.worker(), "kind", std::to_string(object),
                                             PageAt::page(page), DiskUse::kNone);
        if (found)
          pages[{object, page}] = {std::stoi(found->info().etag.substr(2)), found->bytes()};
      }
    }
    return pages;
  }

  void check() {
    const KeptPages kept = disk_.tier().usage().kept;
    Pages named = listed();
    std::erase_if(named, [this](const auto& one) { return !is_named(one.first.first); });
    uint64_t named_bytes = 0;
    for (const auto& [name, page] : named) named_bytes += page.second;
    const auto told = [&kept] {
      return std::to_string(kept.pages) + " pages kept, " + std::to_string(kept.over_limit_pages) +
             " past the limit";
    };
    if (kept.pages + kept.over_limit_pages != named.size())
      wrongs_.push_back(told() + ", but " + std::to_string(named.size()) + " are named");
    if (kept.bytes > limit_.of(disk_.tier().usage().capacity))
      wrongs_.push_back(told() + ", more bytes than the limit");
    const bool all = kept.over_limit_pages == 0;
    if (all && kept.bytes != named_bytes) wrongs_.push_back(told() + ", and other bytes");
    for (const auto& [name, page] : safe_) {
      const auto found = named.find(name);
      if (found == named.end() || found->second != page)
        wrongs_.push_back("a kept page of object " + std::to_string(name.first) + " is gone");
    }
    // Once all named pages are kept, each of them stays.
    if (all) safe_ = named;
    kept_ += kept.pages;
    past_limit_ += kept.over_limit_pages;
  }

  std::mt19937 random_;
  PinRules rules_;
  PinLimit limit_;
  uint32_t named_ = 0;  // objects, by bit
  std::map<int, int> versions_;
  DiskHarness disk_;
  Pages safe_;  // kept, as of the last step
  std::vector<std::string> wrongs_;
  uint64_t kept_ = 0;
  uint64_t past_limit_ = 0;
  uint64_t evicted_ = 0;
  uint64_t kept_over_kills_ = 0;
};

uint32_t pin_model_seeds() {
  const char* const asked = std::getenv("CACHEY_PIN_MODEL_SEEDS");
  if (asked != nullptr) return static_cast<uint32_t>(std::strtoul(asked, nullptr, 10));
  return kSanitized ? 2 : 8;
}

TEST(PinModelTest, KeptPagesStayWithinTheirLimitWhateverElseHappens) {
  uint64_t kept = 0;
  uint64_t past_limit = 0;
  uint64_t evicted = 0;
  uint64_t kept_over_kills = 0;
  for (uint32_t seed = 1; seed <= pin_model_seeds(); ++seed) {
    PinModel model(seed);
    model.run();
    kept += model.kept();
    past_limit += model.past_limit();
    evicted += model.evicted();
    kept_over_kills += model.kept_over_kills();
    if (!model.wrongs().empty()) ADD_FAILURE() << "seed " << seed << ": " << model.wrongs().front();
  }
  EXPECT_GT(kept, 20u * pin_model_seeds()) << "or nothing was tested";
  EXPECT_GT(past_limit, pin_model_seeds());
  EXPECT_GT(evicted, pin_model_seeds());
  EXPECT_GT(kept_over_kills, pin_model_seeds() / 2);
}

}  // namespace
}  // namespace cachey::store
