#include "api/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "api/testing/recording_writer.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Reply, EveryKindHasItsStatusAndCode) {
  struct Row {
    ErrorKind kind;
    unsigned status;
    const char* code;
  };
  static constexpr Row kTable[] = {
      {ErrorKind::kBadRequest, 400, "bad_request"},
      {ErrorKind::kNotFound, 404, "not_found"},
      {ErrorKind::kRangeNotSatisfiable, 416, "range_not_satisfiable"},
      {ErrorKind::kPreconditionFailed, 412, "precondition_failed"},
      {ErrorKind::kChanged, 409, "object_size_inconsistency"},
      {ErrorKind::kDenied, 403, "denied"},
      {ErrorKind::kArchived, 403, "archived"},
      {ErrorKind::kThrottled, 503, "overloaded"},
      {ErrorKind::kTimeout, 504, "timeout"},
      {ErrorKind::kNoRoom, 507, "no_room"},
      {ErrorKind::kUpstream, 502, "upstream"},
      {ErrorKind::kDamaged, 502, "damaged"},
      {ErrorKind::kRefused, 502, "refused"},
      {ErrorKind::kOverloaded, 503, "overloaded"},
      {ErrorKind::kLimited, 429, "limited"},
      {ErrorKind::kCancelled, 503, "cancelled"},
      {ErrorKind::kInternal, 500, "internal"},
  };
  for (const Row& row : kTable) {
    EXPECT_EQ(status_of(row.kind), row.status);
    EXPECT_EQ(metric_code_of(row.kind), row.code);
  }
}

TEST(Reply, ClientsAreNotToldOfTheServersCredentials) {
  const Error denied(ErrorKind::kDenied, "access denied", ErrorCause::kAccessDenied);
  EXPECT_EQ(text_for_clients(denied), "access denied");
  for (const ErrorCause cause : {ErrorCause::kNoCredentials, ErrorCause::kNoRegion}) {
    const Error ours(ErrorKind::kRefused, "/secret/path at http://169.254.169.254 says x", cause);
    EXPECT_THAT(std::string(text_for_clients(ours)), HasSubstr("the server's log says why"));
    EXPECT_THAT(std::string(text_for_clients(ours)), Not(HasSubstr("169.254")));
  }
}

rt::Task<bool> reply(RecordingWriter& writer, Error error) {
  co_await reply_error(writer, std::move(error));
  co_return writer.finished;
}

TEST(Reply, A503SaysWhenToTryAgainInWholeSeconds) {
  using namespace std::chrono_literals;
  struct Row {
    std::chrono::nanoseconds forecast;
    const char* retry_after;
  };
  for (const Row& row : {Row(0s, "1"), Row(10ms, "1"), Row(3'001ms, "4"), Row(60s, "60")}) {
    rt::VirtualWorker world;
    RecordingWriter writer;
    ASSERT_TRUE(world.run(reply(writer, Error::overloaded("x", row.forecast))));
    EXPECT_EQ(writer.status, 503u);
    EXPECT_EQ(writer.fields["Retry-After"], row.retry_after);
  }
}

}  // namespace
}  // namespace cachey::api
