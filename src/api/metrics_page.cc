#include "api/metrics_page.h"

#include <string>

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

/// Counts an answer while this object lives.
class AnswerCount {
 public:
  explicit AnswerCount(std::atomic<int>& answers)
      : answers_(answers), before_(answers.fetch_add(1)) {}
  ~AnswerCount() { answers_.fetch_sub(1); }
  AnswerCount(const AnswerCount&) = delete;
  AnswerCount& operator=(const AnswerCount&) = delete;

  [[nodiscard]] bool is_within_limit() const { return before_ < MetricsPage::kAnswersMax; }

 private:
  std::atomic<int>& answers_;
  const int before_;
};

}  // namespace

rt::Task<void> MetricsPage::handle(rt::Worker& /*worker*/, const net::Request& /*request*/,
                                   Permit /*permit*/, net::ResponseWriter& writer) {
  const AnswerCount count(answers_);
  if (!count.is_within_limit()) {
    const Error busy(ErrorKind::kOverloaded, "/metrics is being read by many already");
    co_await reply_error(writer, busy);
    co_return;
  }
  const MakeText make_text(metrics_);
  const std::string text = co_await pool_.run(make_text);
  co_await reply_text(writer, net::ResponseHead(200), kPrometheusText, text);
}

}  // namespace cachey::api
