#include "origin/read/head_watch.h"

namespace cachey::origin {

void HeadWatch::look(MonoTime now) {
  if (now < next_look_) return;
  next_look_ = now + PendingGet::kLookEvery;
  const bool in_a_hurry =
      audience_ != nullptr && (!audience_->is_waiting() || audience_->has_others());
  const bool is_over = attendance_.is_over(now);
  for (const PendingGetPtr& get : {race_.first, race_.second}) {
    if (get == nullptr) continue;
    if (in_a_hurry) get->hurry();
    if (is_over) get->stop();
    get->watch(now, hang_limit_);
  }
}

}  // namespace cachey::origin
