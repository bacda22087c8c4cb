#pragma once

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "origin/forward.h"
#include "origin/testing/asked_requests.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {

/// What became of a forwarded request.
struct Forwarded {
  unsigned status = 0;  // 0: an error
  ErrorKind error = ErrorKind::kInternal;
  std::string message;
  std::string lines;
  std::optional<uint64_t> length;
  std::string body;
  std::optional<ErrorKind> broken;  // of the body
};

inline rt::Task<Forwarded> forward_all(Forwarder& origin, rt::Worker& worker,
                                       ForwardRequest request, size_t piece) {
  Forwarded got;
  Result<std::unique_ptr<ForwardAnswer>> answer =
      co_await origin.forward(worker, std::move(request));
  if (!answer) {
    got.error = answer.error().kind();
    got.message = answer.error().message();
    co_return got;
  }
  got.status = (*answer)->status();
  got.lines = (*answer)->lines();
  got.length = (*answer)->content_length();
  std::vector<std::byte> buffer(piece);
  while (true) {
    const Result<size_t> read = co_await (*answer)->read(buffer);
    if (!read) got.broken = read.error().kind();
    if (!read || *read == 0) break;
    got.body.append(reinterpret_cast<const char*>(buffer.data()), *read);
  }
  co_return got;
}

inline ForwardRequest list(std::vector<NamedText> query = {}) {
  ForwardRequest request;
  request.bucket = "bucket";
  request.query = std::move(query);
  return request;
}

inline ForwardRequest head_object() {
  ForwardRequest request;
  request.head = true;
  request.bucket = "bucket";
  request.key = "some/key";
  return request;
}

/// A store that gives its answers in order, then the last one again.
class S3Forwards : public ::testing::Test {
 protected:
  S3Forwards() : server_([this](Peer& peer, int) { serve(peer); }), s3_(server_.port()) {}
  ~S3Forwards() override { s3_.stop(); }

  void serve(Peer& peer) {
    for (std::string request; !(request = peer.read_request()).empty();) {
      std::string answer;
      {
        const MutexLock lock(mutex_);
        answer = answers_.front();
        if (answers_.size() > 1) answers_.erase(answers_.begin());
      }
      asked_.add(std::move(request));
      peer.send(answer);
      if (answer.contains("Connection: close")) return;
    }
  }

  void answer(std::vector<std::string> answers) {
    const MutexLock lock(mutex_);
    answers_ = std::move(answers);
  }

  Forwarded forward(ForwardRequest request, size_t piece = 64 * 1024) {
    return s3_.workers.run(
        forward_all(s3_.origin(), s3_.workers.workers()[0], std::move(request), piece));
  }

  Mutex mutex_;
  std::vector<std::string> answers_ GUARDED_BY(mutex_){""};
  AskedRequests asked_;
  ScriptedServer server_;
  S3Harness s3_;
};

inline std::string ok(const std::string& body, const std::string& more = "") {
  return response("200 OK", more, body);
}

}  // namespace cachey::origin
