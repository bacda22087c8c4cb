#pragma once

#include <poll.h>
#include <sys/uio.h>

#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net/connection/proxy_header.h"
#include "net/http/buffer.h"
#include "net/http/ip_address.h"
#include "net/tls/stream.h"
#include "rt/edge_wait.h"
#include "rt/io.h"
#include "rt/timer_wheel.h"

namespace cachey::net {

class AnswerBatch;

/// A socket's place in AwaitedSockets.
using AwaitedHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<struct AwaitedTag>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
/// A socket's place in DeepSockets.
using DeepHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<struct DeepTag>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
/// A socket's place in AnswerBatch.
using BatchHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<struct BatchTag>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// The socket of an accepted connection, with or without TLS: calls that never block, waits with a
/// time limit, and two ways to close. Owned by the connection's coroutine; the worker's thread; one
/// wait at a time.
///
/// With TLS and after send_later(), the kernel may not have all taken bytes yet. The rest is sent
/// in the background, in order; full() is true until then. Await writable() before close() if these
/// bytes must arrive.
///
/// A wait ends when the socket is ready, when its time limit is over (expired() is true from then
/// on), by interrupt(), or by close(). Every error means that the client is gone (broken()).
class ClientSocket : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
                     public AwaitedHook,
                     public DeepHook,
                     public BatchHook {
 public:
  /// Limits of one sendmsg.
  static constexpr size_t kSendBytesMax = size_t{16} << 20;
  static constexpr size_t kSendPartsMax = 64;
  /// What a client must take in each time limit of writable(), unless less is left.
  static constexpr size_t kLeastBytes = size_t{16} << 10;
  /// Bytes that the kernel holds and has not sent yet, of an accepted socket.
  static constexpr int kUnsentMax = 256 << 10;

  /// `tls`: shared by the connections of the worker; null: no TLS. With TLS, call handshake()
  /// first. `untaken_limit`: after close(), the kernel keeps bytes that the client does not take
  /// for this time and the connection's age.
  ClientSocket(rt::TimerWheel& timers, rt::Socket socket, tls::Worker* tls,
               std::chrono::milliseconds untaken_limit);
  ~ClientSocket();
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  enum class HeaderRead : uint8_t {
    kWhole,
    kRefused,  ///< wrong, or not whole within the limit
    kNone,     ///< the client left without a byte, as TCP health checks do
  };
  /// Reads a header of the PROXY protocol, and no byte behind it. peer() is then the address that
  /// the header tells, if it tells one. REQUIRES: nothing was read before.
  [[nodiscard]] rt::Task<HeaderRead> read_proxy_header(std::chrono::nanoseconds limit);

  /// Does the TLS handshake. False: it failed or took longer than `limit`; close. REQUIRES: tls().
  [[nodiscard]] rt::Task<bool> handshake(std::chrono::nanoseconds limit);
  /// Null: no TLS.
  [[nodiscard]] const tls::Stream* tls() const { return tls_.get(); }
  /// The protocol chosen by ALPN; empty: HTTP/1.1.
  [[nodiscard]] std::string_view alpn() const { return tls_ ? tls_->alpn() : std::string_view(); }
  /// Continues without TLS, if the client sent plain HTTP instead of a handshake.
  void leave_tls();

  /// Reads received bytes. 0: the client has closed its side, or is gone. nullopt: no bytes yet.
  [[nodiscard]] std::optional<size_t> receive(std::span<char> into);
  /// The last receive() took all bytes that were there. The client's end may be behind them: the
  /// kernel tells that only to another receive(). Never with TLS.
  [[nodiscard]] bool drained() const { return drained_; }

  enum class Input : uint8_t { kNone, kBytes, kEnd };
  /// What receive() would find. Bytes stay unread; TLS records without data are read.
  [[nodiscard]] Input peek();

  /// As receive(), but throws the bytes away. With TLS they are not decrypted, so receive() must
  /// not be called afterwards.
  [[nodiscard]] std::optional<size_t> discard(size_t bytes_max);

  /// Sends `parts` with one system call (with TLS: one for many records). Returns how many bytes
  /// were taken. `bytes`: the sum of the parts.
  [[nodiscard]] size_t send(std::span<iovec> parts, size_t bytes);

  /// Without TLS: takes a whole answer, which `batch` sends. REQUIRES: can_send_later(); the batch
  /// outlives this object.
  void send_later(Buffer answer, AnswerBatch& batch);
  [[nodiscard]] bool can_send_later() const {
    return tls_ == nullptr && !broken_ && !full_ && taken_.capacity() == 0;
  }
  /// Sends what send_later() took. True: none is left, because the kernel has all or the client is
  /// gone.
  bool send_taken();

  /// send() takes nothing until writable() has been awaited.
  [[nodiscard]] bool full() const { return full_; }

  /// Sets the time limit of readable(), from now on. Returns the time.
  MonoTime limit_reading(std::chrono::nanoseconds limit);
  /// Awaitable: waits for bytes, the client's end, or an error. Call stop_waiting() afterwards.
  [[nodiscard]] auto readable() {
    using Signature = void(boost::system::error_code);
    waiting_ = Waiting::kRead;
    return rt::asio::async_initiate<decltype(rt::kAwaitTuple), Signature>(
        [this](auto handler) { when_readable(std::move(handler)); }, rt::kAwaitTuple);
  }
  /// As readable(), without a system call, but not for an end of the client that is already there.
  /// REQUIRES: drained(), and the calling task has not suspended since that receive().
  [[nodiscard]] auto next_bytes() {
    using Signature = void(boost::system::error_code);
    waiting_ = Waiting::kRead;
    return rt::asio::async_initiate<decltype(rt::kAwaitTuple), Signature>(
        [this](auto handler) { socket_.wait_for_edge(std::move(handler)); }, rt::kAwaitTuple);
  }
  void stop_waiting() { waiting_ = Waiting::kNothing; }

  /// Calls `handler` with an error code once there are bytes, the client's end or an error, or
  /// after interrupt() or close(). No time limit; may be called beside a wait.
  template <typename Handler>
  void when_readable(Handler handler) {
    if (tls_ && !discards_ && tls_->has_input()) {
      rt::asio::post(socket_.get_executor(), [done = std::move(handler)]() mutable {
        std::move(done)(boost::system::error_code());
      });
    } else {
      socket_.async_wait(rt::Socket::wait_read, std::move(handler));
    }
  }

  /// Waits until send() may take more. False: the client is gone, or took less than kLeastBytes in
  /// `limit`. A slow client makes progress: at the end of each `limit` the kernel's send queue must
  /// be shorter by that much.
  [[nodiscard]] rt::Task<bool> writable(std::chrono::nanoseconds limit);

  /// Sets how many bytes the kernel may hold that are not sent yet: past that, send() takes
  /// nothing.
  void limit_unsent(int bytes);
  /// Bytes that the client's kernel has not confirmed, and those still to be encrypted.
  [[nodiscard]] size_t unsent();

  /// Ends a wait.
  void interrupt();

  /// Makes place for another client: the next receive() or handshake() finds the client's end.
  void give_way();
  void shut_down_sending();
  void close();
  /// From now on every close is a reset, or is none again: the client can tell an end from a break.
  void reset_on_close(bool resets);
  /// Closes with a reset, so that the kernel drops the bytes that the client has not taken.
  void break_off();

  [[nodiscard]] bool broken() const { return broken_; }
  /// The client's address, or the one that a PROXY header has told; unspecified if the client left
  /// before the connection was set up.
  [[nodiscard]] const IpAddress& peer() const { return peer_; }
  /// The other end of the connection: the proxy's address, if a PROXY header has told peer().
  [[nodiscard]] const IpAddress& connected_from() const { return connected_from_; }
  /// The client has reset the connection. Asks the kernel: no send() is needed to notice.
  [[nodiscard]] bool reset_by_client() { return has_event(0); }
  /// The client has reset the connection or ended its side, perhaps behind unread bytes.
  [[nodiscard]] bool ended_by_client() { return has_event(POLLRDHUP); }
  [[nodiscard]] bool expired() const { return expired_; }
  /// As expired(), and clears it, so that waits work again.
  [[nodiscard]] bool take_expired() { return std::exchange(expired_, false); }

 private:
  enum class Waiting : uint8_t { kNothing, kRead, kWrite };

  [[nodiscard]] std::optional<ProxyHeader> read_more_of_header(std::string& received);
  [[nodiscard]] bool has_event(short event);
  void on_timeout();
  [[nodiscard]] size_t send_to_kernel(std::span<iovec> parts, size_t bytes);
  void update_after_tls();
  void drop_taken();
  void flush_when_writable();
  void flush();
  void limit_untaken();

  rt::TimerWheel& timers_;
  const MonoTime begun_;
  const std::chrono::milliseconds untaken_limit_;
  rt::EdgeSocket socket_;
  IpAddress connected_from_;
  IpAddress peer_;
  std::unique_ptr<tls::Stream> tls_;
  std::shared_ptr<ClientSocket*> self_;  // null, or points to null after this object's end
  Buffer taken_;                         // by send_later(), and not by the kernel yet
  AnswerBatch* batch_ = nullptr;         // that was given with the bytes
  size_t late_bytes_ = 0;                // of the block of taken_, counted by the batch
  rt::TimerWheel::Entry timer_;
  std::chrono::nanoseconds write_limit_{};
  size_t unsent_ = 0;  // when the write limit was last set
  Waiting waiting_ = Waiting::kNothing;
  bool drained_ = false;
  bool discards_ = false;  // discard() was called: input inside OpenSSL does not count
  bool full_ = false;
  bool flushing_ = false;  // a wait is running that will call flush()
  bool broken_ = false;
  bool expired_ = false;

  friend class AwaitedSockets;
  MonoTime awaited_since_{};
};

/// The sockets of a worker that wait for a handshake or a request, by the begin of that wait.
/// Sockets that only linger before a close come first.
class AwaitedSockets {
 public:
  /// The shortest wait that makes place. So a client that has just come is not sent away before its
  /// request has arrived.
  static constexpr std::chrono::milliseconds kWaitMin{100};
  static constexpr size_t kLooksMax = 64;

  /// The wait goes on if it has begun.
  void begin(ClientSocket& socket, MonoTime now) {
    if (socket.AwaitedHook::is_linked()) return;
    socket.awaited_since_ = now;
    sockets_.push_back(socket);
  }
  /// Nothing more is owed to the client: the socket is the next that makes place, at once.
  void begin_linger(ClientSocket& socket) {
    end(socket);
    socket.awaited_since_ = MonoTime::min();
    sockets_.push_front(socket);
  }
  static void end(ClientSocket& socket) {
    if (socket.AwaitedHook::is_linked()) socket.AwaitedHook::unlink();
  }
  [[nodiscard]] bool empty() const { return sockets_.empty(); }
  /// The longest wait of a socket that `may_go` makes place. Looks at the kLooksMax longest waits.
  /// False: there is no such wait of kWaitMin. The wait of a client that an answer is still owed to
  /// begins anew.
  template <typename MayGo = decltype([](const ClientSocket&) { return true; })>
  [[nodiscard]] bool make_place(MonoTime now, MayGo may_go = {}) {
    size_t looks = 0;
    for (auto next = sockets_.begin(); next != sockets_.end();) {
      ClientSocket& socket = *next++;
      if (socket.awaited_since_ > now - kWaitMin || ++looks > kLooksMax) return false;
      if (!socket.taken_.empty()) {
        end(socket);
        begin(socket, now);
        continue;
      }
      if (!may_go(socket)) continue;
      end(socket);
      socket.give_way();
      return true;
    }
    return false;
  }

 private:
  boost::intrusive::list<ClientSocket, boost::intrusive::base_hook<AwaitedHook>,
                         boost::intrusive::constant_time_size<false>>
      sockets_;
};

}  // namespace cachey::net
