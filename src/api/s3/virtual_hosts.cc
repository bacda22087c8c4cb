#include "api/s3/virtual_hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/ascii.h"

namespace cachey::api::s3 {
namespace {

constexpr size_t kLabelBytesMax = 63;

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && std::ranges::all_of(label, [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_';
  });
}

bool is_domain(std::string_view name) {
  if (name.size() > VirtualHosts::kDomainBytesMax) return false;
  while (true) {
    const size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

/// The host in lower case without its port and the dot of an absolute name.
std::string name_of(std::string_view host) {
  std::string name = lower_case(host.substr(0, host.find(':')));
  if (name.ends_with('.')) name.pop_back();
  return name;
}

}  // namespace

Result<VirtualHosts> VirtualHosts::parse(std::span<const std::string> domains) {
  if (domains.size() > kDomainsMax)
    return fail(ErrorKind::kBadRequest, fmt::format("at most {} domains", kDomainsMax));
  VirtualHosts hosts;
  for (const std::string& domain : domains) {
    if (!is_domain(domain))
      return fail(ErrorKind::kBadRequest, fmt::format("{}: not the name of a host", domain));
    hosts.domains_.push_back(lower_case(domain));
  }
  std::ranges::sort(hosts.domains_, std::greater(), &std::string::size);
  return hosts;
}

std::optional<std::string> VirtualHosts::bucket_of(std::string_view host) const {
  if (domains_.empty() || host.starts_with('[')) return std::nullopt;
  std::string name = name_of(host);
  for (const std::string& domain : domains_) {
    if (!name.ends_with(domain)) continue;
    if (name.size() == domain.size()) return std::nullopt;
    const size_t dot = name.size() - domain.size() - 1;
    if (name[dot] != '.') continue;
    name.resize(dot);
    return name;
  }
  return std::nullopt;
}

}  // namespace cachey::api::s3
