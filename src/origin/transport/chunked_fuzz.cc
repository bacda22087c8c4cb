#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "origin/transport/chunked.h"

namespace {

using cachey::origin::ChunkDecoder;

std::optional<std::string> decode(std::string_view coded, size_t piece) {
  ChunkDecoder decoder;
  std::string data;
  while (!coded.empty()) {
    std::string_view part = coded.substr(0, piece);
    coded.remove_prefix(part.size());
    while (!part.empty()) {
      if (decoder.state() == ChunkDecoder::State::kFraming) {
        part.remove_prefix(decoder.take_framing(part));
      } else if (decoder.state() == ChunkDecoder::State::kData) {
        const std::string_view taken = part.substr(0, decoder.data_left());
        data += taken;
        decoder.took_data(taken.size());
        part.remove_prefix(taken.size());
      } else {
        return std::nullopt;
      }
    }
  }
  if (decoder.state() != ChunkDecoder::State::kEnd) return std::nullopt;
  return data;
}

}  // namespace

/// Pieces of any size give the same data.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view coded(reinterpret_cast<const char*>(data) + 1, size - 1);
  CHECK(decode(coded, 1 + data[0] % 16) == decode(coded, std::max<size_t>(1, coded.size())));
  return 0;
}
