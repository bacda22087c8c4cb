#include "api/s3/target.h"

#include <algorithm>
#include <array>
#include <utility>

#include "aws/object_path.h"
#include "aws/signature_claim.h"
#include "base/ascii.h"
#include "base/check.h"

namespace cachey::api::s3 {
namespace {

using enum Operation;

/// A parameter that makes a request another operation.
struct Subresource {
  std::string_view name;
  Operation of_bucket = kOtherRead;  ///< with GET
  Operation of_object = kOtherRead;  ///< with GET
};

constexpr Subresource kSubresources[] = {
    {"abac"},
    {"accelerate"},
    {"acl", kOtherRead, kGetObjectAcl},
    {"analytics"},
    {"append"},
    {"attributes", kOtherRead, kGetObjectAttributes},
    {"cors"},
    {"delete"},
    {"encryption"},
    {"intelligent-tiering"},
    {"inventory"},
    {"legal-hold"},
    {"lifecycle"},
    {"location", kGetBucketLocation},
    {"logging"},
    {"metadataConfiguration"},
    {"metadataInventoryTable"},
    {"metadataJournalTable"},
    {"metadataTable"},
    {"metrics"},
    {"notification"},
    {"object-lock"},
    {"ownershipControls"},
    {"policy"},
    {"policyStatus"},
    {"publicAccessBlock"},
    {"renameObject"},
    {"replication"},
    {"requestPayment"},
    {"restore"},
    {"retention"},
    {"select"},
    {"session"},
    {"tagging", kOtherRead, kGetObjectTagging},
    {"torrent"},
    {"uploadId"},
    {"uploads"},
    {"versioning", kGetBucketVersioning},
    {"versions", kListObjectVersions},
    {"website"},
};
static_assert(std::ranges::is_sorted(kSubresources, {}, &Subresource::name));

constexpr std::array<bool, 256> kBucketBytes = [] {
  std::array<bool, 256> allowed{};
  for (unsigned c = 0; c < 128; ++c)
    allowed[c] = is_alphanumeric(static_cast<char>(c)) || c == '.' || c == '-' || c == '_';
  return allowed;
}();

constexpr std::string_view kPartNumber = "partNumber";
constexpr std::string_view kVersionId = "versionId";

const Subresource* find_subresource(std::string_view name) {
  const auto* found = std::ranges::lower_bound(kSubresources, name, {}, &Subresource::name);
  return found != std::end(kSubresources) && found->name == name ? found : nullptr;
}

std::unexpected<const aws::ErrorCode*> refused(std::string_view code) {
  const aws::ErrorCode* const found = aws::find_error_code(code);
  CHECK(found != nullptr);
  return std::unexpected(found);
}

std::unexpected<const aws::ErrorCode*> refused(aws::PathFault fault) {
  return refused(fault == aws::PathFault::kKeyTooLong ? "KeyTooLongError" : "InvalidURI");
}

/// The parameters that decide the operation.
struct Selection {
  const Subresource* subresource = nullptr;
  bool several = false;  // sub-resources, that is
  bool part = false;
  bool version = false;

  explicit Selection(std::span<const aws::NamedValue> parameters) {
    for (const aws::NamedValue& parameter : parameters) {
      if (const Subresource* found = find_subresource(parameter.name)) {
        several = several || (subresource != nullptr && subresource != found);
        subresource = found;
      }
      part = part || parameter.name == kPartNumber;
      version = version || parameter.name == kVersionId;
    }
  }
};

Operation object_operation(bool head, const Selection& selected) {
  if (selected.subresource != nullptr) {
    return head || selected.several || selected.part ? kOtherRead : selected.subresource->of_object;
  }
  if (selected.version) return head ? kHeadVersion : kGetVersion;
  if (selected.part) return head ? kHeadPart : kGetPart;
  return head ? kHeadObject : kGetObject;
}

Operation bucket_operation(bool head, const Selection& selected, const Target& target) {
  if (selected.part || selected.version) return kOtherRead;
  if (selected.subresource != nullptr) {
    return head || selected.several ? kOtherRead : selected.subresource->of_bucket;
  }
  if (head) return kHeadBucket;
  const std::optional<std::string_view> list_type = target.parameter("list-type");
  if (!list_type) return kListObjects;
  return *list_type == "2" ? kListObjectsV2 : kOtherRead;
}

Operation operation_of(bool head, const Target& target) {
  const Selection selected(target.parameters);
  if (!target.key.empty()) return object_operation(head, selected);
  if (!target.bucket.empty()) return bucket_operation(head, selected, target);
  const bool plain =
      !head && selected.subresource == nullptr && !selected.part && !selected.version;
  return plain ? kListBuckets : kOtherRead;
}

/// Sets bucket and key. Null: done.
std::expected<void, const aws::ErrorCode*> parse_path(std::string_view path, std::string_view host,
                                                      const VirtualHosts& hosts, Target& target) {
  if (std::optional<std::string> bucket = hosts.bucket_of(host)) {
    std::expected<std::string, aws::PathFault> key = aws::parse_object_key(path);
    if (!key) return refused(key.error());
    target.bucket = std::move(*bucket);
    target.key = std::move(*key);
  } else {
    if (path == "/") return {};
    std::expected<aws::BucketAndKey, aws::PathFault> both = aws::parse_object_path(path);
    if (!both) return refused(both.error());
    target.bucket = std::move(both->bucket);
    target.key = std::move(both->key);
  }
  if (!is_bucket_name(target.bucket)) return refused("InvalidBucketName");
  return {};
}

}  // namespace

bool is_bucket_name(std::string_view name) {
  if (name.empty() || name.size() > kBucketNameBytesMax || !is_alphanumeric(name.front()))
    return false;
  char before = '\0';
  for (const char c : name) {
    if (!kBucketBytes[static_cast<unsigned char>(c)] || (c == '.' && before == '.')) return false;
    before = c;
  }
  return true;
}

bool is_subresource(std::string_view name) {
  return name == kPartNumber || name == kVersionId || find_subresource(name) != nullptr;
}

std::optional<std::string_view> Target::parameter(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &aws::NamedValue::name);
  return found == parameters.end() ? std::nullopt : std::optional<std::string_view>(found->value);
}

std::expected<Target, const aws::ErrorCode*> parse_target(const net::Request& request,
                                                          const VirtualHosts& hosts) {
  std::expected<Target, const aws::ErrorCode*> parsed(std::in_place);
  Target& target = *parsed;
  if (request.method() == net::Method::kOther) return parsed;
  const std::string_view text = request.target();
  const size_t mark = text.find('?');
  const std::string_view host = request.field("host").value_or("");
  const auto named = parse_path(text.substr(0, mark), host, hosts, target);
  if (!named) return std::unexpected(named.error());
  if (mark != std::string_view::npos) {
    auto parameters = aws::decode_query(text.substr(mark + 1));
    if (!parameters) return refused("InvalidURI");
    target.parameters = std::move(*parameters);
  }
  target.operation = operation_of(request.method() == net::Method::kHead, target);
  return parsed;
}

}  // namespace cachey::api::s3
