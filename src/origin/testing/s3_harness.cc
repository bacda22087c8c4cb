#include "origin/testing/s3_harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

std::string response(const std::string& status, const std::string& headers,
                     const std::string& body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers,
                     body);
}

std::string part_of(const std::string& content, const std::string& request) {
  unsigned long long first = 0;
  unsigned long long last = 0;
  const size_t at = request.find("range: bytes=");
  if (at == std::string::npos ||
      std::sscanf(request.c_str() + at, "range: bytes=%llu-%llu", &first, &last) != 2) {
    return response("400 Bad Request", "", "");
  }
  last = std::min<unsigned long long>(last, content.size() - 1);
  const std::string headers = fmt::format(
      "Content-Range: bytes {}-{}/{}\r\nETag: \"v1\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 "
      "GMT\r\n",
      first, last, content.size());
  return response("206 Partial Content", headers, content.substr(first, last - first + 1));
}

std::string error_response(const std::string& status, const std::string& code,
                           const std::string& headers, const std::string& fields) {
  return response(
      status, "Content-Type: application/xml\r\nx-amz-request-id: REQ1\r\n" + headers,
      fmt::format(
          "<?xml version=\"1.0\"?>\n<Error><Code>{}</Code><Message>words</Message>{}</Error>", code,
          fields));
}

void serve_content(Peer& peer, const std::string& content) {
  while (true) {
    const std::string request = peer.read_request();
    if (request.empty() || !peer.send(part_of(content, request))) return;
  }
}

S3Harness::S3Harness(uint16_t port, Scheme scheme) {
  config.region = "us-east-1";
  config.endpoint = EndpointUrl{
      .tls = scheme == Scheme::kHttps, .host = "127.0.0.1", .port = port, .base_path = ""};
  config.credentials =
      fixed_credentials(std::make_shared<const aws::Credentials>("KEY", "SECRET", ""));
}

S3Origin& S3Harness::origin() {
  if (!origin_) {
    origin_ = std::move(make_s3_origin(config, workers.workers(), workers.pool(), attributes,
                                       workers.clock(), random)
                            .value());
  }
  return *origin_;
}

GetRequest S3Harness::request(ByteRange range) {
  GetRequest request;
  request.bucket = "bucket";
  request.key = "some/key";
  request.range = range;
  return request;
}

void S3Harness::stop() {
  workers.stop();
  origin_.reset();
}

}  // namespace cachey::origin
