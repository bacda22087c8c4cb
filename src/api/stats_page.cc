#include "api/stats_page.h"

#include "api/reply.h"

namespace cachey::api {

rt::Task<void> StatsPage::handle(rt::Worker& /*worker*/, const net::Request& /*request*/,
                                 Permit /*permit*/, net::ResponseWriter& writer) {
  const std::string json = make_json_();
  co_await reply_text(writer, net::ResponseHead(200), "application/json", json);
}

}  // namespace cachey::api
