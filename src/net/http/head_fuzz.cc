// Scans any bytes at once and in pieces: both results agree, no byte outside the head is touched,
// and Beast's parser accepts every head that parse_head() accepts, with the same fields.
#include <algorithm>
#include <boost/beast/http.hpp>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/http/head.h"

namespace {

using cachey::net::Field;
using cachey::net::HeadFault;
using cachey::net::HeadScanner;
using cachey::net::RequestHead;

HeadScanner scan(std::string_view bytes, size_t piece, HeadScanner::State& state) {
  HeadScanner scanner;
  state = HeadScanner::State::kMore;
  for (size_t fed = 0; state == HeadScanner::State::kMore && fed < bytes.size();) {
    fed = std::min(bytes.size(), fed + piece);
    state = scanner.scan(bytes.substr(0, fed));
  }
  return scanner;
}

/// Beast checks the token lists of these fields. parse_head() ignores two of them, and ignores
/// unknown members of `connection`.
bool has_list_for_beast(const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    if (field.name == "connection" || field.name == "proxy-connection" || field.name == "upgrade") {
      return true;
    }
  }
  return false;
}

void check_beast_agrees(std::string_view text, const std::vector<Field>& fields) {
  namespace http = boost::beast::http;
  http::request_parser<http::empty_body> parser;
  parser.header_limit(1 << 20);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(text), error);
  if (error == http::error::bad_value && has_list_for_beast(fields)) return;
  if (error == http::error::bad_version) return;  // Beast knows no HTTP/1.2
  CHECK(!error && parser.is_header_done());
  CHECK(static_cast<size_t>(std::distance(parser.get().begin(), parser.get().end())) ==
        fields.size());
  for (const Field& field : fields) {  // Beast keeps fields of one name together, in their order
    auto [theirs, end] = parser.get().equal_range(field.name);
    for (const Field& ours : fields) {
      if (ours.name != field.name) continue;
      CHECK(theirs != end && std::string_view(theirs->value()) == ours.value);
      ++theirs;
    }
    CHECK(theirs == end);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadScanner::State state;
  HeadScanner::State in_pieces;
  const HeadScanner scanner = scan(bytes, std::max<size_t>(size, 1), state);
  const HeadScanner other = scan(bytes, 1 + size % 7, in_pieces);
  CHECK(state == in_pieces);
  if (state == HeadScanner::State::kFault) CHECK(scanner.fault() == other.fault());
  if (state != HeadScanner::State::kWhole) return 0;
  CHECK(scanner.begin() == other.begin() && scanner.end() == other.end());
  const std::string_view text = bytes.substr(scanner.begin(), scanner.end() - scanner.begin());
  std::vector<char> block(text.begin(), text.end());
  std::vector<Field> fields;
  RequestHead head;
  if (cachey::net::parse_head(block, head, fields) != HeadFault::kNone) return 0;
  CHECK(!head.target.empty());
  if (!head.has_body) check_beast_agrees(text, fields);
  return 0;
}
