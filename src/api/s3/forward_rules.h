#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/operation.h"
#include "api/s3/target.h"
#include "aws/error_codes.h"
#include "net/http/http.h"
#include "origin/forward.h"

/// What of a request goes to the store, and what of the store's answer goes back, if the store
/// answers and not the cache. Pure.
namespace cachey::api::s3 {

/// What a document of the store may be.
struct ForwardRule {
  Operation operation;
  std::span<const std::string_view> parameters;  ///< of the query
  std::span<const std::string_view> fields;      ///< beside those that all operations have
  std::span<const std::string_view> roots{};     ///< of the document; none: the body is no document
};

/// Null: the store is never asked this.
[[nodiscard]] const ForwardRule* forward_rule_of(Operation operation);

/// A question for the store.
struct PassQuestion {
  Operation operation = Operation::kGetObject;
  std::string bucket;                      ///< as the client says; empty: ListBuckets
  std::string key;                         ///< empty: the bucket
  std::vector<std::string> buckets{};      ///< of the store, in order; the first that answers
  std::vector<origin::NamedText> query{};  ///< see ForwardRequest
  std::vector<origin::NamedText> fields{};
  std::string request_id{};
  TraceContextPtr trace{};
  std::string client{};  ///< see api/client.h
};

/// Takes bucket, key and the parameters and fields that the rule of the operation names. Fields of
/// one name are joined (RFC 9110 5.3). A presigned URL has fields as parameters. A Range that is
/// not one valid range is left out: S3 ignores such a field, and some stores do not. `buckets`,
/// `request_id`, `trace` and `client` are the caller's. The error: a value could end its line.
/// REQUIRES: the operation has a rule.
[[nodiscard]] std::expected<PassQuestion, const aws::ErrorCode*> ask_store(
    const Target& target, const net::Request& request);

/// Fields that only the store can obey: keys of the client, another payer, an expected owner. With
/// one of them, as a field or as a parameter of a presigned URL, an object passes by the cache.
[[nodiscard]] bool is_for_store(std::string_view field);

/// The lines of a store's answer that its client gets, without those of a connection, of another
/// cache, and of the store as a server. A part of an object has no checksums, because SDKs check
/// them against the part; only a 206 and a 416 have a Content-Range; a tag gets its quotes.
[[nodiscard]] std::string lines_for_client(std::string_view lines, unsigned status);

/// The tag that a 304 confirms, with its quotes: that of an If-None-Match of one tag. Empty: the
/// question does not tell, because the field is missing, has `*` or a list, or because
/// If-Modified-Since may have decided.
[[nodiscard]] std::string confirmed_tag(const PassQuestion& question);

}  // namespace cachey::api::s3
