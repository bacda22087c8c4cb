#include "api/s3/forward_rules.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "api/s3/overrides.h"
#include "api/s3/range.h"
#include "base/ascii.h"
#include "base/check.h"
#include "base/field_lines.h"

namespace cachey::api::s3 {
namespace {

using enum Operation;
using Names = std::string_view[];

constexpr Names kList = {"allow-unordered", "delimiter", "encoding-type",
                         "marker",          "max-keys",  "prefix"};  // allow-unordered: Ceph's
constexpr Names kListV2 = {"allow-unordered", "continuation-token", "delimiter", "encoding-type",
                           "fetch-owner",     "list-type",          "max-keys",  "prefix",
                           "start-after"};
constexpr Names kVersions = {"delimiter", "encoding-type",     "key-marker", "max-keys",
                             "prefix",    "version-id-marker", "versions"};
constexpr Names kBuckets = {"bucket-region", "continuation-token", "max-buckets", "prefix"};
constexpr Names kObject = {"partNumber",
                           "response-cache-control",
                           "response-content-disposition",
                           "response-content-encoding",
                           "response-content-language",
                           "response-content-type",
                           "response-expires",
                           "versionId"};
constexpr Names kAcl = {"acl", "versionId"};
constexpr Names kAttributes = {"attributes", "versionId"};
constexpr Names kTagging = {"tagging", "versionId"};
constexpr Names kVersioning = {"versioning"};

constexpr Names kListFields = {"x-amz-optional-object-attributes"};
constexpr Names kObjectFields = {"if-match",           "if-modified-since",   "if-none-match",
                                 "if-range",           "if-unmodified-since", "range",
                                 "x-amz-checksum-mode"};
constexpr Names kAttributesFields = {"x-amz-max-parts", "x-amz-object-attributes",
                                     "x-amz-part-number-marker"};

constexpr Names kListRoot = {"ListBucketResult"};
constexpr Names kVersionsRoot = {"ListVersionsResult"};
constexpr Names kBucketsRoot = {"ListAllMyBucketsResult"};
constexpr Names kAclRoot = {"AccessControlPolicy"};
constexpr Names kAttributesRoots = {"GetObjectAttributesResponse", "GetObjectAttributesOutput"};
constexpr Names kTaggingRoot = {"Tagging"};
constexpr Names kVersioningRoot = {"VersioningConfiguration"};

constexpr ForwardRule kRules[] = {
    {kGetObject, kObject, kObjectFields},
    {kHeadObject, kObject, kObjectFields},
    {kGetPart, kObject, kObjectFields},
    {kHeadPart, kObject, kObjectFields},
    {kGetVersion, kObject, kObjectFields},
    {kHeadVersion, kObject, kObjectFields},
    {kGetObjectAcl, kAcl, {}, kAclRoot},
    {kGetObjectAttributes, kAttributes, kAttributesFields, kAttributesRoots},
    {kGetObjectTagging, kTagging, {}, kTaggingRoot},
    {kListObjects, kList, kListFields, kListRoot},
    {kListObjectsV2, kListV2, kListFields, kListRoot},
    {kListObjectVersions, kVersions, kListFields, kVersionsRoot},
    {kHeadBucket, {}, {}},
    {kGetBucketVersioning, kVersioning, {}, kVersioningRoot},
    {kListBuckets, kBuckets, {}, kBucketsRoot},
};

/// With every operation.
constexpr Names kForStore = {
    "x-amz-expected-bucket-owner",
    "x-amz-request-payer",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-md5",
};

/// In lower case. Of `x-amz-*` all but kDropped go back.
constexpr Names kReturned = {
    "accept-ranges",    "cache-control", "content-disposition", "content-encoding",
    "content-language", "content-range", "content-type",        "etag",
    "expires",          "last-modified"};
constexpr Names kDropped = {"x-amz-bucket-region", "x-amz-id-2", "x-amz-request-id"};

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// Fields of one name become one.
void add_field(std::vector<origin::NamedText>& fields, std::string name, std::string_view value) {
  const auto found = std::ranges::find(fields, name, &origin::NamedText::name);
  if (found == fields.end()) {
    fields.push_back({std::move(name), std::string(value)});
  } else {
    found->value.append(", ").append(value);
  }
}

bool goes_back(std::string_view name, unsigned status) {
  if (name == "content-range") return status == 206 || status == 416;
  if (name.starts_with("x-amz-checksum-")) return status != 206;
  if (name.starts_with("x-amz-")) return !has(kDropped, name);
  return has(kReturned, name);
}

}  // namespace

const ForwardRule* forward_rule_of(Operation operation) {
  const auto* const found = std::ranges::find(kRules, operation, &ForwardRule::operation);
  return found == std::end(kRules) ? nullptr : found;
}

bool is_for_store(std::string_view field) { return has(kForStore, field); }

std::expected<PassQuestion, const aws::ErrorCode*> ask_store(const Target& target,
                                                             const net::Request& request) {
  const ForwardRule* const rule = forward_rule_of(target.operation);
  CHECK(rule != nullptr);
  const auto is_taken = [rule](std::string_view name) {
    return is_for_store(name) || has(rule->fields, name);
  };
  PassQuestion question{target.operation, target.bucket, target.key};
  const bool has_range = AskedRange::of(request).form != AskedRange::Form::kWhole;
  for (const net::Field& field : request.fields()) {
    if (field.name == "range" && !has_range) continue;
    if (is_taken(field.name)) add_field(question.fields, std::string(field.name), field.value);
  }
  for (const aws::NamedValue& parameter : target.parameters) {
    if (has(rule->parameters, parameter.name)) {
      question.query.push_back({parameter.name, parameter.value});
      continue;
    }
    std::string name = lower_case(parameter.name);
    if (!name.starts_with("x-amz-") || !is_taken(name)) continue;
    if (breaks_line(parameter.value))
      return std::unexpected(aws::find_error_code("InvalidArgument"));
    add_field(question.fields, std::move(name), parameter.value);
  }
  const auto overrides = ResponseOverrides::parse(target.parameters);
  if (!overrides) return std::unexpected(overrides.error());
  return question;
}

std::string confirmed_tag(const PassQuestion& question) {
  const auto value_of = [&question](std::string_view name) {
    const auto found = std::ranges::find(question.fields, name, &origin::NamedText::name);
    return found == question.fields.end() ? std::string_view() : trimmed(found->value);
  };
  std::string_view tag = value_of("if-none-match");
  if (!value_of("if-modified-since").empty()) return {};
  if (is_weak_tag(tag)) tag.remove_prefix(2);  // a weak tag matches the strong one
  if (tag.size() >= 2 && tag.starts_with('"') && tag.ends_with('"')) {
    tag.remove_prefix(1);
    tag.remove_suffix(1);
  }
  if (tag.empty() || tag == "*" || tag.find_first_of("\", ") != std::string_view::npos) return {};
  return std::string("\"").append(tag).append("\"");
}

std::string lines_for_client(std::string_view lines, unsigned status) {
  std::string kept;
  while (const std::optional<FieldLine> line = take_field_line(lines)) {
    const std::string name = lower_case(line->name);
    if (!goes_back(name, status) || breaks_line(line->value)) continue;
    if (name == "etag" && !line->value.empty() && !line->value.ends_with('"')) {
      kept.append("ETag: \"").append(line->value).append("\"\r\n");
    } else {
      kept.append(line->whole);
    }
  }
  return kept;
}

}  // namespace cachey::api::s3
