#include "api/metrics_page.h"

#include <memory>
#include <string>
#include <utility>

#include "api/reply.h"

namespace cachey::api {
namespace {

constexpr std::string_view kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";

/// Work for a blocking pool.
class MakeText {
 public:
  explicit MakeText(Metrics& metrics) : metrics_(&metrics) {}
  [[nodiscard]] std::string operator()() const { return metrics_->text(); }

 private:
  Metrics* metrics_;
};

}  // namespace

/// Counted as long as this object lives.
class MetricsPage::Text {
 public:
  explicit Text(std::atomic<int>& texts) : texts_(texts), before_(texts.fetch_add(1)) {}
  ~Text() { texts_.fetch_sub(1); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  [[nodiscard]] bool is_within_limit() const { return before_ < kTextsMax; }

  std::string bytes;

 private:
  std::atomic<int>& texts_;
  const int before_;
};

MetricsPage::TextPtr MetricsPage::newest() {
  const MutexLock lock(mutex_);
  return newest_;
}

void MetricsPage::set_newest(TextPtr text) {
  const MutexLock lock(mutex_);
  newest_.swap(text);
}

rt::Task<MetricsPage::TextPtr> MetricsPage::text() {
  const auto text = std::make_shared<Text>(texts_);
  if (!text->is_within_limit()) co_return newest();
  const MakeText make_text(metrics_);
  text->bytes = co_await pool_.run(make_text);
  set_newest(text);
  co_return text;
}

rt::Task<void> MetricsPage::handle(rt::Worker& worker, const net::Request& /*request*/,
                                   Permit /*permit*/, net::ResponseWriter& writer) {
  const TextPtr text = co_await this->text();
  if (text == nullptr) {
    const Error busy(ErrorKind::kOverloaded, "/metrics is being read by many already");
    co_await reply_error(writer, busy);
    co_return;
  }
  rt::TimerWheel::Entry limit([&writer] { writer.abort(); });
  worker.timers().arm_after(limit, kReadTime);
  co_await reply_text(writer, net::ResponseHead(200), kPrometheusText, text->bytes);
}

}  // namespace cachey::api
