// Input: a query.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/s3/overrides.h"
#include "aws/signature_claim.h"
#include "base/check.h"

/// However the values look, there are as many lines as before and one for each new field, and
/// applying them twice changes nothing.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  const auto parameters = aws::decode_query({reinterpret_cast<const char*>(data), size});
  if (!parameters) return 0;
  const auto overrides = api::s3::ResponseOverrides::parse(*parameters);
  if (!overrides) return 0;
  const std::string lines = "Content-Type: a\r\nExpires: b\r\nx-amz-meta-a: c\r\n";
  const std::string applied = overrides->applied_to(lines);
  if (overrides->empty()) CHECK(applied == lines);
  CHECK(applied.ends_with("\r\n") && applied.contains("x-amz-meta-a: c\r\n"));
  CHECK(std::ranges::count(applied, '\r') == std::ranges::count(applied, '\n'));
  CHECK(std::ranges::count(applied, '\n') <= 3 + 4);
  CHECK(!applied.contains("\r\n\r\n") && !applied.contains('\0'));
  CHECK(overrides->applied_to(applied) == applied);
  return 0;
}
