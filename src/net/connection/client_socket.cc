#include "net/connection/client_socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "net/connection/answer_batch.h"

namespace cachey::net {

ClientSocket::ClientSocket(rt::TimerWheel& timers, rt::Socket socket, tls::Worker* tls,
                           std::chrono::milliseconds untaken_limit)
    : timers_(timers),
      begun_(timers.now()),
      untaken_limit_(untaken_limit),
      socket_(std::move(socket)),
      timer_([this] { on_timeout(); }) {
  boost::system::error_code ignored;
  connected_from_ = unmapped(socket_.remote_endpoint(ignored).address());
  peer_ = connected_from_;
  if (tls == nullptr) return;
  tls_ = std::make_unique<tls::Stream>(*tls, socket_.native_handle());
}

ClientSocket::~ClientSocket() {
  drop_taken();
  if (self_) *self_ = nullptr;
}

rt::Task<ClientSocket::HeaderRead> ClientSocket::read_proxy_header(std::chrono::nanoseconds limit) {
  std::string received;
  limit_reading(limit);
  while (!broken_ && !expired_) {
    const std::optional<ProxyHeader> header = read_more_of_header(received);
    if (header && header->client) peer_ = *header->client;
    if (header && header->state == ProxyHeader::State::kWhole) co_return HeaderRead::kWhole;
    if (header && header->state == ProxyHeader::State::kRefused) co_return HeaderRead::kRefused;
    if (broken_) break;
    (void)co_await readable();
    stop_waiting();
  }
  co_return received.empty() && !expired_ ? HeaderRead::kNone : HeaderRead::kRefused;
}

/// Reads what belongs to the header, and appends that to `received`. Looks first, because bytes
/// behind the header belong to others. Nothing: no bytes are there.
std::optional<ProxyHeader> ClientSocket::read_more_of_header(std::string& received) {
  const size_t before = received.size();
  received.resize(ProxyHeader::kBytesMax);
  const ssize_t n = ::recv(socket_.native_handle(), received.data() + before,
                           received.size() - before, MSG_DONTWAIT | MSG_PEEK);
  received.resize(before + static_cast<size_t>(std::max<ssize_t>(n, 0)));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  broken_ = n <= 0;
  if (broken_) return std::nullopt;
  ProxyHeader header = net::read_proxy_header(received);
  if (header.state == ProxyHeader::State::kRefused) return header;
  received.resize(header.bytes);
  (void)::recv(socket_.native_handle(), nullptr, header.bytes - before, MSG_DONTWAIT | MSG_TRUNC);
  return header;
}

rt::Task<bool> ClientSocket::handshake(std::chrono::nanoseconds limit) {
  limit_reading(limit);
  while (!broken_ && !expired_) {
    const tls::Stream::Step step = tls_->handshake();
    update_after_tls();
    if (step != tls::Stream::Step::kWaits) co_return step == tls::Stream::Step::kDone;
    (void)co_await readable();
    stop_waiting();
  }
  co_return false;
}

void ClientSocket::leave_tls() {
  tls_.reset();
  broken_ = false;
}

std::optional<size_t> ClientSocket::receive(std::span<char> into) {
  if (broken_) return 0;
  if (tls_) {
    const std::optional<size_t> bytes = tls_->receive(into);
    update_after_tls();
    return bytes;
  }
  const ssize_t n = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  drained_ = n > 0 && static_cast<size_t>(n) < into.size();
  if (n >= 0) return static_cast<size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return std::nullopt;
  broken_ = true;
  return 0;
}

ClientSocket::Input ClientSocket::peek() {
  if (broken_) return Input::kEnd;
  std::optional<size_t> bytes;
  if (tls_) {
    bytes = tls_->peek();
    update_after_tls();
  } else {
    char first = 0;
    const ssize_t n = ::recv(socket_.native_handle(), &first, 1, MSG_DONTWAIT | MSG_PEEK);
    if (n >= 0) bytes = static_cast<size_t>(n);
    if (n < 0 && errno != EAGAIN && errno != EINTR) broken_ = true;
  }
  if (broken_) return Input::kEnd;
  if (!bytes) return Input::kNone;
  return *bytes == 0 ? Input::kEnd : Input::kBytes;
}

std::optional<size_t> ClientSocket::discard(size_t bytes_max) {
  if (broken_) return 0;
  discards_ = true;
  const ssize_t n = ::recv(socket_.native_handle(), nullptr, bytes_max, MSG_DONTWAIT | MSG_TRUNC);
  if (n >= 0) return static_cast<size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return std::nullopt;
  broken_ = true;
  return 0;
}

size_t ClientSocket::send(std::span<iovec> parts, size_t bytes) {
  if (broken_ || full_) return 0;
  if (tls_) {
    const size_t taken = tls_->send(parts, bytes);
    full_ = taken < bytes;
    update_after_tls();
    return taken;
  }
  if (!send_taken()) return 0;
  return broken_ ? 0 : send_to_kernel(parts, bytes);
}

size_t ClientSocket::send_to_kernel(std::span<iovec> parts, size_t bytes) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t n = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
      full_ = true;
    } else {
      broken_ = true;
    }
    return 0;
  }
  full_ = static_cast<size_t>(n) < bytes;
  return static_cast<size_t>(n);
}

void ClientSocket::send_later(Buffer answer, AnswerBatch& batch) {
  taken_ = std::move(answer);
  batch_ = &batch;
}

bool ClientSocket::send_taken() {
  BatchHook::unlink();
  if (taken_.empty()) return true;
  iovec part{taken_.bytes().data(), taken_.size()};
  taken_.consume(send_to_kernel(std::span(&part, 1), taken_.size()));
  if (broken_ || taken_.empty()) {
    drop_taken();
    if (broken_) interrupt();
    return true;
  }
  batch_->late_bytes_ += taken_.capacity() - std::exchange(late_bytes_, taken_.capacity());
  if (!flushing_) flush_when_writable();
  return false;
}

/// The bytes that send_later() took are not sent any more, or are sent.
void ClientSocket::drop_taken() {
  BatchHook::unlink();
  if (taken_.capacity() == 0) return;
  batch_->late_bytes_ -= std::exchange(late_bytes_, 0);
  batch_->give_back(std::exchange(taken_, Buffer()));
}

MonoTime ClientSocket::limit_reading(std::chrono::nanoseconds limit) {
  expired_ = false;
  const MonoTime now = timers_.now();
  timers_.arm(timer_, now + limit);
  return now;
}

rt::Task<bool> ClientSocket::writable(std::chrono::nanoseconds limit) {
  if (broken_ || expired_) co_return false;
  write_limit_ = limit;
  unsent_ = unsent();
  timers_.arm_after(timer_, limit);
  waiting_ = Waiting::kWrite;
  full_ = true;
  while (full_ && !broken_) {
    const auto [error] = co_await socket_.async_wait(rt::Socket::wait_write, rt::kAwaitTuple);
    if (error) broken_ = true;
    full_ = false;
    if (!broken_) flush();
  }
  waiting_ = Waiting::kNothing;
  co_return !broken_ && !expired_;
}

/// Copies the state of the TLS stream after a call. Starts a background flush of pending bytes.
void ClientSocket::update_after_tls() {
  if (tls_->broken()) broken_ = true;
  if (broken_ || tls_->pending() == 0) return;
  full_ = true;
  if (!flushing_) flush_when_writable();
}

void ClientSocket::flush_when_writable() {
  flushing_ = true;
  if (!self_) self_ = std::make_shared<ClientSocket*>(this);
  socket_.async_wait(rt::Socket::wait_write, [self = self_](const boost::system::error_code&) {
    if (*self == nullptr) return;
    (*self)->flushing_ = false;
    if (!(*self)->broken_) (*self)->flush();
  });
}

void ClientSocket::flush() {
  if (!tls_) {
    (void)send_taken();
    return;
  }
  full_ = !tls_->flush();
  update_after_tls();
}

void ClientSocket::on_timeout() {
  if (waiting_ == Waiting::kNothing) return;
  if (waiting_ == Waiting::kWrite) {
    const size_t left = unsent();
    if (left + std::min(unsent_, kLeastBytes) <= unsent_ && left < unsent_) {
      unsent_ = left;
      timers_.arm_after(timer_, write_limit_);
      return;
    }
  }
  expired_ = true;
  interrupt();
}

void ClientSocket::limit_unsent(int bytes) {
  (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

size_t ClientSocket::unsent() {
  int queued = 0;
  if (::ioctl(socket_.native_handle(), SIOCOUTQ, &queued) != 0) queued = 0;
  return static_cast<size_t>(queued) + (tls_ ? tls_->pending() : taken_.size());
}

void ClientSocket::interrupt() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void ClientSocket::give_way() { (void)::shutdown(socket_.native_handle(), SHUT_RDWR); }

void ClientSocket::shut_down_sending() {
  if (tls_ && !broken_) {
    tls_->end_sending();
    update_after_tls();
  }
  boost::system::error_code ignored;
  socket_.shutdown(rt::Socket::shutdown_send, ignored);
}

void ClientSocket::close() {
  broken_ = true;
  drop_taken();
  timer_.disarm();
  if (!socket_.is_open()) return;
  limit_untaken();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

/// The kernel may keep the bytes of a closed socket for ever, as long as the client's window is
/// closed. TCP_USER_TIMEOUT ends that. The kernel counts it from the first probe of a closed
/// window, even if the client has taken bytes since, so it would end open connections of slow
/// clients. The first probe is no older than the connection.
void ClientSocket::limit_untaken() {
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(timers_.now() - begun_);
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  const auto limit = static_cast<int>(std::min<int64_t>((age + untaken_limit_).count(), kMost));
  (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
}

/// `event`, an error or a hang-up: poll() always reports the last two.
bool ClientSocket::has_event(short event) {
  if (broken_ || !socket_.is_open()) return true;
  pollfd state{socket_.native_handle(), event, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (event | POLLERR | POLLHUP)) != 0;
}

/// Not by Asio's set_option(): Asio's destructor of the socket would take the option back.
void ClientSocket::reset_on_close(bool resets) {
  const linger option{.l_onoff = resets ? 1 : 0, .l_linger = 0};
  if (socket_.is_open())
    (void)::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

void ClientSocket::break_off() {
  reset_on_close(true);
  close();
}

}  // namespace cachey::net
