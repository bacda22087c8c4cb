#include "aws/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "aws/date.h"
#include "base/escape.h"

namespace cachey::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::span<const unsigned char> bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// Without blanks at the ends, runs of blanks inside as one space.
void append_trimmed(std::string_view value, std::string& out) {
  bool pending = false;
  bool begun = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      pending = begun;
      continue;
    }
    if (pending) out += ' ';
    pending = false;
    begun = true;
    out += c;
  }
}

}  // namespace

std::string canonical_query(std::span<const NamedValue> query) {
  std::vector<std::pair<std::string, std::string>> encoded(query.size());
  for (size_t i = 0; i < query.size(); ++i) {
    percent_encode(query[i].name, Slashes::kEscape, encoded[i].first);
    percent_encode(query[i].value, Slashes::kEscape, encoded[i].second);
  }
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name;
    text += '=';
    text += value;
  }
  return text;
}

CanonicalRequest canonicalize(const RequestToSign& request) {
  std::vector<const NamedValue*> headers;
  for (const NamedValue& header : request.headers) headers.push_back(&header);
  // Of one name in the order given, which is that of their addresses.
  std::ranges::sort(headers, {}, [](const NamedValue* header) {
    return std::pair(std::string_view(header->name), header);
  });

  CanonicalRequest canonical;
  std::string& text = canonical.text;
  text = fmt::format("{}\n{}\n{}\n", request.method, request.path, canonical_query(request.query));
  for (size_t i = 0; i < headers.size(); ++i) {
    const bool same_as_last = i > 0 && headers[i]->name == headers[i - 1]->name;
    if (same_as_last) {
      text.back() = ',';  // in place of the line's end
    } else {
      text += headers[i]->name;
      text += ':';
      if (i > 0) canonical.signed_headers += ';';
      canonical.signed_headers += headers[i]->name;
    }
    append_trimmed(headers[i]->value, text);
    text += '\n';
  }
  text += fmt::format("\n{}\n{}", canonical.signed_headers, request.payload_hash);
  return canonical;
}

std::string Signer::authorization(const RequestToSign& request, const SigningScope& scope,
                                  const Credentials& credentials, int64_t unix_seconds) {
  const std::string date = amz_date(unix_seconds);
  const std::string_view day = std::string_view(date).substr(0, 8);
  const CanonicalRequest canonical = canonicalize(request);
  const std::string scope_text =
      fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date, scope_text, hex(sha256(canonical.text)));
  const Sha256Digest signature =
      hmac(signing_key(day, scope, credentials.secret_access_key()), to_sign);
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                     credentials.access_key_id(), scope_text, canonical.signed_headers,
                     hex(signature));
}

const Sha256Digest& Signer::signing_key(std::string_view day, const SigningScope& scope,
                                        const std::string& secret) {
  KeyName name(day, scope.region, scope.service, sha256(secret));
  const auto found = keys_.find(name);
  if (found != keys_.end()) return found->second;
  if (keys_.size() >= kKeysMax) keys_.clear();
  const Sha256Digest day_key = hmac(bytes_of("AWS4" + secret), day);
  const Sha256Digest region_key = hmac(day_key, scope.region);
  const Sha256Digest service_key = hmac(region_key, scope.service);
  return keys_.emplace(std::move(name), hmac(service_key, "aws4_request")).first->second;
}

}  // namespace cachey::aws
