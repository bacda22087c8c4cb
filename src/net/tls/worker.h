#pragma once

#include <sys/socket.h>

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "net/tls/context.h"
#include "net/tls/identity.h"

namespace cachey::net::tls {

/// The place of an open handshake among those of its worker. Owned by the Stream.
struct Handshake
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  explicit Handshake(int fd) : socket(fd) {}
  const int socket;
};

/// State that the TLS connections of one worker share: scratch memory and counts. Owned by
/// WorkerState; the worker's thread.
class Worker {
 public:
  /// Plaintext of a full record (RFC 8446 5.1).
  static constexpr size_t kRecordBytes = size_t{16} << 10;
  /// Plaintext that is encrypted for one send(). Larger windows leave the CPU cache before the
  /// kernel copies them: 256 KiB costs 6 % more CPU a hit of 16 MiB.
  static constexpr size_t kWindowMax = size_t{96} << 10;
  /// Pending ciphertext of all connections. Past it, each connection encrypts one record at a time.
  static constexpr size_t kPendingMax = size_t{64} << 20;
  /// Handshakes that have begun and not ended. Past it, an open one gives way to each new one.
  static constexpr size_t kHandshakesMax = 1024;

  Worker(std::shared_ptr<Contexts> contexts, std::function<void(int64_t)> charge)
      : contexts_(std::move(contexts)),
        charge_(std::move(charge)),
        record_(std::make_unique_for_overwrite<char[]>(kRecordBytes)),
        output_(std::make_unique_for_overwrite<char[]>(kOutputBytes)) {}

  [[nodiscard]] std::shared_ptr<const Context> context() const { return contexts_->current(); }

  // Scratch memory: plaintext of one record, and ciphertext. Valid until another connection of the
  // worker runs.

  [[nodiscard]] std::span<char> record() { return {record_.get(), kRecordBytes}; }
  void clear_output() { used_ = 0; }
  [[nodiscard]] std::span<const char> output() const { return {output_.get(), used_}; }
  /// False: no room. There is room for kWindowMax of plaintext, or for any handshake.
  [[nodiscard]] bool put_output(std::span<const char> bytes) {
    if (bytes.size() > kOutputBytes - used_) return false;
    std::memcpy(output_.get() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
    return true;
  }

  /// Charges the memory of a connection beyond that of a connection without TLS.
  void charge(int64_t bytes) { charge_(bytes); }
  void add_pending(int64_t bytes) {
    pending_bytes_ += bytes;
    if (bytes != 0) charge(bytes);
  }
  [[nodiscard]] bool much_pending() const { return pending_bytes_ > int64_t{kPendingMax}; }

  /// Past kHandshakesMax, another handshake gives way: of those that we have not answered, because
  /// the ClientHello is incomplete, the oldest; if there are none, the oldest of all. So clients
  /// that say a little and then nothing keep nobody out.
  void begin_handshake(Handshake& handshake) {
    if (handshakes_ >= kHandshakesMax) give_way(unanswered_.empty() ? answered_ : unanswered_);
    unanswered_.push_back(handshake);
    ++handshakes_;
  }
  /// We have answered the client's first message. REQUIRES: begin_handshake().
  void answer_handshake(Handshake& handshake) {
    if (!handshake.is_linked()) return;  // gave way
    handshake.unlink();
    answered_.push_back(handshake);
  }
  /// No effect if the handshake has not begun, has ended or gave way.
  void end_handshake(Handshake& handshake) {
    if (!handshake.is_linked()) return;
    handshake.unlink();
    --handshakes_;
  }

 private:
  // Encryption adds less than kRecordGrowth to a record. A client may ask for records as small as
  // kFragmentMin (max_fragment_length, RFC 6066).
  static constexpr size_t kRecordGrowth = 256;
  static constexpr size_t kFragmentMin = 512;
  static constexpr size_t kOutputBytes =
      kWindowMax + (kWindowMax / kFragmentMin + 1) * kRecordGrowth;
  static_assert(kPemBytesMax < kOutputBytes);

  using Handshakes = boost::intrusive::list<Handshake, boost::intrusive::constant_time_size<false>>;

  /// Ends the first handshake of the list: its connection finds the socket shut down.
  void give_way(Handshakes& handshakes) {
    Handshake& first = handshakes.front();
    (void)::shutdown(first.socket, SHUT_RDWR);
    end_handshake(first);
  }

  const std::shared_ptr<Contexts> contexts_;
  const std::function<void(int64_t)> charge_;
  std::unique_ptr<char[]> record_;
  std::unique_ptr<char[]> output_;
  size_t used_ = 0;
  int64_t pending_bytes_ = 0;
  Handshakes unanswered_;  // the oldest first
  Handshakes answered_;    // in the order in which they were answered
  size_t handshakes_ = 0;  // of both lists
};

}  // namespace cachey::net::tls
