#include "api/fetch/request.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "api/fetch/config_header.h"
#include "api/fetch/wishes_header.h"
#include "api/names.h"
#include "api/preconditions.h"
#include "api/range_header.h"
#include "base/ascii.h"
#include "base/check.h"
#include "base/escape.h"
#include "base/log.h"

namespace cachey::api {
namespace {

constexpr std::string_view kPrefix = "/fetch/";
constexpr size_t kObjectKeyBytesMax = 1024;

std::unexpected<Error> bad(const char* text) { return fail(ErrorKind::kBadRequest, text); }

Result<void> check_kind(const std::optional<std::string>& kind) {
  if (!kind) return bad("kind: a percent sign must be followed by two hex digits");
  return check_kind_name("kind", *kind);
}

Result<void> check_object(const std::optional<std::string>& object) {
  if (!object) return bad("object: a percent sign must be followed by two hex digits");
  if (object->empty()) return fail(ErrorKind::kNotFound, "object: must not be empty");
  if (object->size() > kObjectKeyBytesMax) return bad("object: must be at most 1024 bytes");
  if (!is_utf8(*object)) return bad("object: must be UTF-8");
  return {};
}

/// Parameters of S3's GetObject, and of other reads of an object, that decide what is answered.
constexpr std::string_view kSelecting[] = {"versionId",  "partNumber", "acl",
                                           "attributes", "legal-hold", "retention",
                                           "tagging",    "torrent",    "uploadId"};
constexpr std::string_view kOverridingPrefix = "response-";

/// A query is refused if the answer without the query would be another one.
Result<void> check_query(std::string_view query) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::optional<std::string> name = percent_decode(pair.substr(0, pair.find('=')));
    if (!name) continue;
    if (std::ranges::find(kSelecting, *name) == std::end(kSelecting) &&
        !name->starts_with(kOverridingPrefix))
      continue;
    return fail(ErrorKind::kBadRequest,
                "query: " + log::quoted(*name, 40) +
                    " is not supported, and the answer would be another one without it");
  }
  return {};
}

/// Adds the names of one C0-Bucket line. Lines may have been joined on their way, so that commas
/// separate names, and empty members count as none (RFC 9110 5.6.1).
Result<void> add_buckets(std::string_view line, std::vector<std::string>& buckets) {
  bool has_name = false;
  std::string_view rest = line;
  while (!rest.empty()) {
    std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    name = trimmed(name);
    if (name.empty()) continue;
    has_name = true;
    if (Result<void> checked = check_bucket_name("C0-Bucket", name); !checked) return checked;
    if (std::ranges::find(buckets, name) != buckets.end()) continue;
    if (buckets.size() == kBucketsNamedMax) return bad("C0-Bucket: more than 100 buckets");
    buckets.emplace_back(name);
  }
  return has_name ? Result<void>() : bad("C0-Bucket: must not be empty");
}

/// The fields of a fetch among those of a request. Of each name the first one.
struct FoundFields {
  const net::Field* range = nullptr;
  bool more_ranges = false;
  const net::Field* config = nullptr;
  bool buckets = false;
  bool wishes = false;
  bool preconditions = false;
};

FoundFields find_fields(std::span<const net::Field> fields) {
  FoundFields found;
  for (const net::Field& field : fields) {
    if (field.name == "range") {
      found.more_ranges = found.range != nullptr;
      if (found.range == nullptr) found.range = &field;
    } else if (field.name == "c0-bucket") {
      found.buckets = true;
    } else if (field.name == "c0-config") {
      if (found.config == nullptr) found.config = &field;
    } else if (is_wish_field(field.name)) {
      found.wishes = true;
    } else if (Preconditions::is_field(field.name)) {
      found.preconditions = true;
    }
  }
  return found;
}

Result<void> take_range(const FoundFields& found, RangeForms forms, FetchFields& fields) {
  const bool any = forms == RangeForms::kAny;
  if (found.range == nullptr) {
    if (!any) return bad("Range header is required");
    fields.form = AnyRange::Form::kWhole;
    fields.range = ByteRange{0, kObjectBytesMax};
    return {};
  }
  if (found.more_ranges) {
    return fail(ErrorKind::kRangeNotSatisfiable, "Range: only one Range header");
  }
  if (any) {
    Result<AnyRange> parsed = parse_any_range(found.range->value);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    fields.form = parsed->form;
    fields.range = parsed->bytes;
    return {};
  }
  Result<ByteRange> parsed = parse_range(found.range->value);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  fields.range = *parsed;
  return {};
}

/// The client says how large the object is: nothing behind that is asked for.
Result<void> cut_at_known_size(FetchFields& fields) {
  const std::optional<uint64_t> size = fields.wishes.object_size;
  const bool has_begin =
      fields.form == AnyRange::Form::kBothEnds || fields.form == AnyRange::Form::kOpen;
  if (!size || !has_begin) return {};
  if (fields.range.begin >= *size) return std::unexpected(Error::range_not_satisfiable(size));
  fields.range.end = std::min(fields.range.end, *size);
  return {};
}

/// What `warm=1` may not stand beside.
Result<void> check_warm(const net::Request& request, const FetchFields& fields) {
  if (request.method() != net::Method::kHead) return bad("C0-Config: warm: only with HEAD");
  if (fields.wishes.exact) return bad("C0-Config: warm: not with C0-Exact, which keeps no pages");
  const bool has_both_ends = fields.form == AnyRange::Form::kBothEnds;
  if (has_both_ends || fields.form == AnyRange::Form::kWhole) return {};
  return bad("C0-Config: warm: the Range must have both ends");
}

}  // namespace

Result<cache::ObjectKey> parse_fetch_target(std::string_view target) {
  CHECK(target.starts_with(kPrefix));
  const size_t query = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, query).substr(kPrefix.size());
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) {
    return fail(ErrorKind::kNotFound, "the path must be /fetch/{kind}/{object}");
  }
  std::optional<std::string> kind = percent_decode(path.substr(0, slash));
  if (Result<void> checked = check_kind(kind); !checked) return std::unexpected(checked.error());
  std::optional<std::string> object = percent_decode(path.substr(slash + 1));
  if (Result<void> checked = check_object(object); !checked)
    return std::unexpected(checked.error());
  if (query != target.size()) {
    if (Result<void> checked = check_query(target.substr(query + 1)); !checked)
      return std::unexpected(checked.error());
  }
  return cache::ObjectKey{std::move(*kind), std::move(*object)};
}

Result<FetchFields> parse_fetch_fields(const net::Request& request,
                                       std::chrono::milliseconds client_limit_max,
                                       RangeForms forms) {
  FetchFields parsed;
  const FoundFields found = find_fields(request.fields());
  parsed.has_preconditions = found.preconditions;
  if (Result<void> taken = take_range(found, forms, parsed); !taken)
    return std::unexpected(std::move(taken.error()));
  std::vector<std::string>& buckets = parsed.buckets;
  for (const net::Field& field : request.fields()) {
    if (!found.buckets) break;
    if (field.name != "c0-bucket") continue;
    if (Result<void> added = add_buckets(field.value, buckets); !added)
      return std::unexpected(std::move(added.error()));
  }
  if (found.config != nullptr) {
    Result<origin::RequestConfig> parsed_config =
        parse_config(found.config->value, client_limit_max);
    if (!parsed_config) return std::unexpected(std::move(parsed_config.error()));
    parsed.config = *parsed_config;
  }
  if (found.wishes) {
    Result<cache::Wishes> wishes = parse_wishes(request, parsed.range);
    if (!wishes) return std::unexpected(std::move(wishes.error()));
    parsed.wishes = *wishes;
    if (Result<void> cut = cut_at_known_size(parsed); !cut)
      return std::unexpected(std::move(cut.error()));
  }
  if (found.config != nullptr) {
    const Result<bool> warm = parse_warm(found.config->value);
    if (!warm) return std::unexpected(warm.error());
    parsed.wishes.warm = *warm;
    Result<void> checked = *warm ? check_warm(request, parsed) : Result<void>();
    if (!checked) return std::unexpected(std::move(checked.error()));
  }
  return parsed;
}

cache::FetchSpecPtr make_fetch_spec(cache::ObjectKey&& key, AllowedBuckets&& buckets,
                                    const FetchFields& fields, PageSize page_size,
                                    cache::CacheMetrics& metrics, std::string_view request_id,
                                    std::string&& client, TraceContextPtr trace) {
  cache::KindMetrics& kind_metrics = metrics.of(key.kind);
  return std::make_shared<cache::FetchSpec>(std::move(key), std::move(buckets).take(),
                                            fields.config, &kind_metrics, std::string(request_id),
                                            fields.wishes, page_size, false, std::move(client),
                                            std::move(trace));
}

}  // namespace cachey::api
