#include "origin/transport/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "base/check.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

namespace asio = boost::asio;
using boost::system::error_code;

TlsStream::TlsStream(rt::Socket& socket, TlsContext& context)
    : socket_(socket), ssl_(::SSL_new(context.native_handle())) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  error_code ignored;  // a closed socket fails in the handshake
  socket_.native_non_blocking(true, ignored);
  if (::SSL_set_fd(ssl_.get(), socket_.native_handle()) != 1) throw std::bad_alloc();
  ::SSL_set_connect_state(ssl_.get());
  ::SSL_set_msg_callback(ssl_.get(), on_message);
  ::SSL_set_msg_callback_arg(ssl_.get(), this);
}

/// OpenSSL tells of each record's head, before the record is decrypted.
void TlsStream::on_message(int is_ours, int, int type, const void*, size_t, SSL*, void* self) {
  if (is_ours == 0 && type == SSL3_RT_HEADER) static_cast<TlsStream*>(self)->count_record();
}

/// Past the limit, OpenSSL throws this record away and reads no further: one call of OpenSSL reads
/// records until it finds data.
void TlsStream::count_record() {
  ++records_;
  if (had_too_many_records()) ::SSL_set_shutdown(ssl_.get(), SSL_RECEIVED_SHUTDOWN);
}

bool TlsStream::expect_host(const std::string& host) {
  X509_VERIFY_PARAM* verify = ::SSL_get0_param(ssl_.get());
  if (is_ip_address(host)) return ::X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) == 1;
  ::X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return ::SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1 &&
         ::X509_VERIFY_PARAM_set1_host(verify, host.c_str(), host.size()) == 1;
}

std::string TlsStream::certificate_fault() const {
  const long result = ::SSL_get_verify_result(ssl_.get());
  if (result == X509_V_OK) return {};
  return ::X509_verify_cert_error_string(result);
}

error_code TlsStream::failure(int ssl_error, int system_error) {
  const unsigned long reason = ::ERR_get_error();
  if (ssl_error == SSL_ERROR_ZERO_RETURN) return asio::error::eof;
  if (ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return asio::ssl::error::stream_truncated;
  }
  if (reason != 0) return {static_cast<int>(reason), asio::error::get_ssl_category()};
  if (system_error != 0) return {system_error, asio::error::get_system_category()};
  return asio::ssl::error::stream_truncated;
}

/// Waits until the socket has what OpenSSL lacks. Returns the outcome's error if nothing is
/// lacking.
rt::Task<error_code> TlsStream::settle(Outcome outcome) {
  error_code error = outcome.error;
  if (outcome.lacks == SSL_ERROR_WANT_READ) {
    const auto [waited] = co_await socket_.async_wait(rt::Socket::wait_read, rt::kAwaitTuple);
    error = waited;
  } else if (outcome.lacks == SSL_ERROR_WANT_WRITE) {
    const auto [waited] = co_await socket_.async_wait(rt::Socket::wait_write, rt::kAwaitTuple);
    error = waited;
  }
  co_return error;
}

TlsStream::Outcome TlsStream::outcome_of(int result) const {
  const int system_error = errno;
  const int ssl_error = ::SSL_get_error(ssl_.get(), result);
  if (had_too_many_records()) return {SSL_ERROR_NONE, asio::error::connection_aborted};
  if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE) return {ssl_error, {}};
  return {SSL_ERROR_NONE, failure(ssl_error, system_error)};
}

rt::Task<error_code> TlsStream::handshake() {
  error_code error;
  while (!error) {
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(ssl_.get());
    if (result == 1) break;
    const Outcome outcome = outcome_of(result);
    error = co_await settle(outcome);
  }
  records_ = 0;
  records_max_ = kEmptyRecordsMax;
  co_return error;
}

rt::Task<error_code> TlsStream::write(std::string_view bytes) {
  error_code error;
  while (!bytes.empty() && !error) {
    size_t written = 0;
    ::ERR_clear_error();
    const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    bytes.remove_prefix(written);
    if (result == 1) continue;
    const Outcome outcome = outcome_of(result);
    error = co_await settle(outcome);
  }
  co_return error;
}

/// Reads all that can be read without waiting.
size_t TlsStream::read_now(std::span<std::byte> into) {
  size_t filled = 0;
  while (filled < into.size()) {
    size_t bytes = 0;
    ::ERR_clear_error();
    const int result =
        ::SSL_read_ex(ssl_.get(), into.data() + filled, into.size() - filled, &bytes);
    if (result != 1) {
      read_end_ = outcome_of(result);
      break;
    }
    filled += bytes;
    records_ -= std::min<size_t>(records_, 2);
  }
  return filled;
}

rt::Task<TlsStream::Got> TlsStream::read_some(std::span<std::byte> into) {
  CHECK(!into.empty());
  into = into.first(std::min(into.size(), kReadBytesMax));
  Got got;
  while (got.bytes == 0 && !got.error) {
    if (read_end_) {  // a read before this is settled would fail again
      const Outcome outcome = *std::exchange(read_end_, std::nullopt);
      got.error = co_await settle(outcome);
    } else {
      got.bytes = read_now(into);
    }
  }
  co_return got;
}

}  // namespace cachey::origin
