#include <cstddef>
#include <cstdint>
#include <span>

#include "aws/crc.h"
#include "base/check.h"

namespace {

/// Folded, in two pieces, and by tables alone: the sums must be equal.
template <typename Check>
void compare(std::span<const std::byte> bytes, size_t first_piece) {
  Check by_tables;
  by_tables.update_by_tables(bytes);
  Check whole;
  whole.update(bytes);
  CHECK(whole.value() == by_tables.value());
  Check pieces;
  pieces.update(bytes.first(first_piece));
  pieces.update(bytes.subspan(first_piece));
  CHECK(pieces.value() == by_tables.value());
}

}  // namespace

/// Input: two bytes that choose the first piece's length, then the bytes to sum.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::aws;
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(2);
  const size_t first_piece = (data[0] | size_t{data[1]} << 8) % (bytes.size() + 1);
  compare<Crc32>(bytes, first_piece);
  compare<Crc32c>(bytes, first_piece);
  compare<Crc64Nvme>(bytes, first_piece);
  return 0;
}
