#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/random.h"
#include "base/testing/eventually.h"
#include "origin/s3/s3_origin.h"
#include "origin/testing/scripted_server.h"
#include "origin/testing/test_worker.h"
#include "origin/transport/proxy.h"

namespace cachey::origin {

/// An answer's bytes.
[[nodiscard]] std::string response(const std::string& status, const std::string& headers,
                                   const std::string& body);

/// A 206 answer to `request`, for an object with `content`.
[[nodiscard]] std::string part_of(const std::string& content, const std::string& request);

/// An S3 error answer with its XML document.
[[nodiscard]] std::string error_response(const std::string& status, const std::string& code,
                                         const std::string& headers = {},
                                         const std::string& fields = {});

/// Answers every request of a connection from `content`, until the client closes it.
void serve_content(Peer& peer, const std::string& content);

/// An S3 origin with one worker, for a scripted server on loopback. Retries do not wait.
class S3Harness {
 public:
  explicit S3Harness(uint16_t port, Scheme scheme = Scheme::kHttp);
  ~S3Harness() { stop(); }

  S3Config config;  ///< may be changed before the first use
  AttributesPool attributes;
  FixedRandom random{0.0};
  TestWorkers workers;

  [[nodiscard]] S3Origin& origin();
  [[nodiscard]] const S3Counters& counters() { return origin().counters(); }

  [[nodiscard]] static GetRequest request(ByteRange range = {0, 100});
  Fetched fetch(GetRequest request = S3Harness::request()) {
    return workers.fetch(origin(), std::move(request));
  }
  std::future<Fetched> start_fetch(GetRequest request = S3Harness::request()) {
    return workers.start_fetch(origin(), std::move(request));
  }

  /// Stops the workers, then destroys the origin, as main does.
  void stop();

 private:
  std::unique_ptr<S3Origin> origin_;
};

}  // namespace cachey::origin
