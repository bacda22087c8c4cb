#include "net/connection/client_watch.h"

namespace cachey::net {

std::stop_token ClientWatch::begin(bool unread) {
  if (!watches()) {
    source_ = std::stop_source();
    if (unread) {
      look_at_unread();
    } else {
      wait();
    }
  }
  return source_.get_token();
}

void ClientWatch::end() {
  source_ = std::stop_source(std::nostopstate);
  timer_.disarm();
  ended_at_.reset();
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
      return look_at_unread();
    case ClientSocket::Input::kEnd:
      source_.request_stop();
  }
}

void ClientWatch::look_at_unread() {
  const MonoTime now = timers_.now();
  if (!ended_at_ && socket_->ended_by_client()) ended_at_ = now;
  if (socket_->reset_by_client() || (ended_at_ && now - *ended_at_ >= kHalfClosedTime)) {
    source_.request_stop();
  } else {
    timers_.arm_after(timer_, kLook);
  }
}

}  // namespace cachey::net
