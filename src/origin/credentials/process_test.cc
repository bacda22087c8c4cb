#include "origin/credentials/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include "base/testing/eventually.h"
#include "origin/testing/credential_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

std::string run(const std::string& command, std::chrono::milliseconds limit = 20s) {
  const Result<std::string> output = run_credential_process(command, limit);
  return output ? *output : "failed: " + output.error().message();
}

TEST(CredProcess, TheShellRunsIt) {
  EXPECT_EQ(run("printf %s 'a b' | tr a-z A-Z"), "A B");
  EXPECT_EQ(run("exit 0"), "");
}

TEST(CredProcess, AFailureIsToldWithoutItsOutput) {
  EXPECT_EQ(run("echo s3cr3t; echo s3cr3t >&2; exit 3"),
            "failed: the credential process ended with exit code 3");
  EXPECT_EQ(run("kill -9 $$"), "failed: the credential process was ended by signal 9");
  EXPECT_EQ(run("no-such-program-anywhere"),
            "failed: the credential process ended with exit code 127");
}

TEST(CredProcess, TooSlowIsKilledWithWhatItStarted) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(run("sleep 60 & sleep 60", 100ms),
            "failed: the credential process did not end in time");
  EXPECT_EQ(run("exec >&-; sleep 60", 100ms), "failed: the credential process did not end in time");
  EXPECT_EQ(run("sleep 60", 0ms), "failed: the credential process did not end in time");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
}

TEST(CredProcess, WhatItLeavesRunningIsNotAwaited) {
  EXPECT_EQ(run("sleep 30 & echo text"), "text\n");
  EXPECT_EQ(run("sleep 30 & head -c 60000 /dev/zero").size(), 60000u);
  EXPECT_EQ(run("sleep 30 & exit 3"), "failed: the credential process ended with exit code 3");
  EXPECT_EQ(run("yes & exit 0"), "failed: the credential process wrote more than " +
                                     std::to_string(kProcessOutputMax) + " bytes");
}

TEST(CredProcess, OutputHasALimit) {
  const std::string size = std::to_string(kProcessOutputMax);
  EXPECT_EQ(run("head -c " + size + " /dev/zero").size(), kProcessOutputMax);
  EXPECT_EQ(run("cat /dev/zero"),
            "failed: the credential process wrote more than " + size + " bytes");
}

TEST(CredProcess, ItGetsNothingOfOursButTheEnvironment) {
  EXPECT_EQ(run("cat"), "");
  EXPECT_EQ(run("ls /proc/self/fd | wc -l | tr -d ' \\n'"), "4");  // 0, 1, 2, and ls's own
  EXPECT_EQ(run("printf %s \"$PATH\""), std::getenv("PATH"));
}

TEST(CredProcess, OrphansOfAContainerAreReapedAndNothingElse) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // gets orphans, as process 1 does
  EXPECT_EQ(run("for i in 1 2 3; do (sleep 0.05 &); done; echo text"), "text\n");
  const auto no_child_is_left = [] {
    reap_orphans();
    return ::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
  };
  EXPECT_TRUE(eventually(no_child_is_left));
  std::jthread reaper([](const std::stop_token& stop) {
    while (!stop.stop_requested()) reap_orphans();
  });
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(run("echo " + std::to_string(i)), std::to_string(i) + "\n");
  reaper.request_stop();
  reaper.join();
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

TEST(CredProcess, AProfileMayNameOne) {
  CredentialHarness harness;
  harness.variables["AWS_CONFIG_FILE"] = "/config";
  const auto with = [&](const std::string& command) {
    harness.files["/config"] = "[default]\ncredential_process = " + command + "\n";
  };
  with(R"(printf '{"Version":1,"AccessKeyId":"k","SecretAccessKey":"s"}')");
  const Result<aws::CredentialsPtr> found = harness.find();
  EXPECT_EQ(text_of(found), "k|s|");
  EXPECT_EQ((*found)->source(), "credential process of profile \"default\"");
  with("echo s3cr3t");
  EXPECT_EQ(harness.found(),
            "no credentials: profile: profile \"default\": the credential process: the answer is "
            "no JSON object");
  with("sleep 60");
  const Result<aws::CredentialsPtr> slow = harness.find(100ms);
  EXPECT_EQ(slow.error().kind(), ErrorKind::kTimeout);
}

}  // namespace
}  // namespace cachey::origin
