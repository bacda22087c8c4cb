#include "net/connection/client_watch.h"

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
  left_at_.reset();
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
      left_at_ = timers_.now() + kEndTime;
      return look_again();
  }
}

/// The socket is readable and stays so.
void ClientWatch::look_again() {
  const MonoTime now = timers_.now();
  if (!left_at_ && socket_->ended_by_client()) left_at_ = now + kHalfClosedTime;
  if (socket_->reset_by_client() || (left_at_ && now >= *left_at_)) {
    source_.request_stop();
  } else {
    timers_.arm_after(timer_, kLook);
  }
}

}  // namespace cachey::net
