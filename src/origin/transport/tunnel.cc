#include "origin/transport/tunnel.h"

#include <fmt/format.h>

#include <utility>

#include "origin/transport/endpoint_url.h"
#include "origin/transport/request_head.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {
namespace {

constexpr size_t kReadBytes = 1024;

std::string connect_request(const Proxy& proxy, const std::string& host, uint16_t port) {
  const std::string target = fmt::format("{}:{}", bracketed(host), port);
  RequestHead head("CONNECT", target);
  head.add("host", target);
  if (!proxy.authorization.empty()) head.add("proxy-authorization", proxy.authorization);
  return head.finish();
}

Failure refused(std::string_view why, Retry retry) {
  return {Error(ErrorKind::kUpstream, fmt::format("no way through the proxy: {}", why)), retry, {}};
}

}  // namespace

rt::Task<Attempt<void>> open_tunnel(Connection& connection, const Proxy& proxy, std::string host,
                                    uint16_t port, MonoTime deadline) {
  const std::string request = connect_request(proxy, host, port);
  IoResult<void> sent = co_await connection.write(request, deadline);
  if (!sent) co_return std::unexpected(failure_of(sent.error()));
  std::string received;
  size_t size = 0;  // of the head
  while (size == 0) {
    if (received.size() > kHeadBytesMax)
      co_return std::unexpected(refused("its answer is too long", Retry::kNever));
    const size_t filled = received.size();
    received.resize(filled + kReadBytes);
    const std::span<std::byte> into =
        std::as_writable_bytes(std::span(received.data() + filled, kReadBytes));
    IoResult<size_t> got = co_await connection.read_some(into, deadline);
    if (!got) co_return std::unexpected(failure_of(got.error()));
    received.resize(filled + *got);
    const Result<size_t> found = find_head_end(received, filled);
    if (!found) co_return std::unexpected(refused(found.error().message(), Retry::kNever));
    size = *found;
  }
  const Result<ResponseHead> head = parse_response_head(received);
  if (!head) co_return std::unexpected(refused(head.error().message(), Retry::kNever));
  if (head->status < 200 || head->status >= 300) {
    const Retry retry = head->status == 407 ? Retry::kNever : Retry::kTransient;
    co_return std::unexpected(refused(fmt::format("it answered {}", head->status), retry));
  }
  // With TLS the client speaks first.
  if (received.size() > size)
    co_return std::unexpected(refused("it sent more than its answer", Retry::kNever));
  co_return Attempt<void>();
}

}  // namespace cachey::origin
