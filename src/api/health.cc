#include "api/health.h"

#include "api/reply.h"

namespace cachey::api {

rt::Task<void> Health::handle(rt::Worker& /*worker*/, const net::Request& /*request*/,
                              Permit /*permit*/, net::ResponseWriter& writer) {
  return reply_text(writer, net::ResponseHead(200), kPlainText, "ok");
}

rt::Task<void> Readiness::handle(rt::Worker& /*worker*/, const net::Request& /*request*/,
                                 Permit /*permit*/, net::ResponseWriter& writer) {
  if (!ready_.load(std::memory_order_relaxed)) {
    return reply_text(writer, net::ResponseHead(503), kPlainText, "shutting down");
  }
  return reply_text(writer, net::ResponseHead(200), kPlainText, "ok");
}

}  // namespace cachey::api
