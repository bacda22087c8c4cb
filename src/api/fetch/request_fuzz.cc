// Input: a line each for the target, Range, C0-Bucket and C0-Config of a fetch.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/fetch/config_header.h"
#include "api/fetch/request.h"
#include "base/check.h"
#include "base/units.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto next_line = [&rest] {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    return line;
  };
  const std::string target = "/fetch/" + std::string(next_line());
  std::vector<net::Field> fields;
  fields.push_back({"range", next_line()});
  fields.push_back({"c0-bucket", next_line()});
  fields.push_back({"c0-config", next_line()});
  const net::Request request(net::Method::kGet, target, fields);
  Result<cache::ObjectKey> key = api::parse_fetch_target(request.target());
  if (!key) return 0;
  CHECK(target.find("?versionId") == std::string::npos);
  CHECK(!key->kind.empty() && key->kind.size() <= 64 && !key->object.empty() &&
        key->object.size() <= 1024);
  const Result<api::FetchFields> fetch = api::parse_fetch_fields(request, api::kClientLimitMax);
  if (!fetch) return 0;
  CHECK(fetch->buckets.size() <= api::kBucketsNamedMax);
  for (const std::string& bucket : fetch->buckets) {
    CHECK(!bucket.empty() && bucket.size() <= 255 && bucket.find(',') == std::string::npos);
  }
  CHECK(!fetch->range.empty() && fetch->range.end <= kObjectBytesMax);
  return 0;
}
