#include "origin/credentials/attempts.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "origin/testing/credential_harness.h"

namespace cachey::origin {
namespace {

using std::chrono::seconds;

rt::Task<Tried<int>> outcome(Tried<int> tried) { co_return tried; }

rt::Task<ProviderResult<int>> try_up_to_three(rt::Worker& worker,
                                              const CredentialServices& services,
                                              const TryOnce<int>& try_once) {
  CredentialSearch search(worker, services, worker.timers().now() + seconds(60));
  ProviderResult<int> result = co_await try_up_to(3, search, try_once);
  co_return result;
}

class CredAttempts : public ::testing::Test {
 protected:
  /// The value, or the failure's text, after attempts with these outcomes.
  std::string result_of(std::vector<Tried<int>> outcomes) {
    const CredentialServices services = harness_.services();
    calls_ = 0;
    const TryOnce<int> try_once = [&] { return outcome(outcomes.at(calls_++)); };
    const ProviderResult<int> result =
        harness_.workers.run(try_up_to_three(harness_.workers.workers()[0], services, try_once));
    return result ? std::to_string(*result) : result.error().error.message();
  }

  static Tried<int> failed(const std::string& text, Again again) {
    return std::unexpected(FailedAttempt(provider_denied(text).error(), again));
  }

  CredentialHarness harness_;
  size_t calls_ = 0;
};

TEST_F(CredAttempts, TheFirstSuccessEndsThem) {
  EXPECT_EQ(result_of({failed("a", Again::kAfterBackoff), 5, 6}), "5");
  EXPECT_EQ(calls_, 2u);
}

TEST_F(CredAttempts, AFinalFailureEndsThem) {
  EXPECT_EQ(result_of({failed("a", Again::kAtOnce), failed("b", Again::kNever), 6}), "b");
  EXPECT_EQ(calls_, 2u);
}

TEST_F(CredAttempts, TheLastFailureIsToldPastTheLimit) {
  EXPECT_EQ(result_of({failed("a", Again::kAfterBackoff), failed("b", Again::kAtOnce),
                       failed("c", Again::kAtOnce), 6}),
            "c");
  EXPECT_EQ(calls_, 3u);
}

}  // namespace
}  // namespace cachey::origin
