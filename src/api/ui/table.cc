#include "api/ui/table.h"

#include <memory>
#include <optional>
#include <string>

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
  explicit MakeTable(const UiTable::Data& data) : data_(&data) {}
  /// Null: there is no data now.
  [[nodiscard]] std::optional<std::string> operator()() const {
    const std::shared_ptr<const std::string> data = (*data_)();
    return data == nullptr ? std::nullopt : table_html(*data, ui_document().style);
  }

 private:
  const UiTable::Data* data_;
};

}  // namespace

rt::Task<void> UiTable::handle(rt::Worker& worker, const net::Request& /*request*/,
                               Permit /*permit*/, net::ResponseWriter& writer) {
  const CountedTable counted(tables_);
  std::optional<std::string> html;
  if (counted.is_within_limit()) {
    const MakeTable make_table(data_);
    html = co_await pool_.run(make_table);
  }
  if (!html) {
    const Error busy(ErrorKind::kOverloaded, "/ui/table is being read by many already");
    co_await reply_error(writer, busy);
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
