#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "aws/checksum.h"
#include "origin/origin.h"
#include "origin/s3/answer.h"
#include "origin/s3/counters.h"
#include "origin/transport/http_exchange.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// Fetches the object again. True: the second body has this sum.
using FetchAgain = std::function<rt::Task<bool>(aws::ExpectedChecksum)>;

/// Reads `stream` to its end. True: the body is complete and has this sum. `stream` must outlive
/// the task.
[[nodiscard]] rt::Task<bool> has_sum(GetStream& stream, aws::ExpectedChecksum sum);

/// The body of a good answer. Compares the announced sum at the last byte: kDamaged if it differs.
/// Owned by the caller of get(); the worker's thread.
class S3Stream final : public GetStream {
 public:
  S3Stream(std::unique_ptr<HttpExchange> exchange, GoodAnswer answer, MonoTime sent_at,
           std::shared_ptr<S3Counters> counters);

  [[nodiscard]] const ObjectInfo& info() const override { return answer_.info; }
  [[nodiscard]] ByteRange range() const override { return answer_.range; }
  [[nodiscard]] MonoTime sent_at() const override { return sent_at_; }
  [[nodiscard]] uint64_t progress() override {
    return answer_.range.size() - left_ + exchange_->unread_bytes();
  }
  [[nodiscard]] rt::Task<Result<size_t>> read(std::span<std::byte> into) override;

  // Call these before the first read().
  /// Whether the answer announced a sum of this body.
  [[nodiscard]] bool has_sum() const { return checksum_.has_value(); }
  void ignore_sum() { checksum_.reset(); }
  /// If the body has another sum, `fetch_again` decides whether the body is damaged.
  void on_wrong_sum(FetchAgain fetch_again) { fetch_again_ = std::move(fetch_again); }

 private:
  [[nodiscard]] rt::Task<Result<void>> check_sum();

  const std::unique_ptr<HttpExchange> exchange_;
  const GoodAnswer answer_;
  const MonoTime sent_at_;
  const std::shared_ptr<S3Counters> counters_;
  std::optional<aws::Checksum> checksum_;  // nothing: no sum to compare
  FetchAgain fetch_again_;
  uint64_t left_;
};

}  // namespace cachey::origin
