#pragma once

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

/// State that the TLS connections of one worker share: scratch memory and counts. Owned by
/// WorkerState; the worker's thread.
class Worker {
 public:
  /// Plaintext of a full record (RFC 8446 5.1).
  static constexpr size_t kRecordBytes = size_t{16} << 10;
  /// Plaintext that is encrypted for one send().
  static constexpr size_t kWindowMax = size_t{256} << 10;
  /// Pending ciphertext of all connections. Past it, each connection encrypts one record at a time.
  static constexpr size_t kPendingMax = size_t{64} << 20;
  /// Handshakes that have begun and not ended. Past it, new ones are closed.
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

  [[nodiscard]] bool begin_handshake() {
    if (handshakes_ >= kHandshakesMax) return false;
    ++handshakes_;
    return true;
  }
  void end_handshake() { --handshakes_; }

 private:
  // Encryption adds less than kRecordGrowth to a record. A client may ask for records as small as
  // kFragmentMin (max_fragment_length, RFC 6066).
  static constexpr size_t kRecordGrowth = 256;
  static constexpr size_t kFragmentMin = 512;
  static constexpr size_t kOutputBytes =
      kWindowMax + (kWindowMax / kFragmentMin + 1) * kRecordGrowth;
  static_assert(kPemBytesMax < kOutputBytes);

  const std::shared_ptr<Contexts> contexts_;
  const std::function<void(int64_t)> charge_;
  std::unique_ptr<char[]> record_;
  std::unique_ptr<char[]> output_;
  size_t used_ = 0;
  int64_t pending_bytes_ = 0;
  size_t handshakes_ = 0;
};

}  // namespace cachey::net::tls
