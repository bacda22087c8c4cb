#include "origin/s3/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/http_date.h"
#include "base/log.h"
#include "base/units.h"
#include "origin/content_range.h"

namespace cachey::origin {
namespace {

constexpr unsigned kNoContent = 204;

std::unexpected<Error> unusable(std::string fault) {
  return fail(ErrorKind::kUpstream, std::move(fault), ErrorCause::kUnusableAnswer);
}

std::unexpected<Error> broken(std::string_view fault) {
  return unusable(fmt::format("bad answer of the origin: {}", fault));
}

/// An answer without Content-Range and without a byte. A whole object, or a range from the first
/// byte, has no byte only if the object has none.
std::unexpected<Error> no_byte(bool whole) {
  return std::unexpected(
      Error::range_not_satisfiable(whole ? std::optional<uint64_t>(0) : std::nullopt));
}

/// For a 200 without Content-Range: the store ignored the Range header and sends the whole object.
Result<ByteRange> whole_object_range(const ResponseHead& head, ByteRange asked) {
  if (asked.begin != 0 || !head.content_length || *head.content_length > asked.end) {
    return unusable("the origin ignored the Range header");
  }
  return ByteRange(0, *head.content_length);
}

ObjectInfo version_of(const ResponseHead& head) {
  ObjectInfo info;
  if (is_informative_tag(head.etag)) info.etag = head.etag;
  info.last_modified = parse_http_date(head.last_modified).value_or(0);
  return info;
}

std::string text_of(ByteRange asked, Ask ask) {
  if (ask == Ask::kTail) return fmt::format("bytes=-{}", asked.size());
  return fmt::format("bytes={}-{}", asked.begin, asked.end - 1);
}

/// Whether `got`, of an object of `size` bytes, is what was asked for.
bool is_as_asked(ByteRange got, uint64_t size, ByteRange asked, Ask ask) {
  if (got.empty()) return false;
  if (ask == Ask::kTail) return got == ByteRange(size - std::min(size, asked.size()), size);
  const bool to_the_end = got.end < asked.end && got.end == size;
  return got.begin == asked.begin && (got.end == asked.end || to_the_end);
}

Result<GoodAnswer> check_head(const ResponseHead& head) {
  GoodAnswer answer;
  answer.info = version_of(head);
  if (head.status != 200) return broken(fmt::format("status {} to a HEAD", head.status));
  if (answer.info.etag.empty() && answer.info.last_modified == 0) {
    return unusable("the origin answered 200 without ETag and Last-Modified: this is no object");
  }
  if (!head.content_length) return broken("no Content-Length to a HEAD");
  if (*head.content_length > kObjectBytesMax)
    return broken("the object is larger than an S3 object can be");
  answer.info.size = *head.content_length;
  return answer;
}

Result<GoodAnswer> check_range(const ResponseHead& head, ByteRange asked, Ask ask) {
  GoodAnswer answer;
  answer.info = version_of(head);
  // A page of a proxy or a login is a 200 like this. A 206 says by its Content-Range that the
  // answer is a part of the object.
  const bool nameless = answer.info.etag.empty() && answer.info.last_modified == 0;
  if (head.status == kNoContent && !nameless) return no_byte(asked.begin == 0);
  if (head.status != 206 && head.status != 200) {
    return broken(fmt::format("status {} to a ranged GET", head.status));
  }
  if (head.status == 200 && nameless) {
    return unusable("the origin answered 200 without ETag and Last-Modified: this is no object");
  }
  if (head.content_range.empty()) {
    if (head.content_length == 0) return no_byte(head.status == 200 || asked.begin == 0);
    if (head.status == 206) return broken("206 without Content-Range");
    const Result<ByteRange> whole = whole_object_range(head, asked);
    if (!whole) return std::unexpected(whole.error());
    answer.range = *whole;
    answer.info.size = whole->end;
    return answer;
  }
  const std::optional<ContentRange> said = parse_content_range(head.content_range);
  if (!said || !said->size) {
    return broken("cannot use Content-Range: " + log::quoted(head.content_range, 64));
  }
  const bool past_end = *said->size <= asked.begin && head.content_length.value_or(0) == 0;
  if (past_end && (!said->range || said->range->empty())) {
    return std::unexpected(Error::range_not_satisfiable(said->size));
  }
  const ByteRange got = said->range.value_or(ByteRange());
  if (!is_as_asked(got, *said->size, asked, ask)) {
    return broken(fmt::format("asked for {}, got Content-Range: {}", text_of(asked, ask),
                              log::quoted(head.content_range, 64)));
  }
  if (*said->size > kObjectBytesMax) return broken("the object is larger than an S3 object can be");
  if (head.content_length && *head.content_length != got.size()) {
    return broken(fmt::format("Content-Length {} does not fit Content-Range: {}",
                              *head.content_length, log::quoted(head.content_range, 64)));
  }
  answer.range = got;
  answer.info.size = *said->size;
  return answer;
}

}  // namespace

Result<GoodAnswer> check_answer(const ResponseHead& head, ByteRange asked, Ask ask) {
  if (ask == Ask::kHead) return check_head(head);
  Result<GoodAnswer> answer = check_range(head, asked, ask);
  if (answer && answer->range.size() == answer->info.size)
    answer->checksum = aws::choose_checksum(head.checksums, head.checksum_type);
  return answer;
}

}  // namespace cachey::origin
