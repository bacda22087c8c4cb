#include "origin/s3/answer.h"

#include <gtest/gtest.h>

#include <optional>

namespace cachey::origin {
namespace {

struct Verdict {
  const char* name;
  ByteRange asked;
  unsigned status;
  const char* content_range;
  std::optional<uint64_t> content_length;
  std::optional<ErrorKind> error;  // nothing: a good answer
  ByteRange range;
  uint64_t size;  // of the object, also for kRangeNotSatisfiable
};

constexpr ErrorKind kUpstream = ErrorKind::kUpstream;
constexpr ErrorKind kUnsatisfiable = ErrorKind::kRangeNotSatisfiable;
constexpr uint64_t kUnknown = UINT64_MAX;

const Verdict kVerdicts[] = {
    {"as asked", {0, 10}, 206, "bytes 0-9/100", 10, {}, {0, 10}, 100},
    {"in the middle", {50, 60}, 206, "bytes 50-59/100", 10, {}, {50, 60}, 100},
    {"cut at the end", {90, 200}, 206, "bytes 90-99/100", 10, {}, {90, 100}, 100},
    {"to the last byte", {90, 100}, 206, "bytes 90-99/100", 10, {}, {90, 100}, 100},
    {"no length", {0, 10}, 206, "bytes 0-9/100", {}, {}, {0, 10}, 100},
    {"200 with a range", {0, 10}, 200, "bytes 0-9/100", 10, {}, {0, 10}, 100},
    {"200, the whole object fits", {0, 10}, 200, "", 7, {}, {0, 7}, 7},
    {"200, the whole object as asked", {0, 10}, 200, "", 10, {}, {0, 10}, 10},
    {"200, empty object", {0, 10}, 200, "", 0, kUnsatisfiable, {}, 0},
    {"206 past the end", {100, 110}, 206, "bytes */100", {}, kUnsatisfiable, {}, 100},
    {"206 of nothing", {10, 20}, 206, "bytes 10-9/10", 0, kUnsatisfiable, {}, 10},
    {"200, larger than asked", {0, 10}, 200, "", 11, kUpstream, {}, 0},
    {"200, not from the start", {5, 10}, 200, "", 5, kUpstream, {}, 0},
    {"200 without a length", {0, 10}, 200, "", {}, kUpstream, {}, 0},
    {"206 without Content-Range", {0, 10}, 206, "", 10, kUpstream, {}, 0},
    {"size unknown", {0, 10}, 206, "bytes 0-9/*", 10, kUpstream, {}, 0},
    {"nonsense", {0, 10}, 206, "bytes first-ten/many", 10, kUpstream, {}, 0},
    {"other start", {0, 10}, 206, "bytes 1-10/100", 10, kUpstream, {}, 0},
    {"shorter, not at the end", {0, 10}, 206, "bytes 0-8/100", 9, kUpstream, {}, 0},
    {"longer", {0, 10}, 206, "bytes 0-10/100", 11, kUpstream, {}, 0},
    {"other length", {0, 10}, 206, "bytes 0-9/100", 9, kUpstream, {}, 0},
    {"too large an object", {0, 10}, 206, "bytes 0-9/54975581388801", 10, kUpstream, {}, 0},
    {"203", {0, 10}, 203, "", {}, kUpstream, {}, 0},
    {"204 is an empty object", {0, 10}, 204, "", {}, kUnsatisfiable, {}, 0},
    {"204 of a later range", {5, 10}, 204, "", {}, kUnsatisfiable, {}, kUnknown},
    {"206 without a byte", {0, 10}, 206, "", 0, kUnsatisfiable, {}, 0},
    {"206 without a byte, later", {5, 10}, 206, "", 0, kUnsatisfiable, {}, kUnknown},
    {"200 without a byte, later", {5, 10}, 200, "", 0, kUnsatisfiable, {}, 0},
    {"206 of 0 bytes, a range of one", {0, 10}, 206, "bytes 0-0/0", 0, kUnsatisfiable, {}, 0},
    {"206 of 0 bytes, as asked", {0, 10}, 206, "bytes 0-9/0", {}, kUnsatisfiable, {}, 0},
    {"206 of an empty object, with bytes", {0, 10}, 206, "bytes 0-9/0", 10, kUpstream, {}, 0},
    {"206 of no byte, of a byte there is", {0, 10}, 206, "bytes 1-0/100", 0, kUpstream, {}, 0},
    {"206 past an end that is not", {50, 60}, 206, "bytes */100", {}, kUpstream, {}, 0},
    {"206 without a byte that has one", {0, 10}, 206, "bytes 0-9/10", 0, kUpstream, {}, 0},
};

TEST(CheckAnswer, TakesNothingButWhatWasAskedFor) {
  for (const Verdict& verdict : kVerdicts) {
    SCOPED_TRACE(verdict.name);
    ResponseHead head;
    head.status = verdict.status;
    head.etag = "\"v1\"";
    head.content_range = verdict.content_range;
    head.content_length = verdict.content_length;
    const Result<GoodAnswer> answer = check_answer(head, verdict.asked);
    if (!verdict.error) {
      ASSERT_TRUE(answer.has_value()) << answer.error().message();
      EXPECT_EQ(answer->range, verdict.range);
      EXPECT_EQ(answer->info.size, verdict.size);
      continue;
    }
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().kind(), *verdict.error) << answer.error().message();
    if (*verdict.error != kUnsatisfiable) continue;
    EXPECT_EQ(answer.error().object_size().value_or(kUnknown), verdict.size);
  }
}

TEST(CheckAnswer, ATailIsTheLastBytes) {
  const Verdict verdicts[] = {
      {"as asked", {0, 10}, 206, "bytes 90-99/100", 10, {}, {90, 100}, 100},
      {"all of a small object", {0, 10}, 206, "bytes 0-6/7", 7, {}, {0, 7}, 7},
      {"all, of the size asked for", {0, 10}, 206, "bytes 0-9/10", 10, {}, {0, 10}, 10},
      {"200, the whole object fits", {0, 10}, 200, "", 7, {}, {0, 7}, 7},
      {"200, larger", {0, 10}, 200, "", 100, kUpstream, {}, 0},
      {"200, empty object", {0, 10}, 200, "", 0, kUnsatisfiable, {}, 0},
      {"206, empty object", {0, 10}, 206, "bytes */0", 0, kUnsatisfiable, {}, 0},
      {"the first bytes", {0, 10}, 206, "bytes 0-9/100", 10, kUpstream, {}, 0},
      {"0 to n, of a store that reads 0-n", {0, 10}, 206, "bytes 0-10/100", 11, kUpstream, {}, 0},
      {"fewer", {0, 10}, 206, "bytes 91-99/100", 9, kUpstream, {}, 0},
      {"more", {0, 10}, 206, "bytes 89-99/100", 11, kUpstream, {}, 0},
      {"not to the end", {0, 10}, 206, "bytes 89-98/100", 10, kUpstream, {}, 0},
      {"size unknown", {0, 10}, 206, "bytes 90-99/*", 10, kUpstream, {}, 0},
  };
  for (const Verdict& verdict : verdicts) {
    SCOPED_TRACE(verdict.name);
    ResponseHead head;
    head.status = verdict.status;
    head.etag = "\"v1\"";
    head.content_range = verdict.content_range;
    head.content_length = verdict.content_length;
    const Result<GoodAnswer> answer = check_answer(head, verdict.asked, Ask::kTail);
    ASSERT_EQ(answer.has_value(), !verdict.error);
    if (answer) {
      EXPECT_EQ(answer->range, verdict.range);
      EXPECT_EQ(answer->info.size, verdict.size);
    } else {
      EXPECT_EQ(answer.error().kind(), *verdict.error);
    }
  }
}

TEST(CheckAnswer, AHeadTellsTheSizeByItsLength) {
  struct Row {
    unsigned status;
    const char* etag;
    std::optional<uint64_t> content_length;
    bool good;
  };
  const Row rows[] = {
      {200, "\"v1\"", 0, true},           {200, "\"v1\"", 12345, true},
      {200, "\"v1\"", {}, false},         {200, "", 12345, false},
      {206, "\"v1\"", 12345, false},      {204, "\"v1\"", {}, false},
      {200, "\"v1\"", UINT64_MAX, false},
  };
  for (const Row& row : rows) {
    ResponseHead head;
    head.status = row.status;
    head.etag = row.etag;
    head.content_length = row.content_length;
    const Result<GoodAnswer> answer = check_answer(head, {}, Ask::kHead);
    ASSERT_EQ(answer.has_value(), row.good) << row.status << " " << row.etag;
    if (!answer) {
      EXPECT_EQ(answer.error().kind(), kUpstream);
      continue;
    }
    EXPECT_EQ(answer->info.size, *row.content_length);
    EXPECT_TRUE(answer->range.empty());
    EXPECT_FALSE(answer->checksum);
  }
}

TEST(CheckAnswer, A200WithoutANameOfItsVersionIsNoObject) {
  struct Row {
    const char* etag;
    const char* last_modified;
    bool good;
  };
  constexpr const char* kTime = "Sun, 06 Nov 1994 08:49:37 GMT";
  const Row rows[] = {
      {"", "", false},        {"\"\"", "", false},  {"W/\"\"", "", false},
      {"\"000\"", "", false}, {"", "never", false}, {"\"v1\"", "", true},
      {"W/\"v1\"", "", true}, {"", kTime, true},    {"\"0\"", kTime, true},
  };
  for (const Row& row : rows) {
    for (const char* content_range : {"", "bytes 0-299/300"}) {
      ResponseHead head;
      head.status = 200;
      head.content_length = 300;
      head.content_type = "text/html";
      head.content_range = content_range;
      head.etag = row.etag;
      head.last_modified = row.last_modified;
      const Result<GoodAnswer> answer = check_answer(head, {0, 300});
      EXPECT_EQ(answer.has_value(), row.good) << row.etag << " " << row.last_modified;
      if (!answer) EXPECT_EQ(answer.error().kind(), kUpstream);
    }
  }
}

TEST(CheckAnswer, ATagWithoutInformationIsNoTag) {
  ResponseHead head;
  head.status = 206;
  head.content_range = "bytes 0-9/100";
  for (const char* tag : {"\"\"", "W/\"\"", " ", "\"00000000000000000000000000000000\""}) {
    head.etag = tag;
    EXPECT_EQ(check_answer(head, {0, 10})->info.etag, "") << tag;
  }
}

TEST(CheckAnswer, TheSumOfAPartIsNotCompared) {
  ResponseHead head;
  head.status = 206;
  head.checksums = {{aws::ChecksumAlgorithm::kCrc32, "i9aeUg=="}};
  head.content_range = "bytes 0-9/10";
  EXPECT_TRUE(check_answer(head, {0, 10})->checksum.has_value());
  head.content_range = "bytes 0-9/11";
  EXPECT_FALSE(check_answer(head, {0, 10})->checksum.has_value());
}

TEST(CheckAnswer, ToleratesMissingAndOddVersionHeaders) {
  ResponseHead head;
  head.status = 206;
  head.content_range = "bytes 0-9/100";
  EXPECT_EQ(check_answer(head, {0, 10})->info.etag, "");
  EXPECT_EQ(check_answer(head, {0, 10})->info.last_modified, 0);
  head.etag = "no-quotes";
  head.last_modified = "yesterday";
  EXPECT_EQ(check_answer(head, {0, 10})->info.etag, "no-quotes");
  EXPECT_EQ(check_answer(head, {0, 10})->info.last_modified, 0);
  head.last_modified = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(check_answer(head, {0, 10})->info.last_modified, 784111777);
}

}  // namespace
}  // namespace cachey::origin
