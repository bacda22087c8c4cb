#include "origin/read/hedge_race.h"

#include <utility>

namespace cachey::origin {

HedgeRace::~HedgeRace() {
  for (const PendingGetPtr& get : {first, second}) {
    if (get != nullptr && !get->answered()) get->give_up();
  }
}

rt::Task<HedgeRace::Event> HedgeRace::next_event() {
  while (true) {
    if (first != nullptr && !first->in_progress()) co_return Event::kFirst;
    if (second != nullptr && !second->in_progress()) co_return Event::kSecond;
    if (!look_at) {
      co_await wakeup_.wait();
    } else if (worker_.timers().now() < *look_at) {
      co_await wakeup_.wait_until(*look_at);
    } else {
      co_return Event::kLookDue;
    }
  }
}

void HedgeRace::promote_second() {
  first = std::exchange(second, nullptr);
  first_bucket = second_bucket;
  blamed = false;
}

PendingGetPtr HedgeRace::take(Event event) {
  return std::exchange(event == Event::kFirst ? first : second, nullptr);
}

}  // namespace cachey::origin
