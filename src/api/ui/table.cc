#include "api/ui/table.h"

#include <optional>

#include "api/reply.h"
#include "api/ui/document.h"
#include "api/ui/page.h"
#include "api/ui/table_html.h"

namespace cachey::api {
namespace {

/// Counted as long as this object lives.
class CountedTable {
 public:
  explicit CountedTable(std::atomic<int>& tables)
      : tables_(tables), is_within_limit_(tables.fetch_add(1) < UiTable::kTablesMax) {}
  ~CountedTable() { tables_.fetch_sub(1); }
  CountedTable(const CountedTable&) = delete;
  CountedTable& operator=(const CountedTable&) = delete;

  [[nodiscard]] bool is_within_limit() const { return is_within_limit_; }

 private:
  std::atomic<int>& tables_;
  const bool is_within_limit_;
};

/// Work for a blocking pool.
class MakeTable {
 public:
  explicit MakeTable(const std::function<std::string(std::string_view)>& data_json)
      : data_json_(&data_json) {}
  [[nodiscard]] std::optional<std::string> operator()() const {
    return table_html((*data_json_)(""), ui_document().style);
  }

 private:
  const std::function<std::string(std::string_view)>* data_json_;
};

}  // namespace

rt::Task<void> UiTable::handle(rt::Worker& worker, const net::Request& /*request*/,
                               Permit /*permit*/, net::ResponseWriter& writer) {
  const CountedTable counted(tables_);
  if (!counted.is_within_limit()) {
    const Error busy(ErrorKind::kOverloaded, "/ui/table is being read by many already");
    co_await reply_error(writer, busy);
    co_return;
  }
  const MakeTable make_table(data_json_);
  const std::optional<std::string> html = co_await pool_.run(make_table);
  if (!html) {
    const Error fault(ErrorKind::kInternal, "the status is not known");
    co_await reply_error(writer, fault);
    co_return;
  }
  rt::TimerWheel::Entry limit([&writer] { writer.abort(); });
  worker.timers().arm_after(limit, kReadTime);
  net::ResponseHead head(200);
  const UiDocument document = ui_document();
  add_ui_policy(document.policy, head);
  co_await reply_text(writer, head, "text/html; charset=utf-8", *html);
}

}  // namespace cachey::api
