#include "origin/s3/s3_origin.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "origin/s3/forward.h"
#include "origin/s3/found_settings.h"
#include "origin/s3/get.h"
#include "origin/transport/connection_pool.h"
#include "origin/transport/tls.h"

namespace cachey::origin {
namespace {

class S3OriginImpl final : public S3Origin {
 public:
  S3OriginImpl(S3Config config, rt::Workers& workers, rt::BlockingPool& pool,
               const std::shared_ptr<boost::asio::ssl::context>& tls, AttributesPool& attributes,
               const Clock& clock, Random& random)
      : client_(std::move(config), attributes, clock, random) {
    const S3Config& own = client_.config;
    const auto resolver = std::make_shared<Resolver>(pool, own.look_up, own.pool, clock,
                                                     own.endpoint ? own.endpoint->host : "");
    for (size_t i = 0; i < workers.size(); ++i) {
      S3WorkerState state;
      state.pool = std::make_shared<ConnectionPool>(workers[i], resolver, tls, own.pool,
                                                    client_.counters, own.proxies);
      client_.workers.push_back(std::move(state));
    }
  }

  rt::Task<Result<std::unique_ptr<GetStream>>> get(rt::Worker& worker,
                                                   GetRequest request) override {
    return run_get(client_, worker, std::move(request), Checksums::kCompare);
  }

  rt::Task<Result<std::unique_ptr<ForwardAnswer>>> forward(rt::Worker& worker,
                                                           ForwardRequest request) override {
    return run_forward(client_, worker, std::move(request));
  }

  [[nodiscard]] std::optional<std::chrono::milliseconds> time_to_head(
      const RequestConfig& config) const override {
    const S3Limits& ours = client_.config.limits;
    return get_limit(effective_limits(ours, config), ours, config);
  }

  [[nodiscard]] bool goes_elsewhere(const RequestConfig& config) const override {
    return config.path_style.value_or(client_.config.path_style) != client_.config.path_style;
  }

  [[nodiscard]] const S3Counters& counters() const override { return *client_.counters; }

  void warm_up(rt::Worker& worker) override {
    rt::asio::post(worker.io(), [this, &worker] {
      worker.tasks().spawn(find_settings_early(client_.config, worker));
    });
  }

 private:
  S3ClientState client_;
};

}  // namespace

Result<std::unique_ptr<S3Origin>> make_s3_origin(S3Config config, rt::Workers& workers,
                                                 rt::BlockingPool& pool, AttributesPool& attributes,
                                                 const Clock& clock, Random& random) {
  Result<std::shared_ptr<boost::asio::ssl::context>> tls =
      make_tls_context(config.ca_file, config.ca_dir);
  if (!tls) return std::unexpected(tls.error());
  return std::make_unique<S3OriginImpl>(std::move(config), workers, pool, *tls, attributes, clock,
                                        random);
}

}  // namespace cachey::origin
