// Input: a line is a value of Accept-Encoding; what follows is an answer of /ui/data.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/ui/accepts_gzip.h"
#include "api/ui/table_html.h"
#include "base/check.h"

namespace {

using namespace cachey;

/// What is accepted is in the list.
void check_coding(std::string_view value) {
  const std::array<net::Field, 1> fields{{{"accept-encoding", value}}};
  if (api::accepts_gzip(fields)) CHECK(value.find_first_of("*gG") != std::string_view::npos);
}

/// The tags are those of table_html alone: no text of the answer makes one.
void check_table(std::string_view data) {
  const std::optional<std::string> html = api::table_html(data, "");
  if (!html) return;
  for (const std::string_view markup : {"<script", "<img", "<iframe", "<svg"})
    CHECK(!html->contains(markup));
  CHECK(html->ends_with("</html>\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  check_coding(text.substr(0, end));
  if (end != std::string_view::npos) check_table(text.substr(end + 1));
  return 0;
}
