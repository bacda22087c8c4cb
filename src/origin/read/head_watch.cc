#include "origin/read/head_watch.h"

namespace cachey::origin {

HeadWatch::HeadWatch(rt::Worker& worker, const Audience* audience, HedgeRace& race)
    : worker_(worker),
      audience_(audience),
      race_(race),
      attendance_(audience, worker.timers().now()),
      timer_([this] { look(); }) {
  if (audience_ != nullptr) look();
}

void HeadWatch::look() {
  const bool in_a_hurry = !audience_->is_waiting() || audience_->has_others();
  const bool is_over = attendance_.is_over(worker_.timers().now());
  for (const PendingGetPtr& get : {race_.first, race_.second}) {
    if (get == nullptr) continue;
    if (in_a_hurry) get->hurry();
    if (is_over) get->stop();
  }
  if (!is_over) worker_.timers().arm_after(timer_, kLookEvery);
}

}  // namespace cachey::origin
