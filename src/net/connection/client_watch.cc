#include "net/connection/client_watch.h"

#include <utility>

namespace cachey::net {

std::stop_token ClientWatch::begin(bool unread) {
  if (!watches()) {
    source_ = std::stop_source();
    if (unread) {
      look_again();
    } else {
      wait();
    }
  }
  return source_.get_token();
}

void ClientWatch::end() {
  source_ = std::stop_source(std::nostopstate);
  timer_.disarm();
  if (std::exchange(left_at_, std::nullopt)) AwaitedSockets::end(*socket_);
}

void ClientWatch::detach() {
  end();
  socket_ = nullptr;
}

/// Ends at once if the socket is readable already. A wait may outlive its request, and then serves
/// the next one.
void ClientWatch::wait() {
  if (waits_) return;
  waits_ = true;
  socket_->when_readable([self = shared_from_this()](const boost::system::error_code&) {
    self->waits_ = false;
    if (self->watches()) self->look();
  });
}

void ClientWatch::look() {
  switch (socket_->peek()) {
    case ClientSocket::Input::kNone:
      return wait();
    case ClientSocket::Input::kBytes:
      return look_again();
    case ClientSocket::Input::kEnd:
      leave_after(kEndTime);
      return look_again();
  }
}

void ClientWatch::leave_after(std::chrono::nanoseconds time) {
  left_at_ = timers_.now() + time;
  awaited_.begin_linger(*socket_);
}

/// The socket is readable and stays so.
void ClientWatch::look_again() {
  if (!left_at_ && socket_->ended_by_client()) leave_after(kHalfClosedTime);
  if (socket_->reset_by_client() || (left_at_ && timers_.now() >= *left_at_)) {
    source_.request_stop();
  } else {
    timers_.arm_after(timer_, kLook);
  }
}

}  // namespace cachey::net
