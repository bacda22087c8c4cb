#include "api/status_data.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/reply.h"
#include "base/log.h"

namespace cachey::api {
namespace {

constexpr std::string_view kSince = "since=";

/// Work for a blocking pool.
class MakeStatusText {
 public:
  MakeStatusText(const StatusTexts& texts, uint64_t since) : texts_(&texts), since_(since) {}
  [[nodiscard]] std::shared_ptr<const std::string> operator()() const {
    return texts_->text(since_);
  }

 private:
  const StatusTexts* texts_;
  uint64_t since_;
};

std::string_view query_of(std::string_view target) {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

}  // namespace

Result<uint64_t> parse_since(std::string_view query) {
  std::optional<uint64_t> since;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (!parameter.starts_with(kSince)) continue;
    if (since) return fail(ErrorKind::kBadRequest, "query: since is there twice");
    const std::string_view digits = parameter.substr(kSince.size());
    uint64_t number = 0;
    const auto [last, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || last != digits.data() + digits.size()) {
      return fail(ErrorKind::kBadRequest,
                  "query: since must be a whole number, not " + log::quoted(digits, 40));
    }
    since = number;
  }
  return since.value_or(0);
}

rt::Task<void> StatusData::handle(rt::Worker& worker, const net::Request& request,
                                  Permit /*permit*/, net::ResponseWriter& writer) {
  const Result<uint64_t> since = parse_since(query_of(request.target()));
  if (!since) {
    co_await reply_error(writer, since.error());
    co_return;
  }
  std::shared_ptr<const std::string> text;
  if (texts_.is_short(*since)) {
    text = texts_.text(*since);
  } else {
    const MakeStatusText make_text(texts_, *since);
    text = co_await pool_.run(make_text);
  }
  if (text == nullptr) {
    const Error busy(ErrorKind::kOverloaded, "/ui/data is being read by many already");
    co_await reply_error(writer, busy);
    co_return;
  }
  rt::TimerWheel::Entry limit([&writer] { writer.abort(); });
  worker.timers().arm_after(limit, kReadTime);
  co_await reply_text(writer, net::ResponseHead(200), "application/json", *text);
}

}  // namespace cachey::api
