// Reads that ask for no byte (HeadObject), and reads of the last bytes of an object.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "origin/testing/object_read_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;

class ObjectReadAsks : public ObjectReadTest {
 protected:
  ReadTerms terms(Ask ask, const std::vector<std::string>& buckets, ByteRange range = {}) {
    ReadTerms terms(buckets, buckets_.rank(buckets), "o", range, {});
    terms.ask = ask;
    return terms;
  }
  Got head(const std::vector<std::string>& buckets) {
    return world_.run(read(terms(Ask::kHead, buckets)));
  }
  Got tail(uint64_t bytes, const std::vector<std::string>& buckets) {
    return world_.run(read(terms(Ask::kTail, buckets, {0, bytes})));
  }
  std::vector<FakeOrigin::Asked> requests() {
    std::vector<FakeOrigin::Asked> all = origin_.asked();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(learnt_));
    return all;
  }

  const std::vector<std::string> one_ = {"a"};
  const std::vector<std::string> two_ = {"a", "b"};
};

TEST_F(ObjectReadAsks, AHeadReadsNoByteOfAnObjectOfAnySize) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, kSize}) {
    origin_.put("a", "o", {.size = size});
    const Got got = head(one_);
    EXPECT_TRUE(got.opened);
    EXPECT_FALSE(got.error);
  }
  EXPECT_EQ(origin_.bytes_sent(), 0u);
  for (const FakeOrigin::Asked& asked : origin_.asked()) EXPECT_EQ(asked.ask, Ask::kHead);
}

TEST_F(ObjectReadAsks, AHeadFallsOverToTheOtherBucket) {
  origin_.behave("a", {.error = Error(ErrorKind::kNotFound, "no such key")});
  const Got got = head(two_);
  EXPECT_FALSE(got.error);
  EXPECT_EQ(got.bucket, 1u);
  origin_.behave("b", {.error = Error(ErrorKind::kUpstream, "down")});
  EXPECT_EQ(head(two_).error->kind(), ErrorKind::kUpstream) << "404 of one bucket is not final";
  origin_.behave("b", {.error = Error(ErrorKind::kNotFound, "no such key")});
  EXPECT_EQ(head(two_).error->kind(), ErrorKind::kNotFound);
}

TEST_F(ObjectReadAsks, AHeadThatIsLateIsHedged) {
  learn();
  origin_.behave_by([first = origin_.asked().size()](const GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.head_delay = number == first ? 10s : 30ms};
  });
  const Got got = head(one_);
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(got.hedged);
  EXPECT_LT(got.took, 1s);
  ASSERT_EQ(asked(), 2u);
  for (const FakeOrigin::Asked& asked : requests()) EXPECT_EQ(asked.ask, Ask::kHead);
}

TEST_F(ObjectReadAsks, AHeadComparesTheVersionHere) {
  VersionSet versions;
  ObjectSource old;
  old.info = {.etag = "\"v0\"", .size = kSize, .last_modified = 1};
  old.bucket = "a";
  versions.add(std::make_shared<const ObjectSource>(old));
  ReadTerms asked = terms(Ask::kHead, one_);
  asked.versions = &versions;
  EXPECT_EQ(world_.run(read(std::move(asked))).error->kind(), ErrorKind::kChanged);
  EXPECT_EQ(origin_.asked().back().if_match, "");
}

TEST_F(ObjectReadAsks, ATailBringsTheLastBytes) {
  for (const uint64_t bytes : {uint64_t{1}, uint64_t{1000}, kSize - 1, kSize, kSize + 1, kMiB}) {
    const Got got = tail(bytes, one_);
    ASSERT_FALSE(got.error) << bytes;
    EXPECT_TRUE(got.right);
    EXPECT_EQ(got.bytes, std::min(bytes, kSize));
    EXPECT_EQ(origin_.asked().back().ask, Ask::kTail);
  }
}

TEST_F(ObjectReadAsks, ATailOfAnEmptyObjectIsPastTheEnd) {
  origin_.put("a", "o", {.size = 0});
  EXPECT_EQ(tail(10, one_).error->object_size(), 0u);
}

TEST_F(ObjectReadAsks, ATailThatBreaksOffGoesOnAsARange) {
  origin_.behave_by([](const GetRequest&, size_t number) -> FakeOrigin::Behaviour {
    if (number > 0) return {};
    return {.cut_after = 60'000};
  });
  const Got got = tail(100'000, one_);
  ASSERT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, 100'000u);
  const auto requests = origin_.asked();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].ask, Ask::kRange);
  EXPECT_EQ(requests[1].range, (ByteRange{kSize - 40'000, kSize}));
  EXPECT_EQ(requests[1].if_match, "\"v1\"");
}

TEST_F(ObjectReadAsks, ATailIsHedgedAndFallsOver) {
  learn();
  origin_.behave_by([first = origin_.asked().size()](const GetRequest&, size_t number) {
    return FakeOrigin::Behaviour{.head_delay = number == first ? 10s : 30ms};
  });
  const Got late = tail(1000, one_);
  EXPECT_FALSE(late.error);
  EXPECT_TRUE(late.hedged && late.right);
  EXPECT_EQ(requests().back().ask, Ask::kTail);
  origin_.behave_by([](const GetRequest& request, size_t) -> FakeOrigin::Behaviour {
    if (request.bucket == "b") return {};
    return {.error = Error(ErrorKind::kUpstream, "down")};
  });
  const Got other = tail(1000, two_);
  EXPECT_FALSE(other.error);
  EXPECT_EQ(other.bytes, 1000u);
  EXPECT_TRUE(other.right);
}

TEST_F(ObjectReadAsks, ABodyOfATailThatStopsIsContinuedByASecondRequest) {
  learn();
  origin_.behave_by([first = origin_.asked().size()](const GetRequest&, size_t number) {
    FakeOrigin::Behaviour behaviour;
    if (number == first) {
      behaviour.stall_after = 50'000;
      behaviour.stall_time = 1h;
    }
    return behaviour;
  });
  const Got got = tail(100'000, one_);
  ASSERT_FALSE(got.error);
  EXPECT_TRUE(got.right);
  EXPECT_EQ(got.bytes, 100'000u);
  EXPECT_EQ(requests().back().range, (ByteRange{kSize - 50'000, kSize}));
}

}  // namespace
}  // namespace cachey::origin
