// Input: a line for the Host, the rest is the target.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/target.h"
#include "aws/object_path.h"
#include "base/check.h"
#include "base/escape.h"

namespace {

/// The same object, named in path style by the client's own encoding, is the same target.
void check_named_again(const cachey::api::s3::Target& target, cachey::net::Method method) {
  using namespace cachey;
  const std::string path = aws::object_path("", target.bucket, target.key);
  const net::Request again(method, path, {{"host", "127.0.0.1"}});
  const auto parsed = api::s3::parse_target(again, api::s3::VirtualHosts());
  CHECK(parsed.has_value());
  CHECK(parsed->bucket == target.bucket && parsed->key == target.key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  using enum api::s3::Operation;
  static const api::s3::VirtualHosts hosts =
      *api::s3::VirtualHosts::parse(std::vector<std::string>{"test", "s3.test", "localhost"});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view host = text.substr(0, text.find('\n'));
  const std::string_view path = text.substr(std::min(text.size(), host.size() + 1));
  for (const net::Method method : {net::Method::kGet, net::Method::kHead, net::Method::kOther}) {
    const net::Request request(method, path, {{"host", host}});
    const auto target = api::s3::parse_target(request, hosts);
    if (method == net::Method::kOther) CHECK(target && target->operation == kOther);
    if (!target) {
      CHECK(target.error()->status == 400);
      continue;
    }
    if (target->operation == kOther) continue;
    CHECK(target->key.size() <= aws::kKeyBytesMax && is_utf8(target->key));
    if (target->bucket.empty()) {
      CHECK(target->key.empty());
      CHECK(target->operation == kListBuckets || target->operation == kOtherRead);
      continue;
    }
    CHECK(api::s3::is_bucket_name(target->bucket));
    check_named_again(*target, method);
    const bool plain = target->operation == kGetObject || target->operation == kHeadObject;
    if (plain) CHECK(!target->key.empty());
    for (const aws::NamedValue& parameter : target->parameters)
      CHECK(!plain || !api::s3::is_subresource(parameter.name));
  }
  return 0;
}
