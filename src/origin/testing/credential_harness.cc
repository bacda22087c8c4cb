#include "origin/testing/credential_harness.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "origin/testing/s3_harness.h"
#include "origin/transport/tls.h"

namespace cachey::origin {

FakeService::FakeService(Answer answer, const TestIdentity* identity)
    : answer_(std::move(answer)), server_([this](Peer& peer, int) { serve(peer); }, identity) {}

std::string FakeService::url() const { return fmt::format("http://127.0.0.1:{}", port()); }

std::vector<std::string> FakeService::requests() const {
  const MutexLock lock(mutex_);
  return requests_;
}

void FakeService::serve(Peer& peer) {
  while (true) {
    const std::string head = peer.read_request();
    if (head.empty()) return;
    unsigned long size = 0;
    const size_t at = head.find("content-length: ");
    if (at != std::string::npos) std::sscanf(head.c_str() + at, "content-length: %lu", &size);
    const std::string body = peer.read_body(size);
    {
      const MutexLock lock(mutex_);
      requests_.push_back(head + body);
    }
    const std::string answer = answer_(head, body);
    if (answer.empty()) return peer.wait_until_closed();
    if (!peer.send(answer)) return;
  }
}

std::string metadata_json(const std::string& id, const std::string& expiration) {
  return response("200 OK", "",
                  fmt::format(R"({{"Code":"Success","AccessKeyId":"{}","SecretAccessKey":"s",)"
                              R"("Token":"t","Expiration":"{}"}})",
                              id, expiration));
}

std::string sts_xml(const std::string& action, const std::string& id,
                    const std::string& expiration) {
  return response(
      "200 OK", "",
      fmt::format("<{0}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{0}Result>"
                  "<Credentials><AccessKeyId>{1}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                  "<SessionToken>t</SessionToken><Expiration>{2}</Expiration></Credentials>"
                  "</{0}Result></{0}Response>",
                  action, id, expiration));
}

std::string sts_error(const std::string& status, const std::string& code) {
  return response(status, "",
                  fmt::format("<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code>"
                              "<Message>words</Message></Error><RequestId>REQ1</RequestId>"
                              "</ErrorResponse>",
                              code));
}

CredentialHarness::CredentialHarness() : variables{{"AWS_EC2_METADATA_DISABLED", "true"}} {}

CredentialServices CredentialHarness::services() {
  return {
      .environment = [this](const std::string& name) { return environment_of(variables)(name); },
      .read_file = [this](const std::string& path,
                          size_t bytes_max) { return reader_of(files)(path, bytes_max); },
      .look_up = [this](const std::string& host) { return look_up(host); },
      .tls = make_tls_context("", "").value(),
      .blocking = workers.pool(),
      .clock = workers.clock(),
      .random = random,
      .proxies = proxies};
}

Result<aws::CredentialsPtr> CredentialHarness::find(std::chrono::milliseconds limit) {
  if (!chain_) chain_ = std::make_unique<CredentialChain>(services());
  rt::Worker& worker = workers.workers()[0];
  return workers.run(chain_->find(worker, workers.clock().mono() + limit));
}

std::string CredentialHarness::found() { return text_of(find()); }

std::string text_of(const Result<aws::CredentialsPtr>& found) {
  if (!found) return found.error().message();
  return fmt::format("{}|{}|{}", (*found)->access_key_id(), (*found)->secret_access_key(),
                     (*found)->session_token());
}

}  // namespace cachey::origin
