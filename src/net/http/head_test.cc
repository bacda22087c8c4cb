#include "net/http/head.h"

#include <gtest/gtest.h>

#include <boost/beast/http.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachey::net {
namespace {

using F = HeadFault;

struct Outcome {
  F fault = F::kNone;
  RequestHead head;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;
  size_t consumed = 0;
  bool whole = false;
};

Outcome conclude(std::string text, const HeadScanner& scanner, HeadScanner::State state) {
  Outcome outcome;
  if (state == HeadScanner::State::kMore) return outcome;
  outcome.whole = true;
  outcome.fault = F::kNone;
  if (state == HeadScanner::State::kFault) {
    outcome.fault = scanner.fault();
    return outcome;
  }
  // The block is as large as the head, so that a sanitizer sees a read past its end.
  std::vector<char> block(text.begin() + static_cast<std::ptrdiff_t>(scanner.begin()),
                          text.begin() + static_cast<std::ptrdiff_t>(scanner.end()));
  std::vector<Field> fields;
  outcome.consumed = scanner.end();
  outcome.fault = parse_head(block, outcome.head, fields);
  if (outcome.fault != F::kNone) return outcome;
  outcome.target = outcome.head.target;
  for (const Field& f : fields) outcome.fields.emplace_back(f.name, f.value);
  return outcome;
}

/// Feeds `text` in pieces of `piece` bytes until the scanner has a result.
Outcome read_in_pieces(const std::string& text, size_t piece) {
  HeadScanner scanner;
  HeadScanner::State state = HeadScanner::State::kMore;
  size_t fed = 0;
  while (state == HeadScanner::State::kMore && fed < text.size()) {
    fed = std::min(text.size(), fed + piece);
    const std::string sofar =
        text.substr(0, fed);  // a new block each time, as if a buffer had grown
    state = scanner.scan(sofar);
  }
  return conclude(text, scanner, state);
}

struct Refused {
  std::string_view text;
  F fault;
};

const Refused kRefused[] = {
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", F::kBareLf},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", F::kBareLf},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", F::kBareLf},
    {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", F::kBareLf},
    {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", F::kBareCr},
    {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", F::kBareCr},
    {"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", F::kBareCr},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\rY: b\r\n\r\n", F::kBareCr},
    {"GET\r\n\r\n", F::kBadRequestLine},
    {"GET /\r\n\r\n", F::kBadRequestLine},
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET / b HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET / HTTP 1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET /\tb HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET /\rb HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"\r\n\r\n", F::kBadRequestLine},
    {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"\x16\x03\x01\x02", F::kBadRequestLine},
    {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", F::kUnknownVersion},
    {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET / HTTP/1.\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", F::kUnknownVersion},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", F::kUnknownVersion},
    {"GET / HTTP/11\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", F::kBadRequestLine},
    {"GET / H\r\n\r\n", F::kBadRequestLine},
    {"GET / \r\n\r\n", F::kBadRequestLine},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", F::kUnknownVersion},
    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"GET http://u@a/b HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", F::kBadTarget},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", F::kFolded},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", F::kFolded},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", F::kFolded},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", F::kNoColon},
    {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", F::kEmptyName},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", F::kSpaceBeforeColon},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 1\r\n\r\n", F::kSpaceBeforeColon},
    {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", F::kBadName},
    {"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", F::kBadName},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: b\r\n\r\n", F::kBadName},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", F::kControlCharacter},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\x7f\r\n\r\n", F::kControlCharacter},
    {std::string_view("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 35), F::kControlCharacter},
    {std::string_view("GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", 34), F::kBadName},
    {"GET / HTTP/1.1\r\n\r\n", F::kNoHost},
    {"GET http://a/ HTTP/1.1\r\n\r\n", F::kNoHost},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", F::kTwoHosts},
    {"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", F::kTwoHosts},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", F::kBadHost},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", F::kBadHost},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", F::kBadHost},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", F::kBadContentLength},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", F::kBadContentLength},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", F::kBadContentLength},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", F::kBadContentLength},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n", F::kBadContentLength},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", F::kBadContentLength},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n",
     F::kBadContentLength},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
     F::kTwoContentLengths},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n",
     F::kTwoContentLengths},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     F::kTwoFramings},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
     F::kTwoFramings},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     F::kBadTransferEncoding},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", F::kBadTransferEncoding},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", F::kBadTransferEncoding},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", F::kBadTransferEncoding},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
     "chunked\r\n\r\n",
     F::kBadTransferEncoding},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", F::kBadTransferEncoding},
};

TEST(Head, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const Refused& row : kRefused) {
    for (size_t piece = 1; piece <= row.text.size(); ++piece) {
      const Outcome outcome = read_in_pieces(std::string(row.text), piece);
      EXPECT_EQ(outcome.fault, row.fault)
          << to_string(outcome.fault) << "\npiece " << piece << " of\n"
          << row.text;
    }
  }
}

TEST(Head, AFaultHasATextForTheClient) {
  for (int i = 0; i <= static_cast<int>(F::kTooManyFields); ++i) {
    const std::string_view text = to_string(static_cast<F>(i));
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text.find_first_of("\r\n"), std::string_view::npos);
  }
}

struct Accepted {
  std::string_view text;
  Method method;
  std::string_view target;
  bool keep_alive;
  bool has_body;
  bool takes_trailers;
};

const Accepted kAccepted[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Method::kGet, "/", true, false, false},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Method::kGet, "/", true, false, false},
    {"HEAD /a//b/../c?d=%2F HTTP/1.1\r\nHost:\r\n\r\n", Method::kHead, "/a//b/../c?d=%2F", true,
     false, false},
    {"GET /\xc3\xa9 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", Method::kGet, "/\xc3\xa9", true, false,
     false},
    {"get / HTTP/1.1\r\nHost: a\r\n\r\n", Method::kOther, "/", true, false, false},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Method::kOther, "*", true, false, false},
    {"GET http://a:80/b?c HTTP/1.1\r\nHost: a:80\r\n\r\n", Method::kGet, "/b?c", true, false,
     false},
    {"GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n", Method::kGet, "/", true, false, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Method::kGet, "/", false, false,
     false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE , Close\r\nTE: trailers\r\n\r\n", Method::kGet,
     "/", false, false, true},
    {"GET / HTTP/1.1\r\nHost: a\r\nTE: deflate;q=0.5, Trailers\r\n\r\n", Method::kGet, "/", true,
     false, true},
    {"GET / HTTP/1.1\r\nHost: a\r\nTE: trailersx\r\n\r\n", Method::kGet, "/", true, false, false},
    {"GET / HTTP/1.2\r\nHost: a\r\nTE: trailers\r\n\r\n", Method::kGet, "/", true, false, true},
    {"GET / HTTP/1.9\r\nHost: a\r\n\r\n", Method::kGet, "/", true, false, false},
    {"GET / HTTP/1.0\r\n\r\n", Method::kGet, "/", false, false, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nTE: trailers\r\n\r\n", Method::kGet, "/", true,
     false, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Method::kGet, "/", false, false,
     false},
    {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", Method::kOther, "/", true, true,
     false},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n", Method::kGet, "/", true, false,
     false},
    {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", Method::kOther, "/", true,
     true, false},
};

TEST(Head, ReadsWhatItTakesHoweverItComesInPieces) {
  for (const Accepted& row : kAccepted) {
    const std::string text = std::string(row.text) + "GET /next";
    for (size_t piece = 1; piece <= text.size(); ++piece) {
      const Outcome outcome = read_in_pieces(text, piece);
      EXPECT_EQ(outcome.fault, F::kNone) << to_string(outcome.fault) << "\n" << row.text;
      EXPECT_EQ(outcome.consumed, row.text.size()) << row.text;
      EXPECT_EQ(outcome.head.method, row.method) << row.text;
      EXPECT_EQ(outcome.target, row.target) << row.text;
      EXPECT_EQ(outcome.head.keep_alive, row.keep_alive) << row.text;
      EXPECT_EQ(outcome.head.has_body, row.has_body) << row.text;
      EXPECT_EQ(outcome.head.takes_trailers, row.takes_trailers) << row.text;
    }
  }
}

TEST(Head, LowersNamesTrimsValuesKeepsOrder) {
  const std::string text =
      "GET / HTTP/1.1\r\nHOST:a\r\nC0-Bucket: \t one two \t\r\nX!#$%&'*+-.^_`|~9:\r\n"
      "c0-bucket: \xc3\xa9:\"x\"\r\n\r\n";
  const Outcome outcome = read_in_pieces(text, text.size());
  ASSERT_EQ(outcome.fault, F::kNone) << to_string(outcome.fault);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"host", "a"},
      {"c0-bucket", "one two"},
      {"x!#$%&'*+-.^_`|~9", ""},
      {"c0-bucket", "\xc3\xa9:\"x\""},
  };
  EXPECT_EQ(outcome.fields, expected);
}

/// Of two hosts the one in the target counts, wherever a proxy or a handler looks.
TEST(Head, TheHostOfAnAbsoluteTargetIsTheHost) {
  for (const std::string target : {"http://bucket.example:80/key", "https://bucket.example:80"}) {
    const std::string text = "GET " + target + " HTTP/1.1\r\nA: b\r\nHost: other\r\nC: d\r\n\r\n";
    const Outcome outcome = read_in_pieces(text, text.size());
    ASSERT_EQ(outcome.fault, F::kNone) << to_string(outcome.fault);
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"a", "b"}, {"host", "bucket.example:80"}, {"c", "d"}};
    EXPECT_EQ(outcome.fields, expected) << target;
  }
}

TEST(Head, HasAtMostSoManyFields) {
  for (const size_t count : {kHeadFieldsMax, kHeadFieldsMax + 1}) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (size_t i = 1; i < count; ++i) text += "X: b\r\n";
    text += "\r\n";
    const Outcome outcome = read_in_pieces(text, text.size());
    EXPECT_EQ(outcome.fault, count == kHeadFieldsMax ? F::kNone : F::kTooManyFields);
  }
}

/// An independent parser agrees about every accepted head.
TEST(Head, BeastReadsTheSame) {
  namespace http = boost::beast::http;
  for (const Accepted& row : kAccepted) {
    const std::string text = std::string(row.text.substr(row.text.starts_with("\r\n") ? 2 : 0));
    if (text.find(" HTTP/1.1\r") == text.npos && text.find(" HTTP/1.0\r") == text.npos) continue;
    http::request_parser<http::empty_body> parser;
    boost::system::error_code error;
    parser.put(boost::asio::buffer(text), error);
    ASSERT_FALSE(error) << error.message() << "\n" << text;
    ASSERT_TRUE(parser.is_header_done()) << text;
    const Outcome outcome = read_in_pieces(text, text.size());
    EXPECT_TRUE(std::string_view(parser.get().target()).ends_with(outcome.target) ||
                outcome.target == "/")
        << text;
    size_t count = 0;
    for (const auto& field : parser.get()) {
      ASSERT_LT(count, outcome.fields.size());
      EXPECT_EQ(std::string_view(field.value()), outcome.fields[count].second);
      EXPECT_TRUE(boost::beast::iequals(field.name_string(), outcome.fields[count].first));
      ++count;
    }
    EXPECT_EQ(count, outcome.fields.size());
  }
}

/// The parser looks at blocks of bytes.
TEST(Head, ALongTargetOrValueEndsAtTheSameByteAsAShortOne) {
  for (size_t size = 1; size < 70; ++size) {
    const std::string text(size, 'x');
    const std::string head = "GET /" + text + " HTTP/1.1\r\nHost: a\r\nX: " + text + "\r\n\r\n";
    const Outcome good = read_in_pieces(head, head.size());
    EXPECT_EQ(good.target, "/" + text);
    ASSERT_EQ(good.fields.size(), 2u);
    EXPECT_EQ(good.fields[1].second, text);
    for (size_t at = 0; at < size; ++at) {
      for (const char bad : {'\x01', '\x7f', '#'}) {
        std::string wrong = head;
        wrong[wrong.find('x') + at] = bad;
        EXPECT_NE(read_in_pieces(wrong, wrong.size()).fault, F::kNone) << size << " " << at;
        wrong = head;
        wrong[wrong.rfind('x') - at] = bad;
        const F fault = bad == '#' ? F::kNone : F::kControlCharacter;
        EXPECT_EQ(read_in_pieces(wrong, wrong.size()).fault, fault) << size << " " << at;
      }
      std::string tab = head;
      tab[tab.rfind('x') - at] = '\t';
      EXPECT_EQ(read_in_pieces(tab, tab.size()).fault, F::kNone) << size << " " << at;
    }
  }
}

}  // namespace
}  // namespace cachey::net
