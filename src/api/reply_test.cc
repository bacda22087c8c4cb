#include "api/reply.h"

#include <gtest/gtest.h>

namespace cachey::api {
namespace {

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
      {ErrorKind::kChanged, 409, "object_size_inconsistency"},
      {ErrorKind::kDenied, 403, "denied"},
      {ErrorKind::kArchived, 403, "archived"},
      {ErrorKind::kThrottled, 503, "throttled"},
      {ErrorKind::kTimeout, 504, "timeout"},
      {ErrorKind::kUpstream, 502, "upstream"},
      {ErrorKind::kDamaged, 502, "damaged"},
      {ErrorKind::kRefused, 502, "refused"},
      {ErrorKind::kOverloaded, 503, "overloaded"},
      {ErrorKind::kCancelled, 503, "cancelled"},
      {ErrorKind::kInternal, 500, "internal"},
  };
  for (const Row& row : kTable) {
    EXPECT_EQ(status_of(row.kind), row.status);
    EXPECT_EQ(metric_code_of(row.kind), row.code);
  }
}

}  // namespace
}  // namespace cachey::api
