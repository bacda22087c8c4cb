#include "app/check_origin.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "app/s3_parts.h"
#include "base/check.h"
#include "base/http_date.h"
#include "base/log.h"
#include "base/random.h"
#include "origin/s3/endpoint.h"
#include "origin/s3/found_settings.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::app {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kAddressesShown = 4;

struct Hint {
  std::string_view sign;  // in the error's text
  std::string_view advice;
};

// The first that fits counts.
constexpr Hint kHints[] = {
    {"no credentials",
     "give keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a profile), or set right the source "
     "that is named above"},
    {"a region must be set", "set AWS_REGION; stores other than AWS mostly take us-east-1 or auto"},
    {"cannot be a region", "set AWS_REGION to a region's name, such as eu-west-1"},
    {"InvalidAccessKeyId",
     "the store does not know this access key: is it another store's, or deleted?"},
    {"SignatureDoesNotMatch",
     "the secret access key is wrong, or something on the way changes requests"},
    {"RequestTimeTooSkewed", "this machine's clock is wrong by more than the store allows: set it"},
    {"ExpiredToken", "the session token has expired: get new credentials"},
    {"InvalidToken",
     "the session token is wrong, or missing: AWS_SESSION_TOKEN must be that of the keys"},
    {"NoSuchBucket",
     "there is no such bucket at this store; buckets of AWS are found in their own region"},
    {"PermanentRedirect", "the bucket is in another region: set AWS_REGION to the bucket's"},
    {"AuthorizationHeaderMalformed",
     "the region is wrong for this store or bucket: set AWS_REGION to the one that the text names"},
    {"IllegalLocationConstraint",
     "the bucket is in another region: set AWS_REGION to the bucket's"},
    {"answered 301", "the bucket is in another region: set AWS_REGION to the bucket's"},
    {"AccessDenied",
     "these credentials may not read it: allow s3:GetObject; without s3:ListBucket a missing key "
     "looks the same"},
    {"NoSuchKey", "everything works, but there is no object of this key"},
    {"certificate", "trust the store's authority: SSL_CERT_FILE or AWS_CA_BUNDLE names a PEM file"},
    {"TLS handshake",
     "does the store speak TLS there? An endpoint without TLS begins with http://"},
    {"refused", "nobody listens there: are host and port of the endpoint right?"},
    {"look up",
     "the host name is not known: is the endpoint right? For a bucket of its own host name "
     "see --s3-force-path-style"},
    {"has no address", "the host name has no address: is the endpoint right?"},
};

template <typename T>
rt::Task<void> fulfil(rt::Task<T> task, std::promise<T>& promise) {
  T value = co_await std::move(task);
  promise.set_value(std::move(value));
}

/// Runs `task` on the worker and returns what it returned.
template <typename T>
T run_on(rt::Worker& worker, rt::Task<T> task) {
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
  rt::asio::post(worker.io(), [&worker, &promise, task = std::move(task)]() mutable {
    worker.tasks().spawn(fulfil(std::move(task), promise));
  });
  return future.get();
}

/// Reads the first byte: the object's size. 0 for an empty object.
rt::Task<Result<uint64_t>> read_first_byte(origin::Origin& store, rt::Worker& worker,
                                           origin::GetRequest request) {
  Result<std::unique_ptr<origin::GetStream>> stream =
      co_await store.get(worker, std::move(request));
  if (!stream) {
    const Error& error = stream.error();
    if (error.kind() == ErrorKind::kRangeNotSatisfiable && error.object_size().value_or(1) == 0)
      co_return uint64_t{0};
    co_return std::unexpected(error);
  }
  std::vector<std::byte> byte(1);
  const std::span<std::byte> into(byte);
  const Result<size_t> got = co_await (*stream)->read(into);
  if (!got) co_return std::unexpected(got.error());
  co_return (*stream)->info().size;
}

void say(const char* what, const std::string& text) {
  std::printf("%-12s %s\n", what, text.c_str());
  std::fflush(stdout);
}

int say_failure(const Error& error) {
  say("failed", error.message());
  const std::string hint = hint_for(error);
  if (!hint.empty()) say("hint", hint);
  return 1;
}

milliseconds since(Clock::time_point begun) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - begun);
}

std::string credentials_text(const aws::Credentials& credentials) {
  return fmt::format("{}, from {}, {}", log::quoted(credentials.masked_id()), credentials.source(),
                     credentials.expires_at()
                         ? "until " + format_http_date(*credentials.expires_at())
                         : "without an end");
}

std::string addresses_text(const std::vector<boost::asio::ip::address>& addresses,
                           milliseconds took) {
  std::string text;
  for (size_t i = 0; i < addresses.size() && i < kAddressesShown; ++i)
    text += addresses[i].to_string() + " ";
  if (addresses.size() > kAddressesShown)
    text += fmt::format("and {} more ", addresses.size() - kAddressesShown);
  return fmt::format("{}({} ms)", text, took.count());
}

/// Says whose requests they are; false where they cannot be anybody's.
bool say_credentials(const origin::S3Config& config, rt::Worker& worker) {
  const auto found = run_on(worker, origin::find_credentials(config, worker, MonoTime::max()));
  if (!found) {
    say("credentials", "none");
    say_failure(found.error());
    return false;
  }
  say("credentials",
      *found ? credentials_text(**found) : "none are wanted: requests are not signed");
  return true;
}

/// Says where the store would be asked, and under which addresses it is found.
Result<void> say_endpoint(const origin::S3Config& config, rt::Worker& worker,
                          const ObjectName& object) {
  const Result<std::string> region =
      run_on(worker, origin::find_region(config, worker, MonoTime::max()));
  const std::string source =
      config.region.empty() ? "the instance's metadata" : config.region_source;
  say("region", region ? fmt::format("{}, from {}", log::quoted(*region, 64), source) : "none");
  if (!region) return std::unexpected(region.error());
  origin::EndpointOptions options;
  options.region = *region;
  options.custom = config.endpoint ? &*config.endpoint : nullptr;
  options.path_style = config.path_style;
  options.fips = config.fips;
  options.dual_stack = config.dual_stack;
  const Result<origin::BucketEndpoint> endpoint = origin::resolve_endpoint(object.bucket, options);
  if (!endpoint) return std::unexpected(endpoint.error());
  const origin::EndpointUrl& url = endpoint->url;
  say("endpoint", fmt::format("{}://{}{} ({})", url.tls ? "https" : "http", host_header(url),
                              endpoint->object_path(object.bucket, object.key),
                              endpoint->virtual_host ? "the bucket is in the host name"
                                                     : "the bucket is in the path"));
  if (origin::is_ip_address(url.host)) return {};
  const Clock::time_point begun = Clock::now();
  const auto addresses = config.look_up(url.host);
  if (!addresses) return std::unexpected(addresses.error());
  say("addresses", addresses_text(*addresses, since(begun)));
  return {};
}

int read_and_say(origin::Origin& store, rt::Worker& worker, const ObjectName& object) {
  origin::GetRequest request;
  request.bucket = object.bucket;
  request.key = object.key;
  request.range = ByteRange(0, 1);
  const Clock::time_point begun = Clock::now();
  const Result<uint64_t> size = run_on(worker, read_first_byte(store, worker, request));
  if (!size) return say_failure(size.error());
  say("read",
      fmt::format("1 byte of {} in {} ms, on a new connection", *size, since(begun).count()));
  const Clock::time_point again = Clock::now();
  const Result<uint64_t> second = run_on(worker, read_first_byte(store, worker, request));
  if (!second) return say_failure(second.error());
  say("read again", fmt::format("in {} ms", since(again).count()));
  say("result", "ok");
  return 0;
}

}  // namespace

std::string hint_for(const Error& error) {
  for (const Hint& hint : kHints) {
    if (error.message().find(hint.sign) != std::string::npos) return std::string(hint.advice);
  }
  if (error.kind() != ErrorKind::kTimeout) return {};
  return "no answer: a firewall may drop the packets, or the store is only reached by a proxy";
}

std::optional<ObjectName> parse_object_name(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size())
    return std::nullopt;
  return ObjectName{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

int check_origin(const Options& options) {
  const std::optional<ObjectName> object = parse_object_name(options.check_origin);
  CHECK(object.has_value());
  const SystemClock clock;
  SystemRandom random;
  Result<origin::S3Config> config = s3_config(options);
  if (!config) {
    say("failed", config.error().message());
    return 2;
  }
  rt::Workers workers(1, clock);
  rt::BlockingPool blocking(2);
  Result<S3Parts> parts = make_s3(std::move(*config), workers, blocking, clock, random);
  if (!parts) return say_failure(parts.error());
  rt::Worker& worker = workers[0];
  workers.start();
  int code = 1;
  if (say_credentials(parts->config, worker)) {
    const Result<void> endpoint = say_endpoint(parts->config, worker, *object);
    code = endpoint ? read_and_say(*parts->origin, worker, *object) : say_failure(endpoint.error());
  }
  workers.stop_and_join();
  return code;
}

}  // namespace cachey::app
