#include "app/check_origin.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/options/object_name.h"
#include "app/origin_hint.h"
#include "app/s3_parts.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/http_date.h"
#include "base/log.h"
#include "base/random.h"
#include "origin/s3/endpoint.h"
#include "origin/s3/found_settings.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::app {
namespace {

using std::chrono::milliseconds;

constexpr size_t kAddressesShown = 4;

template <typename T>
rt::Task<void> fulfil(rt::Task<T> task, std::promise<T>& promise) {
  T value = co_await std::move(task);
  promise.set_value(std::move(value));
}

/// Runs `task` on the worker, waits, and returns the task's result.
template <typename T>
T run_on(rt::Worker& worker, rt::Task<T> task) {
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
  rt::asio::post(worker.io(), [&worker, &promise, task = std::move(task)]() mutable {
    worker.tasks().spawn(fulfil(std::move(task), promise));
  });
  return future.get();
}

/// Reads the first byte. Returns the object's size; 0 if the object is empty.
rt::Task<Result<uint64_t>> read_first_byte(origin::Origin& store, rt::Worker& worker,
                                           origin::GetRequest request) {
  Result<std::unique_ptr<origin::GetStream>> stream =
      co_await store.get(worker, std::move(request));
  if (!stream) {
    const Error& error = stream.error();
    // Only an empty object has no first byte; some stores do not say its size.
    if (error.kind() == ErrorKind::kRangeNotSatisfiable && error.object_size().value_or(0) == 0)
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

int say_failure(const Error& error, Addressing addressing = Addressing::kUsual) {
  say("failed", error.message());
  const std::string hint = hint_for(error, addressing);
  if (!hint.empty()) say("hint", hint);
  return 1;
}

std::string credentials_text(const aws::Credentials& credentials) {
  return fmt::format(
      "{}, from {}, {}{}", log::quoted(credentials.masked_id()), credentials.source(),
      credentials.expires_at() ? "until " + format_http_date(*credentials.expires_at())
                               : "without an end",
      credentials.trimmed() ? "; blanks or line ends around them are dropped" : "");
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

/// The steps of --check-origin. Each prints a line or two.
class OriginCheck {
 public:
  OriginCheck(const S3Parts& parts, rt::Worker& worker, const Clock& clock, ObjectName object)
      : parts_(parts), worker_(worker), clock_(clock), object_(std::move(object)) {}

  /// The exit code.
  int run() {
    Result<void> works = check_credentials();
    if (works) works = check_endpoint();
    if (works) works = check_reads();
    if (!works) return say_failure(works.error(), addressing_);
    say("result", "ok");
    return 0;
  }

 private:
  [[nodiscard]] Result<void> check_credentials();
  [[nodiscard]] Result<std::string> check_region();
  [[nodiscard]] Result<void> check_endpoint();
  [[nodiscard]] Result<void> check_addresses(const std::string& host);
  [[nodiscard]] Result<void> check_reads();
  [[nodiscard]] milliseconds since(MonoTime begun) const {
    return std::chrono::duration_cast<milliseconds>(clock_.mono() - begun);
  }

  const S3Parts& parts_;
  rt::Worker& worker_;
  const Clock& clock_;
  const ObjectName object_;
  Addressing addressing_ = Addressing::kUsual;
};

Result<void> OriginCheck::check_credentials() {
  const auto found =
      run_on(worker_, origin::find_credentials(parts_.config, worker_, MonoTime::max()));
  if (!found) {
    say("credentials", "none");
    return std::unexpected(found.error());
  }
  say("credentials",
      *found ? credentials_text(**found) : "none are wanted: requests are not signed");
  return {};
}

Result<std::string> OriginCheck::check_region() {
  const origin::S3Config& config = parts_.config;
  Result<std::string> region =
      run_on(worker_, origin::find_region(config, worker_, MonoTime::max()));
  const std::string source =
      config.region.empty() ? "the instance's metadata" : config.region_source;
  say("region", region ? fmt::format("{}, from {}", log::quoted(*region, 64), source) : "none");
  return region;
}

Result<void> OriginCheck::check_endpoint() {
  const Result<std::string> region = check_region();
  if (!region) return std::unexpected(region.error());
  const origin::S3Config& config = parts_.config;
  origin::EndpointOptions options;
  options.region = *region;
  options.custom = config.endpoint ? &*config.endpoint : nullptr;
  options.path_style = config.path_style;
  options.fips = config.fips;
  options.dual_stack = config.dual_stack;
  const Result<origin::BucketEndpoint> endpoint = origin::resolve_endpoint(object_.bucket, options);
  if (!endpoint) return std::unexpected(endpoint.error());
  if (endpoint->virtual_host && config.endpoint) addressing_ = Addressing::kOwnHostNames;
  const origin::EndpointUrl& url = endpoint->url;
  say("endpoint", fmt::format("{}://{}{} ({})", url.tls ? "https" : "http", host_header(url),
                              endpoint->object_path(object_.bucket, object_.key),
                              endpoint->virtual_host ? "the bucket is in the host name"
                                                     : "the bucket is in the path"));
  if (origin::is_ip_address(url.host)) return {};
  return check_addresses(url.host);
}

Result<void> OriginCheck::check_addresses(const std::string& host) {
  const MonoTime begun = clock_.mono();
  const auto addresses = parts_.config.look_up(host);
  if (!addresses) return std::unexpected(addresses.error());
  say("addresses", addresses_text(*addresses, since(begun)));
  return {};
}

/// Reads twice. The second read uses the connection of the first.
Result<void> OriginCheck::check_reads() {
  origin::GetRequest request;
  request.bucket = object_.bucket;
  request.key = object_.key;
  request.range = ByteRange(0, 1);
  const MonoTime begun = clock_.mono();
  const Result<uint64_t> size = run_on(worker_, read_first_byte(*parts_.origin, worker_, request));
  if (!size) return std::unexpected(size.error());
  say("read",
      fmt::format("1 byte of {} in {} ms, on a new connection", *size, since(begun).count()));
  const MonoTime again = clock_.mono();
  const Result<uint64_t> second =
      run_on(worker_, read_first_byte(*parts_.origin, worker_, request));
  if (!second) return std::unexpected(second.error());
  say("read again", fmt::format("in {} ms", since(again).count()));
  return {};
}

}  // namespace

int check_origin(const Options& options) {
  std::optional<ObjectName> object = parse_object_name(options.check_origin);
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
  AttributesPool attributes;
  Result<S3Parts> parts = make_s3(std::move(*config), workers, blocking, attributes, clock, random);
  if (!parts) return say_failure(parts.error());
  workers.start();
  const int code = OriginCheck(*parts, workers[0], clock, std::move(*object)).run();
  workers.stop_and_join();
  return code;
}

}  // namespace cachey::app
