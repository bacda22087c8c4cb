#include "cache/pins.h"

#include <boost/asio/post.hpp>
#include <functional>
#include <vector>

#include "base/log.h"

namespace cachey::cache {

rt::Task<void> Pins::apply(rt::Worker& worker) {
  if (rules_ == nullptr || asked_.fetch_add(1) > 0) co_return;
  int answered = 1;
  do {
    answered = asked_.load();
    co_await apply_to_memory(worker);
    if (disk_ != nullptr) {
      std::function<bool()> is_over = [this] { return is_over_.load(); };
      co_await disk_->apply_pins(worker, std::move(is_over));
    }
    walks_.fetch_add(1);
    const store::KeptPages memory = memory_.kept();
    log::info("pages compared with the pins", {{"memory_bytes", memory.bytes},
                                               {"memory_pages", memory.pages},
                                               {"over_limit_pages", memory.over_limit_pages}});
  } while (asked_.fetch_sub(answered) > answered && !is_over_.load());
}

rt::Task<void> Pins::apply_to_memory(rt::Worker& worker) {
  LookWalk walk;
  bool more = true;
  while (more && !is_over_.load()) {
    std::vector<PagePtr> pages;
    more = table_.look_at_some(walk, pages);
    for (const PagePtr& page : pages) {
      const KeyView key = page->key();
      const auto set = [&](bool keep) {
        memory_.set_keep(*page, keep);
        for (const PiecePtr& piece : page->pieces()) memory_.set_keep(*piece, keep);
      };
      rules_->settle(key.kind, key.object, set);
    }
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

}  // namespace cachey::cache
