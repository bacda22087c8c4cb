#include "origin/transport/response_head.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>

#include "base/http_date.h"
#include "base/log.h"
#include "base/units.h"
#include "origin/transport/content_range.h"

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

std::unexpected<Error> broken(std::string_view fault) {
  return fail(ErrorKind::kUpstream, fmt::format("bad answer of the origin: {}", fault));
}

/// 200 without Content-Range: the whole object, whatever was asked for.
Result<ByteRange> whole_object_range(const ResponseHead& head, ByteRange asked) {
  const bool nameless = head.etag.empty() && head.last_modified.empty();
  if (nameless && head.content_type.find("xml") != std::string::npos) {
    return fail(ErrorKind::kUpstream, "the origin answered 200 with a document of its own");
  }
  if (asked.begin != 0 || !head.content_length || *head.content_length > asked.end) {
    return fail(ErrorKind::kUpstream, "the origin ignored the Range header");
  }
  return ByteRange(0, *head.content_length);
}

Result<GoodAnswer> check_range(const ResponseHead& head, ByteRange asked) {
  if (head.status != 206 && head.status != 200) {
    return broken(fmt::format("status {} to a ranged GET", head.status));
  }
  GoodAnswer answer;
  answer.info.etag = head.etag;
  answer.info.last_modified = parse_http_date(head.last_modified).value_or(0);
  if (head.content_range.empty()) {
    if (head.status == 206) return broken("206 without Content-Range");
    const Result<ByteRange> whole = whole_object_range(head, asked);
    if (!whole) return std::unexpected(whole.error());
    if (whole->empty()) return std::unexpected(Error::range_not_satisfiable(0));
    answer.range = *whole;
    answer.info.size = whole->end;
    return answer;
  }
  const std::optional<ContentRange> said = parse_content_range(head.content_range);
  if (!said || !said->size) {
    return broken("cannot use Content-Range: " + log::quoted(head.content_range, 64));
  }
  if (!said->range || said->range->empty()) {
    return std::unexpected(Error::range_not_satisfiable(said->size));
  }
  const bool whole_range = said->range->end == asked.end;
  const bool to_the_end = said->range->end < asked.end && said->range->end == *said->size;
  if (said->range->begin != asked.begin || (!whole_range && !to_the_end)) {
    return broken(fmt::format("asked for bytes={}-{}, got Content-Range: {}", asked.begin,
                              asked.end - 1, log::quoted(head.content_range, 64)));
  }
  if (*said->size > kObjectBytesMax) return broken("the object is larger than an S3 object can be");
  if (head.content_length && *head.content_length != said->range->size()) {
    return broken(fmt::format("Content-Length {} does not fit Content-Range: {}",
                              *head.content_length, log::quoted(head.content_range, 64)));
  }
  answer.range = *said->range;
  answer.info.size = *said->size;
  return answer;
}

}  // namespace

Result<ResponseHead> parse_response_head(std::string_view text) {
  Parser parser;
  parser.header_limit(kHeadBytesMax);
  parser.body_limit(boost::none);
  parser.skip(false);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(text.data(), text.size()), error);
  if (error && error != http::error::need_more) return broken(error.message());
  if (!parser.is_header_done()) return broken("not a whole response head");
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
  for (const ChecksumHeader& header : kChecksumHeaders) {
    std::string value = value_of(parser, header.name);
    if (!value.empty()) head.checksums.push_back({header.algorithm, std::move(value)});
  }
  head.checksum_type = value_of(parser, "x-amz-checksum-type");
  head.retry_after = value_of(parser, "x-amz-retry-after");
  return head;
}

Result<GoodAnswer> check_answer(const ResponseHead& head, ByteRange asked) {
  Result<GoodAnswer> answer = check_range(head, asked);
  if (answer && answer->range.size() == answer->info.size)
    answer->checksum = choose_checksum(head.checksums, head.checksum_type);
  return answer;
}

}  // namespace cachey::origin
