#include "api/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace cachey::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kOwnToken = "0123456789abcdef";
constexpr const char* kAnotherToken = "another-token-of-some-length";

bool admitted(Access& access, std::vector<net::Field> fields) {
  const net::Request request(net::Method::kGet, "/fetch/k/o", std::move(fields));
  return access.admit(Scope::kClient, request).has_value();
}

/// The buckets that a permit returns, or the error. REQUIRES: no token is needed.
Result<std::vector<std::string>> allowed(Access& access, std::vector<std::string> buckets) {
  const net::Request request(net::Method::kGet, "/fetch/k/o", {});
  const Permit permit = *access.admit(Scope::kClient, request);
  Result<AllowedBuckets> names = permit.allow("k", "o", std::move(buckets));
  if (!names) return std::unexpected(names.error());
  return std::move(*names).take();
}

std::vector<BucketGlob> globs(std::initializer_list<const char*> texts) {
  std::vector<BucketGlob> made;
  for (const char* text : texts) made.push_back(*BucketGlob::parse(text));
  return made;
}

TEST(Access, IsOpenWhereNothingIsLimited) {
  Metrics metrics;
  Access access(metrics, std::nullopt, {});
  EXPECT_TRUE(admitted(access, {}));
  EXPECT_TRUE(admitted(access, {{"authorization", "Basic x"}}));
  EXPECT_TRUE(allowed(access, {"any"}));
}

TEST(Access, ATokenMustCome) {
  Metrics metrics;
  Access access(metrics, *Tokens::parse(kOwnToken), {});
  EXPECT_TRUE(admitted(access, {{"authorization", "Bearer 0123456789abcdef"}}));
  EXPECT_TRUE(admitted(access, {{"authorization", "bEARER   0123456789abcdef"}}));
  for (const char* value :
       {"", "Bearer", "Bearer ", "Bearer    ", "Bearer 0123456789abcdeg", "0123456789abcdef",
        "Basic 0123456789abcdef", "Bearer0123456789abcdef", "Bearer 0123456789abcdef x",
        "Bearer\t0123456789abcdef", "Bearer 0123456789abcdef,Bearer 0123456789abcdef"}) {
    EXPECT_FALSE(admitted(access, {{"authorization", value}})) << value;
  }
  EXPECT_FALSE(admitted(access, {}));
  EXPECT_FALSE(admitted(access, {{"authorization", "Bearer 0123456789abcdef"},
                                 {"authorization", "Bearer 0123456789abcdef"}}))
      << "which of two counts is anybody's guess";
  EXPECT_THAT(metrics.text(), HasSubstr("cachey_access_denied_total{reason=\"token\"} 13"));
}

TEST(Access, AnOpenRouteNeedsNoTokenAndReadsNoBucket) {
  Metrics metrics;
  Access access(metrics, *Tokens::parse(kOwnToken), {});
  const net::Request request(net::Method::kGet, "/healthz", {});
  const std::optional<Permit> permit = access.admit(Scope::kOpen, request);
  ASSERT_TRUE(permit);
  EXPECT_EQ(permit->allow("k", "o", {"any"}).error().kind(), ErrorKind::kDenied);
}

TEST(Access, ReplacedTokensCountFromNowOn) {
  Metrics metrics;
  Access access(metrics, *Tokens::parse(kOwnToken), {});
  access.replace_tokens(*Tokens::parse(kAnotherToken));
  EXPECT_FALSE(admitted(access, {{"authorization", "Bearer 0123456789abcdef"}}));
  EXPECT_TRUE(admitted(access, {{"authorization", "Bearer another-token-of-some-length"}}));
}

TEST(Access, TokensMayBeReplacedWhileOthersAsk) {
  Metrics metrics;
  const std::string both = std::string(kOwnToken) + "\n" + kAnotherToken;
  Access access(metrics, *Tokens::parse(kOwnToken), {});
  std::atomic<bool> done{false};
  std::thread asking([&] {
    while (!done) EXPECT_TRUE(admitted(access, {{"authorization", "Bearer 0123456789abcdef"}}));
  });
  for (int i = 0; i < 200; ++i)
    access.replace_tokens(*Tokens::parse(i % 2 == 0 ? both : kOwnToken));
  done = true;
  asking.join();
}

TEST(Access, APermitNamesTheTokenAlsoAfterAReload) {
  Metrics metrics;
  Access access(metrics, *Tokens::parse(std::string(kOwnToken) + " name=reports"), {},
                *Tokens::parse(kAnotherToken));
  const net::Request asks(net::Method::kGet, "/fetch/k/o",
                          {{"authorization", "Bearer 0123456789abcdef"}});
  const std::optional<Permit> before = access.admit(Scope::kClient, asks);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->token_name(), "reports");
  access.replace_tokens(
      *Tokens::parse(std::string(kAnotherToken) + "\n" + kOwnToken + " name=reports"));
  const std::optional<Permit> after = access.admit(Scope::kClient, asks);
  EXPECT_EQ(after->client(asks), before->client(asks));
  const net::Request admin(net::Method::kOther, "/admin/purge",
                           {{"authorization", "Bearer another-token-of-some-length"}});
  EXPECT_EQ(access.admit(Scope::kHolder, admin)->token_name(), "token-1");
  EXPECT_EQ(access.admit(Scope::kOpen, asks)->token_name(), "");
}

TEST(Access, EveryBucketMustBeAllowed) {
  Metrics metrics;
  Access access(metrics, std::nullopt,
                BucketRules(globs({"logs-*", "media"}), {}, OtherKinds::kAny));
  const auto check = [&access](std::vector<std::string> buckets) {
    return allowed(access, std::move(buckets));
  };
  EXPECT_TRUE(check({"logs-1"}));
  EXPECT_TRUE(check({"media", "logs-2"}));
  const auto refused = check({"media", "se\"cret"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr(R"("se\"cret")"));
  EXPECT_FALSE(check({"medi"}));
  EXPECT_THAT(metrics.text(), HasSubstr("cachey_access_denied_total{reason=\"bucket\"} 2"));
}

TEST(Access, ARequestThatNamesNoBucketGetsThoseOfItsKind) {
  Metrics metrics;
  Access open(metrics, std::nullopt, {});
  EXPECT_THAT(*allowed(open, {}), ElementsAre("k"));
  Access declared(metrics, std::nullopt,
                  BucketRules({}, {*DeclaredKind::parse("k=a,b")}, OtherKinds::kAny));
  EXPECT_THAT(*allowed(declared, {}), ElementsAre("a", "b"));
  EXPECT_THAT(*allowed(declared, {"b"}), ElementsAre("b"));
}

TEST(Access, RefusalsOfADeclarationAreCountedApart) {
  Metrics metrics;
  Access access(metrics, std::nullopt,
                BucketRules({}, {*DeclaredKind::parse("k=a")}, OtherKinds::kRefused));
  const auto refused = allowed(access, {"a", "b"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr(R"(the bucket "b" is none of the kind "k")"));
  const net::Request request(net::Method::kGet, "/fetch/other/o", {});
  const Permit permit = *access.admit(Scope::kClient, request);
  EXPECT_THAT(permit.allow("other", "o", {"a"}).error().message(),
              HasSubstr(R"(the kind "other")"));
  EXPECT_FALSE(permit.allow("other", "o", {}));
  EXPECT_THAT(metrics.text(), HasSubstr("cachey_access_denied_total{reason=\"kind_bucket\"} 1"));
  EXPECT_THAT(metrics.text(), HasSubstr("cachey_access_denied_total{reason=\"kind\"} 2"));
}

TEST(Access, UnderRulesNoKeyHasADotSegment) {
  Metrics metrics;
  Access open(metrics, std::nullopt, {});
  Access limited(metrics, std::nullopt, BucketRules(globs({"public"}), {}, OtherKinds::kAny));
  const net::Request request(net::Method::kGet, "/fetch/public/o", {});
  for (Access* access : {&open, &limited}) {
    const Permit permit = *access->admit(Scope::kClient, request);
    EXPECT_TRUE(permit.allow("public", "a/..b", {}));
    EXPECT_EQ(permit.allow("public", "../secret/plan", {}).has_value(), access == &open);
  }
  EXPECT_THAT(metrics.text(), HasSubstr("cachey_access_denied_total{reason=\"key\"} 1"));
}

}  // namespace
}  // namespace cachey::api
