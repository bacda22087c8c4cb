#include "replay/trace_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace cachey::bench {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kRecordBytes = 24;
constexpr size_t kObjectAt = 4;
constexpr size_t kBytesAt = 12;
constexpr size_t kNextAt = 16;

}  // namespace

void write_trace(const Trace& trace, const std::string& path) {
  std::vector<int64_t> next(trace.accesses.size());
  std::vector<int64_t> seen(trace.objects, -1);
  for (size_t at = trace.accesses.size(); at-- > 0;)
    next[at] = std::exchange(seen[trace.accesses[at].object], static_cast<int64_t>(at));
  std::ofstream file(path, std::ios::binary);
  std::array<char, kRecordBytes> record{};
  for (size_t at = 0; at < trace.accesses.size(); ++at) {
    const auto seconds = static_cast<uint32_t>(at);
    const uint64_t object = trace.accesses[at].object;
    std::memcpy(record.data(), &seconds, sizeof seconds);
    std::memcpy(record.data() + kObjectAt, &object, sizeof object);
    std::memcpy(record.data() + kBytesAt, &trace.accesses[at].bytes, sizeof(uint32_t));
    std::memcpy(record.data() + kNextAt, &next[at], sizeof next[at]);
    file.write(record.data(), record.size());
  }
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

Trace read_trace(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  Trace trace{.name = path, .what = path, .accesses = {}};
  std::unordered_map<uint64_t, Access> numbers;
  std::array<char, kRecordBytes> record{};
  while (file.read(record.data(), record.size())) {
    uint64_t object = 0;
    Access access{};
    std::memcpy(&object, record.data() + kObjectAt, sizeof object);
    std::memcpy(&access.bytes, record.data() + kBytesAt, sizeof access.bytes);
    access.object = static_cast<uint32_t>(numbers.size());
    const auto [known, is_new] = numbers.try_emplace(object, access);
    if (is_new) trace.bytes += access.bytes;
    trace.accesses.push_back(known->second);
  }
  if (file.gcount() != 0) throw std::runtime_error(path + " ends within a request");
  trace.objects = numbers.size();
  return trace;
}

}  // namespace cachey::bench
