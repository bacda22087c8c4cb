#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aws/checksum.h"
#include "base/base64.h"
#include "base/check.h"

/// Input: a byte that chooses the algorithm, a byte that chooses the type, the header's value.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey::aws;
  if (size < 2) return 0;
  const std::string value(reinterpret_cast<const char*>(data) + 2, size - 2);
  const ChecksumAlgorithm algorithm = kChecksumHeaders[data[0] % kChecksumHeaders.size()].algorithm;
  const AnnouncedChecksum announced[] = {{algorithm, value}};
  const auto expected = choose_checksum(announced, data[1] % 2 == 0 ? "" : "COMPOSITE");
  if (!expected) return 0;
  CHECK(data[1] % 2 == 0 && expected->algorithm == algorithm);
  Checksum checksum(algorithm);
  CHECK(checksum.finish().size() == expected->bytes.size());
  return 0;
}
