#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "origin/transport/chunked.h"

namespace cachey::origin {

/// Decodes `coded` in pieces of `piece` bytes. Nothing if the coding is broken or unfinished.
inline std::optional<std::string> decode_chunked(std::string_view coded, size_t piece) {
  ChunkDecoder decoder;
  std::string data;
  while (!coded.empty()) {
    std::string_view part = coded.substr(0, piece);
    coded.remove_prefix(part.size());
    while (!part.empty()) {
      switch (decoder.state()) {
        case ChunkDecoder::State::kFraming:
          part.remove_prefix(decoder.take_framing(part));
          break;
        case ChunkDecoder::State::kData: {
          const std::string_view taken = part.substr(0, decoder.data_left());
          data += taken;
          decoder.took_data(taken.size());
          part.remove_prefix(taken.size());
          break;
        }
        case ChunkDecoder::State::kEnd:
        case ChunkDecoder::State::kBroken:
          return std::nullopt;
      }
    }
  }
  if (decoder.state() != ChunkDecoder::State::kEnd) return std::nullopt;
  return data;
}

}  // namespace cachey::origin
