#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/testing/disk_harness.h"

namespace cachey::store {

// A store of version 2 of the format, as a program of that version made it on a device of 4 MiB:
// pages 0 to 2 of object `a`, page 7 of object `b` in its version 2; page 0 of `b` was removed with
// its version 1.

inline constexpr std::string_view kVersion2Superblock =
    "43414348455944530200000060000000ca30820dd10fcee00300000000000000686f68bb5fbd4522000040000000"
    "0000000000000000000001000000000000004000000001000000950000004000000000000000000000004efa1823"
    "5092eb22";
inline constexpr std::string_view kVersion2Records =
    "43424a313d01000076920475dd86c590000000000000000001006f0000000000db19bf450311e2f94521cd4aeda6"
    "71934ffa18235001000000000040000000004d0000000000000001f1536500000000701101000100040001000600"
    "04000000800000001200000086afd12c6e2e62a89b21a09022a239fd6b696e64616275636b657422763122010067"
    "0001000000db19bf450311e2f94521cd4aeda6719350fa18235001000000000040000000004d0000000000000001"
    "f15365000000008813000001000400010006000400000092000000020000009db3628bdc90135b6b696e64616275"
    "636b65742276312201006700000000007f254711edce1f026706060557e7d1b851fa182350010000000000400000"
    "00004d0000000000000001f1536500000000b80b00000100040001000600040000009400000001000000fbcf1925"
    "b93e5b486b696e64626275636b657422763122";
inline constexpr std::string_view kVersion2LaterRecords =
    "43424a31ee0000009e59e44dddc38dbe010000000000000003002000038257767f254711edce1f026706060557e7"
    "d1b851fa18235001000001006700070000007f254711edce1f026706060557e7d1b852fa18235001000000000040"
    "000000004d0000000000000002f1536500000000b80b0000010004000100060004000000d50000000100000044db"
    "c0df6713824f6b696e64626275636b6574227632220100670002000000db19bf450311e2f94521cd4aeda6719353"
    "fa18235001000000000040000000004d0000000000000001f1536500000000a00f00000100040001000600040000"
    "00d600000001000000f8f4e542f9bd344b6b696e64616275636b657422763122";

[[nodiscard]] inline std::vector<DiskPage> version2_pages() {
  return {make_page("a", 0, 70'000), make_page("a", 1, 5'000), make_page("a", 2, 4'000),
          make_page("b", 7, 3'000, 2)};
}

/// Makes `device`, of at least 4 MiB, that store.
inline void write_version2_store(FaultyDevice& device) {
  const auto put = [&device](uint64_t unit, std::string_view hex) {
    std::byte* at = device.bytes().subspan(unit * kUnitBytes).data();
    for (size_t i = 0; i < hex.size(); i += 2) {
      *at++ = static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
  };
  put(0, kVersion2Superblock);
  put(units_for(kSuperblockCopyOffset), kVersion2Superblock);
  put(149, kVersion2Records);
  put(150, kVersion2LaterRecords);
  const uint64_t units[] = {128, 146, 214, 213};
  size_t next = 0;
  for (const DiskPage& page : version2_pages()) {
    const std::shared_ptr<AlignedBuffer> content = page_content(page);
    std::ranges::copy(content->bytes(), device.bytes().subspan(units[next++] * kUnitBytes).begin());
  }
}

}  // namespace cachey::store
