#include <benchmark/benchmark.h>

#include "net/http1/writer.h"

// The cost of making the head of a response, without system calls.

namespace cachey::net::http1 {
namespace {

class NoHandler final : public Handler {
 public:
  rt::Task<void> handle(rt::Worker& /*worker*/, const Request& /*request*/,
                        ResponseWriter& /*writer*/) override {
    co_return;
  }
};

/// `lines`: add_lines().
void write_head(benchmark::State& state, std::string_view lines) {
  const SystemClock clock;
  rt::Worker worker(0, clock);
  NoHandler handler;
  ServerStats stats;
  const auto shared = std::make_unique<WorkerState>(worker, handler, ServerConfig(), clock, stats);
  ClientSocket socket(worker.timers(), rt::Socket(worker.executor()), nullptr,
                      shared->config.write_timeout);  // not connected
  Writer writer(*shared, socket);
  RequestHead request;
  request.method = Method::kGet;
  request.keep_alive = true;
  for (auto _ : state) {
    writer.begin(request, false);
    ResponseHead head(206);
    head.add("Content-Range", "bytes 0-65535/73400320");
    head.add("Content-Type", "application/octet-stream");
    head.add("Accept-Ranges", "bytes");
    head.add("Last-Modified", "Fri, 17 May 2024 08:49:37 GMT");
    head.add("ETag", "\"6805f2cfc46c0f04559748bb039d69ae-9\"");
    head.add("C0-Status", "0-65535; images-eu; 1715935777");
    head.set_content_length(65536);
    head.add_lines(lines);
    writer.start(head);
    writer.end();
  }
}
BENCHMARK_CAPTURE(write_head, plain, "");
BENCHMARK_CAPTURE(write_head, with_attributes,
                  "Content-Type: image/jpeg\r\nx-amz-meta-author: somebody\r\n"
                  "x-amz-server-side-encryption: AES256\r\n");

}  // namespace
}  // namespace cachey::net::http1
