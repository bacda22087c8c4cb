#include <benchmark/benchmark.h>

#include "origin/s3/answer.h"
#include "origin/transport/response_head.h"

// The cost of parsing the head of an answer and checking it.

namespace cachey::origin {
namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 206 Partial Content\r\n"
    "x-amz-id-2: ot1J9nW2XpMsdEMUSFhIRSAX6zZCZkEEXFAMzkzRUMyaHLkqXVC5DBSp8P6R7PZyGhYvVz3JbbE=\r\n"
    "x-amz-request-id: 7B4A0FABBEXAMPLE\r\n"
    "Date: Fri, 17 May 2024 08:49:38 GMT\r\n"
    "Last-Modified: Fri, 17 May 2024 08:49:37 GMT\r\n"
    "ETag: \"6805f2cfc46c0f04559748bb039d69ae\"\r\n"
    "x-amz-server-side-encryption: AES256\r\n"
    "x-amz-checksum-crc64nvme: 8PZ0wFFmNbk=\r\n"
    "x-amz-checksum-type: FULL_OBJECT\r\n"
    "Accept-Ranges: bytes\r\n"
    "Content-Range: bytes 0-4095/4096\r\n"
    "Content-Type: image/jpeg\r\n"
    "Content-Length: 4096\r\n"
    "Server: AmazonS3\r\n"
    "\r\n";

void read_answer(benchmark::State& state) {
  for (auto _ : state) {
    const Result<ResponseHead> head = parse_response_head(kAnswer);
    if (!head) return state.SkipWithError("no head");
    const Result<GoodAnswer> answer = check_answer(*head, {0, 16 * 1024 * 1024});
    if (!answer) return state.SkipWithError("no good answer");
    benchmark::DoNotOptimize(answer->info.size);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kAnswer.size()));
}
BENCHMARK(read_answer);

}  // namespace
}  // namespace cachey::origin
