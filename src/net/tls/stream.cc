#include "net/tls/stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "net/tls/identity.h"

namespace cachey::net::tls {
namespace {

/// Limit of pending ciphertext. Responses stay below it; a client can exceed it only with requests
/// that OpenSSL answers by itself, such as key updates.
constexpr size_t kPendingBytesMax = 2 * Worker::kWindowMax;

bool would_block(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

/// A position in a list of parts.
class Stream::Parts {
 public:
  explicit Parts(std::span<const iovec> parts) : parts_(parts) { skip_empty(); }

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  [[nodiscard]] bool last() const { return parts_.size() == 1; }
  /// The rest of the first part. REQUIRES: not empty().
  [[nodiscard]] std::span<const char> front() const {
    const iovec& part = parts_.front();
    return std::span(static_cast<const char*>(part.iov_base), part.iov_len).subspan(done_);
  }
  /// REQUIRES: at most front().size().
  void consume(size_t bytes) {
    done_ += bytes;
    skip_empty();
  }
  /// Moves bytes of one or more parts to `into` until it is full. Returns how many bytes it moved.
  [[nodiscard]] size_t gather(std::span<char> into) {
    size_t filled = 0;
    while (filled < into.size() && !empty()) {
      const size_t bytes = std::min(front().size(), into.size() - filled);
      std::memcpy(into.data() + filled, front().data(), bytes);
      filled += bytes;
      consume(bytes);
    }
    return filled;
  }

 private:
  void skip_empty() {
    while (!parts_.empty() && done_ == parts_.front().iov_len) {
      parts_ = parts_.subspan(1);
      done_ = 0;
    }
  }

  std::span<const iovec> parts_;
  size_t done_ = 0;  // bytes consumed of the first part
};

Stream::~Stream() {
  end_handshake();
  set_pending(Buffer());
  if (ssl_) worker_.charge(-kIdleBytes);
}

const BIO_METHOD* Stream::transport() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* const made =
        ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cachey client");
    ::BIO_meth_set_read(made, on_read);
    ::BIO_meth_set_write(made, on_write);
    ::BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long {
      return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return made;
  }();
  return method;
}

int Stream::on_read(BIO* bio, char* into, int bytes) {
  const auto* const self = static_cast<const Stream*>(::BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::recv(self->socket_, into, static_cast<size_t>(bytes), MSG_DONTWAIT);
  if (n < 0 && would_block(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

int Stream::on_write(BIO* bio, const char* from, int bytes) {
  const auto* const self = static_cast<const Stream*>(::BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  return self->worker_.put_output(std::span(from, static_cast<size_t>(bytes))) ? bytes : -1;
}

/// OpenSSL tells of each record's head, before the record is decrypted.
void Stream::on_message(int is_ours, int, int type, const void*, size_t, SSL*, void* self) {
  if (is_ours == 0 && type == SSL3_RT_HEADER) static_cast<Stream*>(self)->count_record();
}

/// Past the limit, OpenSSL throws this record away and reads no further: one call of OpenSSL reads
/// records until it finds data.
void Stream::count_record() {
  if (++records_ <= records_max_) return;
  too_many_records_ = true;
  ::SSL_set_shutdown(ssl_.get(), SSL_RECEIVED_SHUTDOWN);
}

/// Looks at the client's first byte, and creates the OpenSSL objects. False: no byte yet, or the
/// handshake has failed.
bool Stream::begin() {
  char first = 0;
  const ssize_t n = ::recv(socket_, &first, 1, MSG_DONTWAIT | MSG_PEEK);
  if (n < 0 && would_block(errno)) return false;
  if (n <= 0) {
    broken_ = true;
    return false;
  }
  begun_ = true;
  got_plain_http_ = first >= 'A' && first <= 'Z';  // an HTTP method; TLS begins with 22
  if (!got_plain_http_) {
    worker_.begin_handshake(handshake_);
    context_ = worker_.context();
    ssl_ = context_->make_ssl();
  }
  BIO* const bio = ssl_ ? ::BIO_new(transport()) : nullptr;
  if (bio == nullptr) {
    broken_ = true;
    return false;
  }
  worker_.charge(kIdleBytes);
  ::BIO_set_data(bio, this);
  ::BIO_set_init(bio, 1);
  ::SSL_set_bio(ssl_.get(), bio, bio);
  ::SSL_set_msg_callback(ssl_.get(), on_message);
  ::SSL_set_msg_callback_arg(ssl_.get(), this);
  ::SSL_set_accept_state(ssl_.get());
  return true;
}

Stream::Step Stream::handshake() {
  if (!ssl_ && !begin()) return broken_ ? Step::kFailed : Step::kWaits;
  worker_.clear_output();
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(ssl_.get());
  const int error = ::SSL_get_error(ssl_.get(), result);
  starved_ = error == SSL_ERROR_WANT_READ;
  const std::string reason = result == 1 ? std::string() : openssl_reason();
  if (!worker_.output().empty()) worker_.answer_handshake(handshake_);
  (void)send_output();
  if (result == 1) return finish_handshake();
  if (starved_ && !broken_) return Step::kWaits;
  return fail_handshake(reason);
}

Stream::Step Stream::finish_handshake() {
  if (broken_) return fail_handshake("the client has gone");
  if (!client_is_verified()) return fail_handshake("the resumed session's certificate has expired");
  end_handshake();
  records_ = 0;
  records_max_ = kEmptyRecordsMax;
  return Step::kDone;
}

Stream::Step Stream::fail_handshake(std::string_view reason) {
  log::debug("TLS handshake failed", {{"reason", reason}});
  end_handshake();
  broken_ = true;
  // Read what the client sent meanwhile: closing with unread input sends RST, which can overtake
  // our alert.
  (void)::shutdown(socket_, SHUT_WR);
  (void)::recv(socket_, nullptr, Worker::kWindowMax, MSG_DONTWAIT | MSG_TRUNC);
  return Step::kFailed;
}

/// The certificate of a resumed session was verified when the session began. It may have expired
/// since then.
bool Stream::client_is_verified() const {
  if (!context_->verifies_clients()) return true;
  const X509* const certificate = ::SSL_get0_peer_certificate(ssl_.get());
  return certificate != nullptr && ::SSL_get_verify_result(ssl_.get()) == X509_V_OK &&
         ::X509_cmp_current_time(::X509_get0_notAfter(certificate)) > 0;
}

std::string_view Stream::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  ::SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

std::optional<size_t> Stream::receive(std::span<char> into) { return read(into, ::SSL_read_ex); }

std::optional<size_t> Stream::peek() {
  char first = 0;
  return read(std::span(&first, 1), ::SSL_peek_ex);
}

std::optional<size_t> Stream::read(std::span<char> into, ReadCall call) {
  if (broken_) return 0;
  worker_.clear_output();
  ::ERR_clear_error();
  size_t bytes = 0;
  const int result = call(ssl_.get(), into.data(), into.size(), &bytes);
  const int error = ::SSL_get_error(ssl_.get(), result);
  (void)send_output();  // an alert, or the answer to a key update
  starved_ = error == SSL_ERROR_WANT_READ;
  if (broken_) return 0;
  if (result == 1) {
    records_ -= std::min<size_t>(records_, 2);
    return bytes;
  }
  if (too_many_records_) log::debug("a client sent too many TLS records without data");
  if (starved_ && !too_many_records_) return std::nullopt;
  broken_ = too_many_records_ || error != SSL_ERROR_ZERO_RETURN;
  return 0;
}

bool Stream::has_input() const {
  return !broken_ && !starved_ && ssl_ && ::SSL_has_pending(ssl_.get()) == 1;
}

size_t Stream::send(std::span<const iovec> parts, size_t bytes) {
  if (broken_ || !flush()) return 0;
  Parts left(parts);
  size_t taken = 0;
  while (taken < bytes && taken < kTurnBytes) {
    worker_.clear_output();
    const size_t budget = worker_.much_pending() ? Worker::kRecordBytes : window_;
    const size_t encrypted = encrypt(left, budget);
    taken += encrypted;
    // Encrypt about as much as the kernel takes at a time, so that little is pending for a slow
    // client.
    if (!send_output()) {
      window_ = std::max(window_ / 2, Worker::kRecordBytes);
      break;
    }
    if (encrypted == window_) window_ = std::min(2 * window_, Worker::kWindowMax);
    if (broken_) break;
  }
  return taken;
}

/// Encrypts up to `budget` bytes, in full records if there are enough bytes. Small parts are
/// gathered into one record; large parts are encrypted without a copy.
size_t Stream::encrypt(Parts& parts, size_t budget) {
  size_t taken = 0;
  while (taken < budget && !parts.empty() && !broken_) {
    const size_t room = budget - taken;
    std::span<const char> plaintext = parts.front().first(std::min(parts.front().size(), room));
    if (parts.last()) {
      parts.consume(plaintext.size());
    } else if (plaintext.size() >= Worker::kRecordBytes) {
      plaintext = plaintext.first(plaintext.size() - plaintext.size() % Worker::kRecordBytes);
      parts.consume(plaintext.size());
    } else {
      const std::span<char> record = worker_.record().first(std::min(room, Worker::kRecordBytes));
      plaintext = record.first(parts.gather(record));
    }
    if (seal(plaintext)) taken += plaintext.size();
  }
  return taken;
}

bool Stream::seal(std::span<const char> plaintext) {
  ::ERR_clear_error();
  size_t written = 0;
  broken_ = ::SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written) != 1;
  return !broken_;
}

/// Sends the ciphertext in the scratch memory, after the pending bytes. False: bytes are pending.
bool Stream::send_output() {
  std::span<const char> out = worker_.output();
  if (pending_.empty()) out = out.subspan(send_to_kernel(out));
  if (broken_ || out.empty()) return pending_.empty();
  if (pending_.size() + out.size() > kPendingBytesMax) {
    broken_ = true;
    return false;
  }
  Buffer grown(pending_.size() + out.size());
  grown.append(pending_.text());
  grown.append(std::string_view(out.data(), out.size()));
  set_pending(std::move(grown));
  return false;
}

bool Stream::flush() {
  if (pending_.empty()) return true;
  pending_.consume(send_to_kernel(pending_.bytes()));
  if (pending_.empty()) set_pending(Buffer());
  return pending_.empty();
}

size_t Stream::send_to_kernel(std::span<const char> bytes) {
  if (bytes.empty() || broken_) return 0;
  const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0) return static_cast<size_t>(n);
  if (!would_block(errno) && errno != ENOBUFS) broken_ = true;
  return 0;
}

void Stream::set_pending(Buffer buffer) {
  worker_.add_pending(static_cast<int64_t>(buffer.capacity()) -
                      static_cast<int64_t>(pending_.capacity()));
  pending_ = std::move(buffer);
}

void Stream::end_sending() {
  if (broken_ || !ssl_ || ::SSL_is_init_finished(ssl_.get()) == 0 || !flush()) return;
  worker_.clear_output();
  ::ERR_clear_error();
  (void)::SSL_shutdown(ssl_.get());
  (void)send_output();
}

}  // namespace cachey::net::tls
