#include "net/http/head.h"

#include <array>
#include <cstring>

#include "base/byte_blocks.h"
#include "net/http/field_text.h"

namespace cachey::net {
namespace {

// Classes of bytes (RFC 9110 5.6.2, 5.5; RFC 3986 3.2): one table look-up for each byte of a head.
constexpr uint8_t kValueByte = 1;  // allowed in a field's value: visible, space, tab, 0x80 and up
constexpr uint8_t kTargetByte =
    2;  // allowed in a request target: as in a value, without space, tab and #
constexpr uint8_t kHostByte = 4;  // allowed in a host with port

struct Tables {
  std::array<char, 256> lower{};  // a byte of a name in lower case; 0: not allowed in names
  std::array<uint8_t, 256> kind{};
};

constexpr Tables make_tables() {
  Tables t;
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z');
    const auto one_of = [c](std::string_view set) {
      return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (digit || letter || one_of("!#$%&'*+-.^_`|~")) {
      t.lower[c] = static_cast<char>(upper ? c + ('a' - 'A') : c);
    }
    const bool visible = c > 0x20 && c != 0x7f;
    if (visible || c == ' ' || c == '\t') t.kind[c] |= kValueByte;
    if (visible && c != '#') t.kind[c] |= kTargetByte;
    if (digit || letter || one_of("-._~%!$&'()*+,;=:[]")) t.kind[c] |= kHostByte;
  }
  return t;
}

constexpr Tables kTables = make_tables();

char lower(char c) { return kTables.lower[static_cast<uint8_t>(c)]; }
bool is(char c, uint8_t kind) { return (kTables.kind[static_cast<uint8_t>(c)] & kind) != 0; }

bool all(std::string_view text, uint8_t kind) {
  for (const char c : text) {
    if (!is(c, kind)) return false;
  }
  return true;
}

/// Compares without regard to case; `name` is in lower case.
bool matches(std::string_view text, std::string_view name) {
  if (text.size() != name.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != name[i]) return false;
  }
  return true;
}

std::string_view trimmed_value(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Of each byte: not of kValueByte. A tab is found too, although it is one.
ByteBlock ends_value(ByteBlock block) { return ByteBlock((block < 0x20) | (block == 0x7f)); }

/// Of each byte: not of kTargetByte.
ByteBlock ends_target(ByteBlock block) {
  return ByteBlock((block <= 0x20) | (block == 0x7f) | (block == '#'));
}

/// Parses one head in one pass. HeadScanner guarantees that each line ends in CR LF, has no other
/// LF, and that the last line is empty.
class Reader {
 public:
  Reader(std::span<char> text, RequestHead& head, std::vector<Field>& fields)
      : at_(text.data()), end_(text.data() + text.size()), head_(head), fields_(fields) {}

  HeadFault read() {
    if (const HeadFault fault = request_line(); fault != HeadFault::kNone) return fault;
    while (*at_ != '\r' || at_[1] != '\n') {
      if (const HeadFault fault = field_line(); fault != HeadFault::kNone) return fault;
    }
    return conclude();
  }

 private:
  HeadFault request_line() {
    const char* const method = at_;
    while (lower(*at_) != 0) ++at_;
    const std::string_view name(method, static_cast<size_t>(at_ - method));
    if (name.empty() || *at_ != ' ') return HeadFault::kBadRequestLine;
    head_.method = method_of(name);
    head_.method_name = name;
    const char* const target = ++at_;
    skip_to(ends_target);
    while (is(*at_, kTargetByte)) ++at_;
    head_.target = std::string_view(target, static_cast<size_t>(at_ - target));
    if (head_.target.empty() || (*at_ != ' ' && *at_ != '\r' && *at_ != '#')) {
      return HeadFault::kBadRequestLine;
    }
    if (*at_ == '#') return HeadFault::kBadTarget;
    if (*at_ == '\r') return HeadFault::kBadRequestLine;
    return version(at_ + 1);
  }

  /// Goes on to the first byte that `ends` finds, or to less than a block before the end.
  template <typename Ends>
  void skip_to(Ends ends) {
    while (static_cast<size_t>(end_ - at_) >= sizeof(ByteBlock)) {
      const size_t bytes = first_of(ends(load_block(at_)));
      at_ += bytes;
      if (bytes < sizeof(ByteBlock)) return;
    }
  }

  /// RFC 9112 2.3.
  static bool is_version(std::string_view name) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return name.size() == 8 && name.starts_with("HTTP/") && is_digit(name[5]) && name[6] == '.' &&
           is_digit(name[7]);
  }

  HeadFault version(char* text) {
    const char* const end = static_cast<const char*>(std::memchr(text, '\n', end_ - text));
    const std::string_view name(text, static_cast<size_t>(end - 1 - text));
    if (name.find(' ') != std::string_view::npos) return HeadFault::kBadRequestLine;
    if (!is_version(name)) return HeadFault::kBadRequestLine;
    if (!name.starts_with("HTTP/1.")) return HeadFault::kUnknownVersion;
    head_.http_1_0 = name.back() == '0';  // a higher minor version counts as 1 (RFC 9110 2.5)
    at_ = text + name.size() + 2;
    return strip_authority();
  }

  /// Turns absolute-form into origin-form. The authority takes the place of the Host field's value
  /// (RFC 9112 3.2.2).
  HeadFault strip_authority() {
    std::string_view& target = head_.target;
    if (target.front() == '/' || (target == "*" && head_.method == Method::kOther)) {
      return HeadFault::kNone;
    }
    const size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return HeadFault::kBadTarget;
    const std::string_view name = target.substr(0, scheme);
    if (!matches(name, "http") && !matches(name, "https")) return HeadFault::kBadTarget;
    const std::string_view rest = target.substr(scheme + 3);
    const size_t slash = rest.find('/');
    authority_ = rest.substr(0, slash);
    if (authority_.empty() || !all(authority_, kHostByte)) return HeadFault::kBadTarget;
    target = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
    return HeadFault::kNone;
  }

  HeadFault field_line() {
    if (*at_ == ' ' || *at_ == '\t') return HeadFault::kFolded;
    char* const name = at_;
    for (char c = lower(*at_); c != 0; c = lower(*at_)) *at_++ = c;
    const std::string_view field_name(name, static_cast<size_t>(at_ - name));
    if (*at_ != ':') return name_fault();
    if (field_name.empty()) return HeadFault::kEmptyName;
    const char* const value = ++at_;
    skip_to(ends_value);
    while (is(*at_, kValueByte)) ++at_;
    if (*at_ != '\r') return HeadFault::kControlCharacter;
    if (at_[1] != '\n') return HeadFault::kBareCr;
    const Field field{field_name, trimmed_value({value, static_cast<size_t>(at_ - value)})};
    at_ += 2;
    if (fields_.size() == kHeadFieldsMax) return HeadFault::kTooManyFields;
    fields_.push_back(field);
    return special(field);
  }

  /// Why a name does not end in a colon.
  [[nodiscard]] HeadFault name_fault() const {
    if (*at_ == '\r') return at_[1] == '\n' ? HeadFault::kNoColon : HeadFault::kBareCr;
    const char* next = at_;
    while (*next == ' ' || *next == '\t') ++next;
    return next != at_ && *next == ':' ? HeadFault::kSpaceBeforeColon : HeadFault::kBadName;
  }

  /// Handles the fields that decide where the message ends and whether the connection stays open.
  HeadFault special(const Field& field) {
    switch (field.name.size()) {
      case 2:
        if (field.name == "te" && list_has(field.value, "trailers")) head_.takes_trailers = true;
        return HeadFault::kNone;
      case 4:
        return field.name == "host" ? host(field.value) : HeadFault::kNone;
      case 10:
        if (field.name == "connection") connection(field.value);
        return HeadFault::kNone;
      case 14:
        return field.name == "content-length" ? content_length(field.value) : HeadFault::kNone;
      case 17:
        return field.name == "transfer-encoding" ? transfer_encoding(field.value)
                                                 : HeadFault::kNone;
      default:
        return HeadFault::kNone;
    }
  }

  HeadFault host(std::string_view value) {
    if (has_host_) return HeadFault::kTwoHosts;
    has_host_ = true;
    if (!is_host(value)) return HeadFault::kBadHost;
    if (!authority_.empty()) fields_.back().value = authority_;
    return HeadFault::kNone;
  }

  void connection(std::string_view value) {
    if (list_has(value, "close")) says_close_ = true;
    if (list_has(value, "keep-alive")) says_keep_alive_ = true;
  }

  HeadFault content_length(std::string_view value) {
    constexpr size_t kDigitsMax = 18;  // 18 digits fit 63 bits
    if (has_length_) return HeadFault::kTwoContentLengths;
    has_length_ = true;
    if (value.empty() || value.size() > kDigitsMax) return HeadFault::kBadContentLength;
    for (const char c : value) {
      if (c < '0' || c > '9') return HeadFault::kBadContentLength;
      if (c != '0') head_.has_body = true;
    }
    return HeadFault::kNone;
  }

  HeadFault transfer_encoding(std::string_view value) {
    if (has_encoding_ || head_.http_1_0 || !matches(value, "chunked")) {
      return HeadFault::kBadTransferEncoding;
    }
    has_encoding_ = true;
    head_.has_body = true;
    return HeadFault::kNone;
  }

  HeadFault conclude() {
    if (has_length_ && has_encoding_) return HeadFault::kTwoFramings;
    if (!has_host_ && !head_.http_1_0) return HeadFault::kNoHost;
    head_.keep_alive = !says_close_ && (!head_.http_1_0 || says_keep_alive_);
    if (head_.http_1_0) head_.takes_trailers = false;
    return HeadFault::kNone;
  }

  char* at_;
  const char* const end_;
  RequestHead& head_;
  std::vector<Field>& fields_;
  std::string_view authority_;  // of an absolute-form target
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_encoding_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  if (!bytes.empty() && bytes[0] != '\r' && bytes[0] != '\n' && lower(bytes[0]) == 0) {
    fault_ = HeadFault::kBadRequestLine;  // not HTTP: TLS, for example
    return State::kFault;
  }
  while (true) {
    const size_t feed = bytes.find('\n', scanned_);
    if (feed == std::string_view::npos) break;
    if (feed == 0 || bytes[feed - 1] != '\r') {
      fault_ = HeadFault::kBareLf;
      return State::kFault;
    }
    const bool empty = feed - 1 == line_;
    const bool before_head = line_ == 0;
    line_ = scanned_ = feed + 1;
    if (!empty) continue;
    if (!before_head) {
      if (begin_ + 2 != line_) return State::kWhole;
      fault_ = HeadFault::kBadRequestLine;  // a second empty line before the request line
      return State::kFault;
    }
    begin_ = line_;
  }
  scanned_ = bytes.size();
  return State::kMore;
}

HeadFault parse_head(std::span<char> text, RequestHead& head, std::vector<Field>& fields) {
  head = RequestHead();
  fields.clear();
  return Reader(text, head, fields).read();
}

bool is_origin_form(Method method, std::string_view target) {
  if (target == "*") return method == Method::kOther;
  return target.starts_with('/') && all(target, kTargetByte);
}

bool is_host(std::string_view text) { return all(text, kHostByte); }

Method method_of(std::string_view name) {
  return name == "GET" ? Method::kGet : name == "HEAD" ? Method::kHead : Method::kOther;
}

std::string_view to_string(HeadFault fault) {
  static constexpr std::array<std::string_view, static_cast<size_t>(HeadFault::kTooManyFields) + 1>
      kTexts = {
          "no fault",
          "a line ends in LF without CR",
          "CR without LF",
          "the request line is not METHOD TARGET VERSION",
          "the request target is neither a path nor an http URL",
          "the version is not HTTP/1",
          "a field line starts with a space",
          "a field line has no colon",
          "a field has no name",
          "a space stands before a field's colon",
          "a field's name has a character that names cannot have",
          "a field's value has a control character",
          "the Host field is missing",
          "there are two Host fields",
          "the Host field is not a host",
          "the Content-Length is not a number of bytes",
          "there are two Content-Length fields",
          "the only Transfer-Encoding taken is chunked, once, in HTTP/1.1",
          "there are both Content-Length and Transfer-Encoding",
          "the request's head is too large",
          "the request has too many fields",
      };
  return kTexts[static_cast<size_t>(fault)];
}

unsigned status_of(HeadFault fault) {
  switch (fault) {
    case HeadFault::kTooLarge:
    case HeadFault::kTooManyFields:
      return 431;
    case HeadFault::kUnknownVersion:
      return 505;
    default:
      return 400;
  }
}

}  // namespace cachey::net
