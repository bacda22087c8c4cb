#include "origin/s3/access_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/log.h"

namespace cachey::origin {
namespace {

/// `arn`, partition, service, region and account come before the resource.
constexpr size_t kPartsBeforeResource = 5;
constexpr std::string_view kResourceSeparators = ":/";
constexpr size_t kLabelBytesMax = 63;  // of a host name

/// A host name's label: 1 to 63 letters, digits and inner hyphens.
bool is_label(std::string_view text) {
  if (text.empty() || text.size() > kLabelBytesMax || text.front() == '-' || text.back() == '-')
    return false;
  return std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

}  // namespace

Result<AccessPoint> parse_access_point(std::string_view arn) {
  const auto bad = [arn](std::string_view fault) {
    return fail(ErrorKind::kNotFound,
                fmt::format("{} is no access point: {}", log::quoted(arn, 128), fault));
  };
  const auto unsupported = [](std::string_view what) {
    return fail(ErrorKind::kRefused, fmt::format("{} are not supported", what));
  };
  std::array<std::string_view, kPartsBeforeResource> parts;
  std::string_view rest = arn;
  for (std::string_view& part : parts) {
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return bad("parts are missing");
    part = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  const auto& [scheme, partition, service, region, account] = parts;
  if (service == "s3-outposts") return unsupported("buckets on Outposts");
  if (service == "s3-object-lambda") return unsupported("Object Lambda access points");
  if (service != "s3") return bad("its service is not s3");

  const size_t type_end = rest.find_first_of(kResourceSeparators);
  if (rest.substr(0, type_end) != "accesspoint") return bad("its resource is no accesspoint");
  const std::string_view name =
      type_end == std::string_view::npos ? std::string_view() : rest.substr(type_end + 1);
  if (region.empty() && name.ends_with(".mrap")) return unsupported("multi-region access points");
  if (!is_label(region)) return bad("its region cannot be one");
  if (!is_label(account)) return bad("its account cannot be one");
  if (!is_label(name)) return bad("its name cannot be one");
  if (name.size() + 1 + account.size() > kLabelBytesMax)
    return bad("name and account are too long");
  return AccessPoint(std::string(region), std::string(account), std::string(name));
}

}  // namespace cachey::origin
