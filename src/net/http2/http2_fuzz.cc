// A client sends any bytes after the preface, and reads all responses. Nothing breaks, and the
// connection ends after the client has closed its side.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/clock.h"
#include "net/connection/worker_state.h"
#include "net/http2/connection.h"
#include "rt/worker.h"

namespace {

using namespace cachey;

/// Answers with the request's target, and trailers if asked for.
class EchoHandler final : public net::Handler {
 public:
  rt::Task<void> handle(rt::Worker&, const net::Request& request,
                        net::ResponseWriter& writer) override {
    net::ResponseHead head(200);
    head.set_content_length(request.target().size());
    if (request.field("trailers")) head.set_trailer_name("trailers");
    writer.start(head);
    const bool sent = co_await net::offer_all(writer, request.target());
    const net::Field trailer{"trailers", request.target()};
    if (sent) (void)co_await writer.finish(std::span(&trailer, 1));
  }
};

rt::Task<void> serve(net::WorkerState& state, net::ClientSocket& socket, bool& ended) {
  net::http2::Connection connection(state, socket);
  net::Buffer received;
  received.append("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  co_await connection.run(std::move(received));
  ended = true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static SystemClock clock;
  static rt::Worker worker(0, clock);
  static EchoHandler handler;
  static net::ServerConfig config;
  static net::ServerStats stats;
  static net::WorkerState state(worker, handler, config, clock, stats);

  std::array<int, 2> ends;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  rt::Socket accepted(worker.executor());
  accepted.assign(rt::Tcp::v4(), ends[0]);
  net::ClientSocket socket(worker.timers(), std::move(accepted), nullptr, config.write_timeout);
  bool ended = false;
  worker.tasks().spawn(serve(state, socket, ended));

  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t piece = 1 + size % 999;
  bool shut = false;
  while (!ended) {
    if (!bytes.empty()) {
      const ssize_t n = ::send(ends[1], bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL);
      bytes.remove_prefix(n > 0 ? static_cast<size_t>(n) : errno == EAGAIN ? 0 : bytes.size());
    } else if (!shut) {
      shut = true;
      ::shutdown(ends[1], SHUT_WR);
    }
    std::array<char, 65536> block;
    while (::recv(ends[1], block.data(), block.size(), 0) > 0) continue;
    worker.io().restart();
    worker.io().poll();
  }
  ::close(ends[1]);
  worker.io().poll();
  CHECK(state.http2_requests.bytes() == 0 && state.http2_unsent == 0 && state.awaited.empty() &&
        state.http2_frames.empty());
  return 0;
}
