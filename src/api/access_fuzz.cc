// Input: a line each for a glob, a bucket and an Authorization value, then a file of tokens.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/access.h"
#include "base/check.h"

namespace {

using namespace cachey;

void check_glob(std::string_view text, std::string_view bucket) {
  const Result<api::BucketGlob> glob = api::BucketGlob::parse(text);
  if (!glob) return;
  const bool matches = glob->matches(bucket);
  if (text == "*") CHECK(matches);
  if (text.find_first_of("*?") == std::string_view::npos) CHECK(matches == (text == bucket));
  if (text.find('*') == std::string_view::npos && matches) CHECK(text.size() == bucket.size());
}

void check_tokens(std::string_view text, std::string_view authorization) {
  static Metrics metrics;
  const Result<api::Tokens> tokens = api::Tokens::parse(text);
  if (!tokens) {
    for (const char c : tokens.error().message()) CHECK(c >= 0x20 && c < 0x7f);
    CHECK(tokens.error().message().size() < 100);
    return;
  }
  CHECK(tokens->size() > 0 && tokens->size() <= api::Tokens::kLinesMax);
  static api::Access access(metrics, *tokens, {});
  access.replace_tokens(*tokens);
  const net::Request request(net::Method::kGet, "/stats", {{"authorization", authorization}});
  if (access.admit(api::Scope::kClient, request)) {
    const std::string_view token = authorization.substr(authorization.rfind(' ') + 1);
    CHECK(text.find(token) != std::string_view::npos && tokens->contain(token));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto next_line = [&rest] {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    return line;
  };
  const std::string_view glob = next_line();
  const std::string_view bucket = next_line();
  check_glob(glob, bucket);
  const std::string_view authorization = next_line();
  check_tokens(rest, authorization);
  return 0;
}
