// Input: a line each for If-Match twice, If-None-Match, If-Unmodified-Since, If-Modified-Since,
// If-Range; the rest is the object's tag.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/preconditions.h"
#include "base/ascii.h"
#include "base/check.h"

namespace {

using namespace cachey;
using enum cache::Verdict;

/// An object without a tag and a date fails only by a tag, or by an If-Range.
void check_bare(const net::Request& request) {
  const api::Preconditions conditions(request);
  ObjectInfo bare;
  bare.size = 1;
  const cache::Verdict verdict = conditions.judge(bare);
  if (conditions.empty()) CHECK(request.fields().empty() || verdict == kHolds);
  CHECK(!conditions.names(bare));
  const auto has_star = [](const net::Field& field) { return field.value.contains('*'); };
  if (request.field("if-match") && std::ranges::none_of(request.fields(), has_star))
    CHECK(verdict == kFails);
}

/// The two meanings of If-Range differ only if nothing else decides.
void check_dated(const net::Request& request, std::string_view etag) {
  const ObjectInfo version{std::string(etag), 1, 1'700'000'000};
  using enum api::Preconditions::IfRange;
  const api::Preconditions failing(request, kFails);
  const api::Preconditions voiding(request, kVoidsRange);
  const cache::Verdict verdict = voiding.judge(version);
  CHECK((verdict == cache::Verdict::kFails) == !voiding.failed_field(version).empty());
  const bool fails_by_range = verdict == kHolds && !voiding.range_holds(version);
  CHECK(failing.judge(version) == (fails_by_range ? cache::Verdict::kFails : verdict));
  if (voiding.names(version)) CHECK(verdict != cache::Verdict::kFails);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<net::Field> fields;
  for (const char* name : {"if-match", "if-match", "if-none-match", "if-unmodified-since",
                           "if-modified-since", "if-range"}) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::string_view value = trimmed(line);
    if (!value.empty()) fields.push_back({name, value});
  }
  const net::Request request(net::Method::kGet, "/b/k", fields);
  check_bare(request);
  check_dated(request, rest);
  return 0;
}
