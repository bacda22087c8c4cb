#include "api/fetch/request.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "api/fetch/config_header.h"
#include "api/names.h"
#include "api/range_header.h"
#include "base/check.h"
#include "base/escape.h"

namespace cachey::api {
namespace {

constexpr std::string_view kPrefix = "/fetch/";
constexpr size_t kObjectKeyBytesMax = 1024;

std::unexpected<Error> bad(const char* text) { return fail(ErrorKind::kBadRequest, text); }

Result<void> check_kind(const std::optional<std::string>& kind) {
  if (!kind) return bad("kind: a percent sign must be followed by two hex digits");
  return check_name("kind", *kind);
}

Result<void> check_object(const std::optional<std::string>& object) {
  if (!object) return bad("object: a percent sign must be followed by two hex digits");
  if (object->empty()) return fail(ErrorKind::kNotFound, "object: must not be empty");
  if (object->size() > kObjectKeyBytesMax) return bad("object: must be at most 1024 bytes");
  if (!is_utf8(*object)) return bad("object: must be UTF-8");
  return {};
}

/// The range of the only Range field.
Result<ByteRange> range_of(const net::Request& request) {
  const auto fields = request.fields();
  const auto is_range = [](const net::Field& field) { return field.name == "range"; };
  const auto first = std::ranges::find_if(fields, is_range);
  if (first == fields.end()) return bad("Range header is required");
  if (std::find_if(first + 1, fields.end(), is_range) != fields.end()) {
    return fail(ErrorKind::kRangeNotSatisfiable, "Range: only one Range header");
  }
  return parse_range(first->value);
}

}  // namespace

Result<cache::ObjectKey> parse_fetch_target(std::string_view target) {
  CHECK(target.starts_with(kPrefix));
  const std::string_view path = target.substr(0, target.find('?')).substr(kPrefix.size());
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) {
    return fail(ErrorKind::kNotFound, "the path must be /fetch/{kind}/{object}");
  }
  std::optional<std::string> kind = percent_decode(path.substr(0, slash));
  if (Result<void> checked = check_kind(kind); !checked) return std::unexpected(checked.error());
  std::optional<std::string> object = percent_decode(path.substr(slash + 1));
  if (Result<void> checked = check_object(object); !checked)
    return std::unexpected(checked.error());
  return cache::ObjectKey{std::move(*kind), std::move(*object)};
}

Result<FetchFields> parse_fetch_fields(const net::Request& request,
                                       std::chrono::milliseconds client_limit_max) {
  FetchFields parsed;
  Result<ByteRange> range = range_of(request);
  if (!range) return std::unexpected(std::move(range.error()));
  parsed.range = *range;
  std::vector<std::string>& buckets = parsed.buckets;
  for (const net::Field& field : request.fields()) {
    if (field.name != "c0-bucket") continue;
    if (Result<void> checked = check_name("C0-Bucket", field.value); !checked)
      return std::unexpected(checked.error());
    if (std::ranges::find(buckets, field.value) == buckets.end()) buckets.emplace_back(field.value);
  }
  if (const auto config = request.field("c0-config")) {
    Result<origin::RequestConfig> parsed_config = parse_config(*config, client_limit_max);
    if (!parsed_config) return std::unexpected(std::move(parsed_config.error()));
    parsed.config = *parsed_config;
  }
  return parsed;
}

cache::FetchSpecPtr make_fetch_spec(cache::ObjectKey&& key, AllowedBuckets&& buckets,
                                    const origin::RequestConfig& config,
                                    cache::CacheMetrics& metrics, std::string_view request_id) {
  cache::KindMetrics& kind_metrics = metrics.of(key.kind);
  return std::make_shared<cache::FetchSpec>(std::move(key), std::move(buckets).take(), config,
                                            &kind_metrics, std::string(request_id));
}

}  // namespace cachey::api
