#include "app/probe_command.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "app/bounded_wait.h"
#include "app/probe_target.h"
#include "base/error.h"
#include "base/log.h"
#include "net/tls/identity.h"
#include "net/tls/openssl_ptr.h"
#include "origin/transport/endpoint_url.h"
#include "origin/transport/response_head.h"
#include "rt/io.h"

namespace cachey::app {
namespace {

constexpr std::string_view kProbeOption = "--probe";

/// A blocking connection, in clear text or TLS.
class ProbeConnection {
 public:
  Result<void> open(const origin::EndpointUrl& url) {
    boost::system::error_code error;
    const auto found = rt::Tcp::resolver(io_).resolve(url.host, std::to_string(url.port), error);
    if (!error) boost::asio::connect(socket_, found, error);
    if (error) return fail(ErrorKind::kUpstream, error.message());
    if (!url.tls) return {};
    context_.reset(::SSL_CTX_new(::TLS_client_method()));
    if (context_ != nullptr) ssl_.reset(::SSL_new(context_.get()));
    if (ssl_ == nullptr) return tls_failure();
    if (!origin::is_ip_address(url.host)) ::SSL_set_tlsext_host_name(ssl_.get(), url.host.c_str());
    ::SSL_set_fd(ssl_.get(), socket_.native_handle());
    if (::SSL_connect(ssl_.get()) != 1) return tls_failure();
    return {};
  }

  Result<void> write(std::string_view text) {
    if (ssl_ != nullptr) {
      if (::SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) <= 0)
        return tls_failure();
      return {};
    }
    boost::system::error_code error;
    boost::asio::write(socket_, boost::asio::buffer(text), error);
    if (error) return fail(ErrorKind::kUpstream, error.message());
    return {};
  }

  /// 0: the end.
  Result<size_t> read(std::span<char> into) {
    if (ssl_ != nullptr) {
      const int got = ::SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
      if (got > 0) return static_cast<size_t>(got);
      if (::SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN) return 0;
      return tls_failure();
    }
    boost::system::error_code error;
    const size_t got = socket_.read_some(boost::asio::buffer(into.data(), into.size()), error);
    if (error == boost::asio::error::eof) return 0;
    if (error) return fail(ErrorKind::kUpstream, error.message());
    return got;
  }

 private:
  static std::unexpected<Error> tls_failure() {
    const bool told = ::ERR_peek_last_error() != 0;
    return fail(ErrorKind::kUpstream,
                "TLS: " + (told ? net::tls::openssl_reason() : "the connection has ended"));
  }

  rt::asio::io_context io_;
  rt::Socket socket_{io_.get_executor()};
  net::tls::SslContextPtr context_;
  net::tls::SslPtr ssl_;
};

Result<unsigned> status_of(std::string_view head) {
  const Result<origin::ResponseHead> parsed = origin::parse_response_head(head);
  if (!parsed) return std::unexpected(parsed.error());
  return parsed->status;
}

/// The status of the answer; 200 if a connection is all that was wanted.
Result<unsigned> probe_status(const ProbeTarget& target) {
  const origin::EndpointUrl& url = target.url;
  ProbeConnection connection;
  if (Result<void> opened = connection.open(url); !opened)
    return std::unexpected(std::move(opened.error()));
  if (target.connects_only) return 200;
  const std::string path = url.base_path.empty() ? "/" : url.base_path;
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: cachey-probe\r\nConnection: close\r\n\r\n", path,
      host_header(url));
  if (Result<void> sent = connection.write(request); !sent)
    return std::unexpected(std::move(sent.error()));
  std::string text(origin::kHeadBytesMax, '\0');
  size_t size = 0;
  while (true) {
    const std::string_view head = std::string_view(text).substr(0, size);
    const Result<size_t> end = origin::find_head_end(head);
    if (!end) return std::unexpected(end.error());
    if (*end != 0) return status_of(head.substr(0, *end));
    if (size == text.size())
      return fail(ErrorKind::kUpstream, "the head of the answer is too long");
    const Result<size_t> got = connection.read(std::span(text).subspan(size));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return fail(ErrorKind::kUpstream, "the connection ended before an answer");
    size += *got;
  }
}

int tell_ill(const std::string& why) {
  std::fprintf(stderr, "cachey: --probe: %s\n", why.c_str());
  return 1;
}

/// An error names no password that `text` may have.
Result<ProbeTarget> target_of_url(std::string_view text) {
  Result<origin::EndpointUrl> url = origin::parse_endpoint_url(text);
  if (!url) return std::unexpected(std::move(url.error()));
  return ProbeTarget{.text = std::string(text), .url = std::move(*url)};
}

Result<ProbeTarget> wanted_target(std::span<const char* const> arguments) {
  const std::string_view option = arguments.front();
  if (option == kProbeOption && arguments.size() == 1) return target_of_first_process();
  if (option == kProbeOption && arguments.size() == 2) return target_of_url(arguments[1]);
  if (arguments.size() == 1 && option.starts_with(std::string(kProbeOption) + "="))
    return target_of_url(option.substr(kProbeOption.size() + 1));
  return fail(ErrorKind::kBadRequest, "takes one URL, and no other option stands beside it");
}

}  // namespace

bool is_probe_command(int argc, const char* const* argv) {
  const auto arguments = std::span(argv, static_cast<size_t>(argc)).subspan(1);
  return std::ranges::any_of(arguments, [](std::string_view argument) {
    return argument == kProbeOption || argument.starts_with(std::string(kProbeOption) + "=");
  });
}

int run_probe_command(int argc, const char* const* argv, std::chrono::milliseconds limit) {
  const Result<ProbeTarget> target =
      wanted_target(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (!target) return tell_ill(target.error().message());
  std::signal(SIGPIPE, SIG_IGN);
  const auto ill = [name = log::quoted(target->text)](const std::string& why) {
    return tell_ill(fmt::format("{}: {}", name, why));
  };
  try {
    const auto status = result_within(limit, [target = *target] { return probe_status(target); });
    if (!status) return ill(fmt::format("no answer within {} ms", limit.count()));
    if (!*status) return ill(status->error().message());
    return **status / 100 == 2 ? 0 : ill(fmt::format("the answer has status {}", **status));
  } catch (const std::exception& lack) {  // of threads, files or memory
    return ill(lack.what());
  }
}

}  // namespace cachey::app
