#include "origin/s3/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "origin/s3/answer.h"

namespace cachey::origin {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

}  // namespace

rt::Task<bool> has_sum(GetStream& stream, aws::ExpectedChecksum sum) {
  aws::Checksum checksum(sum.algorithm);
  std::vector<std::byte> buffer(kPieceBytes);
  uint64_t left = stream.range().size();
  while (left > 0) {
    const std::span<std::byte> into(buffer.data(), std::min<uint64_t>(left, buffer.size()));
    const Result<size_t> got = co_await stream.read(into);
    if (!got) co_return false;
    checksum.update(into.first(*got));
    left -= *got;
  }
  co_return checksum.finish() == sum.bytes;
}

S3Stream::S3Stream(std::unique_ptr<HttpExchange> exchange, GoodAnswer answer, MonoTime sent_at,
                   std::shared_ptr<S3Counters> counters)
    : exchange_(std::move(exchange)),
      answer_(std::move(answer)),
      sent_at_(sent_at),
      counters_(std::move(counters)),
      left_(answer_.range.size()) {
  exchange_->expect_body(left_);
  if (answer_.checksum) checksum_.emplace(answer_.checksum->algorithm);
}

rt::Task<Result<size_t>> S3Stream::read(std::span<std::byte> into) {
  Result<size_t> got = co_await exchange_->read(into);
  if (!got) co_return got;
  left_ -= *got;
  if (checksum_) checksum_->update(into.first(*got));
  if (left_ == 0 && checksum_) {
    const Result<void> checked = co_await check_sum();
    if (!checked) co_return std::unexpected(checked.error());
  }
  co_return got;
}

rt::Task<Result<void>> S3Stream::check_sum() {
  aws::ExpectedChecksum sum(answer_.checksum->algorithm, checksum_->finish());
  if (sum.bytes == answer_.checksum->bytes) co_return Result<void>();
  if (fetch_again_) {
    const bool same = co_await fetch_again_(std::move(sum));
    if (same) co_return Result<void>();
  }
  count(counters_->checksum_failures);
  co_return fail(ErrorKind::kDamaged,
                 fmt::format("the body is not what the origin announced: its {} differs",
                             to_string(answer_.checksum->algorithm)));
}

}  // namespace cachey::origin
