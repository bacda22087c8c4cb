#include "origin/transport/response_head.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>

#include "base/http_date.h"
#include "base/log.h"

namespace cachey::origin {
namespace {

namespace http = boost::beast::http;

using Parser = http::response_parser<http::empty_body>;

std::string value_of(const Parser& parser, http::field field) {
  const auto value = parser.get()[field];
  return {value.data(), value.size()};
}

std::string value_of(const Parser& parser, std::string_view name) {
  const auto value = parser.get()[boost::beast::string_view(name.data(), name.size())];
  return {value.data(), value.size()};
}

std::optional<std::chrono::seconds> keep_alive_timeout(std::string_view header) {
  constexpr std::string_view kName = "timeout=";
  const size_t at = header.find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view text = header.substr(at + kName.size());
  uint16_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

constexpr std::string_view kHeadBegin = "HTTP/1.";

// An error quotes at most this much of an answer that is not HTTP, in bytes.
constexpr size_t kBeginQuoted = 32;

/// A field that the answer may have only once (RFC 9110 5.3), and that decides which bytes of which
/// version the body holds.
constexpr http::field kSingleFields[] = {http::field::content_range, http::field::etag,
                                         http::field::last_modified};

std::unexpected<Error> broken(std::string_view fault) {
  return fail(ErrorKind::kUpstream, fmt::format("bad answer of the origin: {}", fault),
              ErrorCause::kUnusableAnswer);
}

}  // namespace

Result<void> check_head_begin(std::string_view text, size_t checked) {
  if (!kHeadBegin.starts_with(text.substr(0, kHeadBegin.size()))) {
    return broken(fmt::format("not HTTP/1, begins with {}", log::quoted(text, kBeginQuoted)));
  }
  for (size_t at = text.find('\n', checked); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    if (text[at - 1] != '\r') return broken("a line of the head ends without a carriage return");
  }
  return {};
}

Result<ResponseHead> parse_response_head(std::string_view text) {
  Parser parser;
  parser.header_limit(kHeadBytesMax);
  parser.body_limit(boost::none);
  parser.skip(false);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(text.data(), text.size()), error);
  if (error && error != http::error::need_more) return broken(error.message());
  if (!parser.is_header_done()) return broken("not a whole response head");
  for (const http::field field : kSingleFields) {
    if (parser.get().count(field) <= 1) continue;
    const auto name = http::to_string(field);
    return broken(fmt::format("two {} fields", std::string_view(name.data(), name.size())));
  }
  ResponseHead head;
  head.status = parser.get().result_int();
  head.keep_alive = parser.get().keep_alive();
  head.keep_alive_timeout = keep_alive_timeout(value_of(parser, http::field::keep_alive));
  head.chunked = parser.chunked();
  const std::string coding = value_of(parser, http::field::transfer_encoding);
  if (!coding.empty() && !boost::beast::iequals(coding, "chunked")) {
    return broken("unknown Transfer-Encoding");
  }
  if (const auto length = parser.content_length()) head.content_length = *length;
  head.content_range = value_of(parser, http::field::content_range);
  head.etag = value_of(parser, http::field::etag);
  head.last_modified = value_of(parser, http::field::last_modified);
  head.content_type = value_of(parser, http::field::content_type);
  head.date = parse_http_date(value_of(parser, http::field::date));
  head.request_id = value_of(parser, "x-amz-request-id");
  head.extended_id = value_of(parser, "x-amz-id-2");
  head.bucket_region = value_of(parser, "x-amz-bucket-region");
  head.metadata_token_ttl = value_of(parser, "x-aws-ec2-metadata-token-ttl-seconds");
  for (const aws::ChecksumHeader& header : aws::kChecksumHeaders) {
    std::string value = value_of(parser, header.name);
    if (!value.empty()) head.checksums.push_back({header.algorithm, std::move(value)});
  }
  head.checksum_type = value_of(parser, "x-amz-checksum-type");
  head.retry_after = value_of(parser, "x-amz-retry-after");
  return head;
}

}  // namespace cachey::origin
