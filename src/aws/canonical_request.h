#pragma once

#include <span>
#include <string>
#include <string_view>

/// What AWS Signature Version 4 signs of a request, as S3 wants it: paths are encoded once and not
/// normalized. Pure.
namespace cachey::aws {

/// SHA-256 of no bytes, in hex: the payload hash of every GET.
inline constexpr std::string_view kEmptyPayloadHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A header or a query parameter, before any encoding.
struct NamedValue {
  std::string name;
  std::string value;
};

/// What is signed of a request.
struct RequestToSign {
  std::string_view method = "GET";
  std::string_view path;                ///< encoded: exactly the path on the wire
  std::span<const NamedValue> query;    ///< any order, not encoded
  std::span<const NamedValue> headers;  ///< all that are signed; names in lower case, any order
  std::string_view payload_hash = kEmptyPayloadHash;
};

struct CanonicalRequest {
  std::string text;
  std::string signed_headers;  ///< `host;range;x-amz-date`
};

/// Headers are sorted by name; values of one name are joined in the order given.
[[nodiscard]] CanonicalRequest canonicalize(const RequestToSign& request);

/// As canonicalize(), but the headers keep their order: a server takes the order of the client.
/// REQUIRES: headers of one name are neighbours.
[[nodiscard]] CanonicalRequest canonicalize_in_order(const RequestToSign& request);

/// Encoded and sorted: `a=1&b=`. What the request-target carries, too.
[[nodiscard]] std::string canonical_query(std::span<const NamedValue> query);

}  // namespace cachey::aws
