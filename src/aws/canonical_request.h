#pragma once

#include <span>
#include <string>
#include <string_view>

/// The canonical request of AWS Signature Version 4, in S3's variant: the path is encoded once and
/// not normalized. Pure.
namespace cachey::aws {

/// SHA-256 of no bytes, in hex: the payload hash of every GET.
inline constexpr std::string_view kEmptyPayloadHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The prefix of the names of S3's own headers. Each such header is signed.
inline constexpr std::string_view kAmzPrefix = "x-amz-";

/// A header or a query parameter, before any encoding.
struct NamedValue {
  std::string name;
  std::string value;
};

/// The signed parts of a request.
struct RequestToSign {
  std::string_view method = "GET";
  std::string_view path;                ///< encoded, as on the wire
  std::span<const NamedValue> query;    ///< any order, not encoded
  std::span<const NamedValue> headers;  ///< the signed ones; names in lower case, any order
  std::string_view payload_hash = kEmptyPayloadHash;
};

struct CanonicalRequest {
  std::string text;
  std::string signed_headers;  ///< `host;range;x-amz-date`
};

/// Headers are sorted by name; values of one name are joined in the order given.
[[nodiscard]] CanonicalRequest canonicalize(const RequestToSign& request);

/// A header where it stands.
struct HeaderView {
  std::string_view name;  ///< in lower case
  std::string_view value;
};

/// The same parts for a server, which takes the headers in the client's order.
struct RequestToCheck {
  std::string_view method;
  std::string_view path;                ///< as on the wire, however encoded
  std::span<const NamedValue> query;    ///< any order, not encoded
  std::span<const HeaderView> headers;  ///< those of one name are neighbours
  std::string_view payload_hash;
};

/// Empty: the path has a percent sign without two hex digits.
[[nodiscard]] std::string canonical_text(const RequestToCheck& request);

/// Encoded and sorted: `a=1&b=`. Also valid as the query of the request-target.
[[nodiscard]] std::string canonical_query(std::span<const NamedValue> query);

}  // namespace cachey::aws
