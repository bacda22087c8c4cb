#include "origin/transport/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/http_date.h"
#include "base/log.h"
#include "origin/transport/attribute_lines.h"
#include "origin/transport/subject_lines.h"
#include "origin/transport/token.h"

namespace cachey::origin {
namespace {

constexpr std::string_view kHeadBegin = "HTTP/1.";
constexpr std::string_view kLineEnd = "\r\n";

// An error quotes at most this much of an answer that is not HTTP, in bytes.
constexpr size_t kBeginQuoted = 32;

std::unexpected<Error> broken(std::string_view fault) {
  return fail(ErrorKind::kUpstream, fmt::format("bad answer of the origin: {}", fault),
              ErrorCause::kUnusableAnswer);
}

size_t leading_lines(std::string_view text) {
  size_t size = 0;
  for (int lines = 0; lines < kLeadingLinesMax && text.substr(size).starts_with(kLineEnd); ++lines)
    size += kLineEnd.size();
  return size;
}

/// A field that we copy.
struct TextField {
  std::string_view name;
  std::string ResponseHead::* text;
};
constexpr TextField kTextFields[] = {
    {"content-type", &ResponseHead::content_type},
    {"x-amz-request-id", &ResponseHead::request_id},
    {"x-amz-id-2", &ResponseHead::extended_id},
    {"x-amz-retry-after", &ResponseHead::retry_after},
    {"x-amz-bucket-region", &ResponseHead::bucket_region},
    {"x-amz-checksum-type", &ResponseHead::checksum_type},
    {"x-aws-ec2-metadata-token-ttl-seconds", &ResponseHead::metadata_token_ttl},
};

/// Fields that an answer may have only once (RFC 9110 5.3): together the fields decide which bytes
/// of which version the body holds.
constexpr TextField kSingleFields[] = {
    {"content-range", &ResponseHead::content_range},
    {"etag", &ResponseHead::etag},
    {"last-modified", &ResponseHead::last_modified},
};

constexpr std::string_view kContentLength = "content-length";
constexpr std::string_view kTransferEncoding = "transfer-encoding";
constexpr std::string_view kConnection = "connection";

/// The fields that decide about the body. No doubt is allowed about their lines.
bool is_strict(std::string_view name) {
  return is_same_name(name, kContentLength) || is_same_name(name, kTransferEncoding) ||
         is_same_name(name, kConnection) ||
         std::ranges::any_of(kSingleFields, [name](const TextField& field) {
           return is_same_name(name, field.name);
         });
}

/// Blanks and control characters that some readers pass over around a name.
constexpr std::string_view kAroundNames{
    "\0\1\2\3\4\5\6\7\b\t\n\v\f\r\16\17\20\21\22\23\24\25\26\27\30\31\32\33\34\35\36\37 \177", 34};

bool has_control_but_tab(std::string_view value) {
  return std::ranges::any_of(value, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

std::optional<std::chrono::seconds> keep_alive_timeout(std::string_view value) {
  constexpr std::string_view kName = "timeout=";
  const size_t at = value.find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view text = value.substr(at + kName.size());
  uint16_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

/// Reads the lines of one head.
class HeadParser {
 public:
  explicit HeadParser(KeepLines keep) : keep_(keep) {}

  [[nodiscard]] Result<void> take_status_line(std::string_view line);
  [[nodiscard]] Result<void> take_line(std::string_view line);
  [[nodiscard]] Result<ResponseHead> finish();

 private:
  [[nodiscard]] Result<void> take_strict(std::string_view name, std::string_view value);
  [[nodiscard]] Result<void> take_length(std::string_view value);
  void take_options(std::string_view value);
  void take_other(std::string_view name, std::string_view value);
  void keep_line(std::string_view name, std::string_view value);

  const KeepLines keep_;
  ResponseHead head_;
  AttributeLines attributes_;
  SubjectLines subject_;
  std::array<std::string, aws::kChecksumHeaders.size()> sums_;
  std::array<bool, std::size(kSingleFields)> single_seen_{};
  bool http_1_0_ = false;
  bool has_coding_ = false;
  bool asks_close_ = false;
  bool asks_keep_alive_ = false;
  bool last_was_strict_ = false;  // a folded line would continue a strict field
};

/// `HTTP/1.1 206`, and a phrase that nobody reads.
Result<void> HeadParser::take_status_line(std::string_view line) {
  constexpr size_t kStatusAt = kHeadBegin.size() + 2;
  constexpr size_t kStatusEnd = kStatusAt + 3;
  const bool begins = line.starts_with(kHeadBegin) && line.size() >= kStatusEnd &&
                      is_digit(line[kHeadBegin.size()]) && line[kStatusAt - 1] == ' ';
  if (!begins) return broken("bad status line");
  const auto status = parse_number<unsigned>(line.substr(kStatusAt, kStatusEnd - kStatusAt));
  const bool ends = line.size() == kStatusEnd || line[kStatusEnd] == ' ';
  if (!status || *status < 100 || !ends) return broken("bad status line");
  head_.status = *status;
  http_1_0_ = line[kHeadBegin.size()] == '0';
  return {};
}

Result<void> HeadParser::take_line(std::string_view line) {
  if (kBlanks.contains(line.front())) {
    if (last_was_strict_) return broken("a folded field");
    attributes_.drop_line();
    subject_.drop_line();
    return {};
  }
  attributes_.begin_line();
  subject_.begin_line();
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view written = line.substr(0, colon);
  const std::string_view name = trimmed(written, kAroundNames);
  const std::string_view value = trimmed(line.substr(colon + 1));
  last_was_strict_ = is_strict(name);
  if (last_was_strict_) {
    if (name.size() != written.size()) return broken(fmt::format("blanks around {}", name));
    if (has_control_but_tab(value)) return broken(fmt::format("a control character in {}", name));
    keep_line(name, value);
    return take_strict(name, value);
  }
  if (has_control_but_tab(value)) return {};
  take_other(name, value);
  if (name.size() == written.size()) keep_line(name, value);
  return {};
}

void HeadParser::keep_line(std::string_view name, std::string_view value) {
  if (keep_ == KeepLines::kAttributes) {
    attributes_.take(name, value);
  } else {
    subject_.take(name, value);
  }
}

Result<void> HeadParser::take_strict(std::string_view name, std::string_view value) {
  if (is_same_name(name, kContentLength)) return take_length(value);
  if (is_same_name(name, kConnection)) {
    take_options(value);
    return {};
  }
  if (is_same_name(name, kTransferEncoding)) {
    if (has_coding_ || !is_same_name(value, "chunked")) return broken("unknown Transfer-Encoding");
    has_coding_ = true;
    return {};
  }
  for (size_t i = 0; i < std::size(kSingleFields); ++i) {
    const TextField& field = kSingleFields[i];
    if (!is_same_name(name, field.name)) continue;
    if (single_seen_[i]) return broken(fmt::format("two {} fields", field.name));
    single_seen_[i] = true;
    head_.*field.text = value;
  }
  return {};
}

/// The same length may be said twice (RFC 9112 6.3).
Result<void> HeadParser::take_length(std::string_view value) {
  const std::optional<uint64_t> length = parse_number<uint64_t>(value);
  if (!length) return broken("bad Content-Length");
  if (head_.content_length && head_.content_length != length) return broken("two Content-Lengths");
  head_.content_length = length;
  return {};
}

void HeadParser::take_options(std::string_view value) {
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    const std::string_view option = trimmed(value.substr(0, comma));
    if (is_same_name(option, "close")) asks_close_ = true;
    if (is_same_name(option, "keep-alive")) asks_keep_alive_ = true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

/// Of equal fields the first one counts.
void HeadParser::take_other(std::string_view name, std::string_view value) {
  if (is_same_name(name, "date")) {
    if (!head_.date) head_.date = parse_http_date(value);
    return;
  }
  if (is_same_name(name, "keep-alive")) {
    if (!head_.keep_alive_timeout) head_.keep_alive_timeout = keep_alive_timeout(value);
    return;
  }
  for (const TextField& field : kTextFields) {
    if (!is_same_name(name, field.name)) continue;
    std::string& text = head_.*field.text;
    if (text.empty()) text = value;
    return;
  }
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (!is_same_name(name, aws::kChecksumHeaders[i].name)) continue;
    if (sums_[i].empty()) sums_[i] = value;
    return;
  }
}

Result<ResponseHead> HeadParser::finish() {
  if (has_coding_ && head_.content_length) return broken("a length and a coding of the body");
  head_.chunked = has_coding_;
  // HTTP/1.0 knows no coding: what follows the body is in doubt (RFC 9112 6.1).
  head_.keep_alive = !asks_close_ && (!http_1_0_ || (asks_keep_alive_ && !has_coding_));
  for (size_t i = 0; i < sums_.size(); ++i) {
    if (sums_[i].empty()) continue;
    head_.checksums.push_back({aws::kChecksumHeaders[i].algorithm, std::move(sums_[i])});
  }
  head_.attributes = attributes_.finish();
  head_.lines = subject_.finish();
  return std::move(head_);
}

}  // namespace

Result<size_t> find_head_end(std::string_view text, size_t checked) {
  const size_t begin = leading_lines(text);
  const std::string_view front = text.substr(begin, kHeadBegin.size());
  const bool may_be_line_end = front == "\r" && begin < kLeadingLinesMax * kLineEnd.size();
  if (!kHeadBegin.starts_with(front) && !may_be_line_end) {
    return broken(fmt::format("not HTTP/1, begins with {}", log::quoted(text, kBeginQuoted)));
  }
  const std::string_view head = text.substr(begin);
  for (size_t at = head.find('\n', checked - std::min(checked, begin));
       at != std::string_view::npos; at = head.find('\n', at + 1)) {
    const bool bare = head[at - 1] != '\r';
    const bool first_line = bare && head.substr(0, at).find(kLineEnd) == std::string_view::npos;
    const bool after_line_feed = head[at - (bare ? 1 : 2)] == '\n';
    if (first_line || (bare && after_line_feed)) {
      return broken("a line of the head ends without a carriage return");
    }
    if (!after_line_feed) continue;
    if (head[at - 3] != '\r') return broken("a line of the head ends without a carriage return");
    return begin + at + 1;
  }
  return size_t{0};
}

Result<ResponseHead> parse_response_head(std::string_view text, KeepLines keep) {
  const Result<size_t> end = find_head_end(text);
  if (!end) return std::unexpected(end.error());
  if (*end == 0) return broken("not a whole response head");
  const size_t begin = leading_lines(text);
  std::string_view lines = text.substr(begin, *end - begin);
  const auto take_line = [&lines] {
    const size_t size = lines.find(kLineEnd);
    const std::string_view line = lines.substr(0, size);
    lines.remove_prefix(size + kLineEnd.size());
    return line;
  };
  HeadParser parser(keep);
  Result<void> taken = parser.take_status_line(take_line());
  while (taken) {
    const std::string_view line = take_line();
    if (line.empty()) return parser.finish();
    taken = parser.take_line(line);
  }
  return std::unexpected(std::move(taken.error()));
}

}  // namespace cachey::origin
