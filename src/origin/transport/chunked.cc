#include "origin/transport/chunked.h"

#include "base/check.h"

namespace cachey::origin {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 60 bits: more than the size of any object.
constexpr int kSizeDigitsMax = 15;

}  // namespace

size_t ChunkDecoder::take_framing(std::string_view bytes) {
  CHECK(state_ == State::kFraming);
  size_t taken = 0;
  while (taken < bytes.size() && state_ == State::kFraming) take(bytes[taken++]);
  return taken;
}

void ChunkDecoder::took_data(uint64_t bytes) {
  CHECK(state_ == State::kData && bytes <= data_left_);
  data_left_ -= bytes;
  if (data_left_ > 0) return;
  state_ = State::kFraming;
  expect_ = Expect::kDataReturn;
}

void ChunkDecoder::take(char c) {
  const auto want = [&](char wanted, Expect next) {
    if (c == wanted) {
      expect_ = next;
    } else {
      state_ = State::kBroken;
    }
  };
  switch (expect_) {
    case Expect::kSize:
      return take_size(c);
    case Expect::kExtension:
      if (c == '\r') {
        expect_ = Expect::kSizeLineFeed;
      } else if (c == '\n') {
        state_ = State::kBroken;
      } else {
        skip();
      }
      return;
    case Expect::kSizeLineFeed:
      if (c == '\n') return end_size_line();
      state_ = State::kBroken;
      return;
    case Expect::kDataReturn:
      return want('\r', Expect::kDataLineFeed);
    case Expect::kDataLineFeed:
      return want('\n', Expect::kSize);
    case Expect::kTrailer:
      return take_trailer(c);
    case Expect::kTrailerLineFeed:
      if (c != '\n') {
        state_ = State::kBroken;
      } else if (trailer_line_bytes_ == 0) {
        state_ = State::kEnd;
      } else {
        trailer_line_bytes_ = 0;
        expect_ = Expect::kTrailer;
      }
      return;
  }
}

void ChunkDecoder::take_size(char c) {
  const int digit = hex_value(c);
  if (digit >= 0) {
    if (++size_digits_ > kSizeDigitsMax) state_ = State::kBroken;
    data_left_ = data_left_ * 16 + static_cast<unsigned>(digit);
  } else if (size_digits_ == 0) {
    state_ = State::kBroken;
  } else if (c == '\r') {
    expect_ = Expect::kSizeLineFeed;
  } else if (c == ';' || c == ' ' || c == '\t') {
    expect_ = Expect::kExtension;
  } else {
    state_ = State::kBroken;
  }
}

void ChunkDecoder::take_trailer(char c) {
  if (c == '\r') {
    expect_ = Expect::kTrailerLineFeed;
  } else if (c == '\n') {
    state_ = State::kBroken;
  } else {
    ++trailer_line_bytes_;
    skip();
  }
}

void ChunkDecoder::skip() {
  if (++skipped_bytes_ > kSkippedBytesMax) state_ = State::kBroken;
}

void ChunkDecoder::end_size_line() {
  size_digits_ = 0;
  if (data_left_ > 0) {
    state_ = State::kData;
  } else {
    expect_ = Expect::kTrailer;
  }
}

}  // namespace cachey::origin
