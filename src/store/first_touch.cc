#include "store/first_touch.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace cachey::store {

FirstTouch::FirstTouch(std::function<bool()> touch_next)
    : touch_next_(std::move(touch_next)), thread_([this] { run(); }) {}

FirstTouch::~FirstTouch() {
  stopping_.store(true);
  wake();
  thread_.join();
}

void FirstTouch::wake() {
  if (!awake_.exchange(true)) wakes_.release();
}

void FirstTouch::run() {
  ::pthread_setname_np(::pthread_self(), "first-touch");
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // of this thread
  while (true) {
    wakes_.acquire();
    awake_.store(false);
    while (!stopping_.load() && touch_next_()) continue;
    if (stopping_.load()) return;
  }
}

}  // namespace cachey::store
