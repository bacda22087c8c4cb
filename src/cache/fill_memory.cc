// The memory that a fill waits for.

#include <algorithm>
#include <string>
#include <utility>

#include "cache/filling.h"

namespace cachey::cache {

/// The memory for these bytes; for all of them if the object's size is unknown.
uint64_t Fills::bytes_needed(const FetchSpec& spec, ByteRange wanted) const {
  const std::optional<uint64_t> size = object_size(spec);
  if (!size || *size <= wanted.begin) return wanted.size();
  return std::min(*size, wanted.end) - wanted.begin;
}

/// The account for memory that is admitted before the bucket has answered. Each client has one, so
/// that hung fills of one hinder no other. Invented buckets and kinds share one, so that fills that
/// hang keep no others from starting.
store::Admissions::Account Fills::account_of(const FetchSpec& spec) const {
  const std::string& bucket = spec.buckets.front();
  if (!origin_.gate.is_proven(bucket, spec.key.kind)) return {""};
  return {bucket, spec.client};
}

std::optional<FillMemory> Fills::try_reserve(const FetchSpec& spec, ByteRange wanted) {
  const store::Admissions::Account account = account_of(spec);
  std::optional<store::Admission> start =
      memory_.starts().try_admit_speculation(account, store::MemoryTier::kStartBytes);
  if (!start) return std::nullopt;
  std::optional<store::Admission> body =
      memory_.bodies().try_admit_speculation(account, bytes_needed(spec, wanted));
  if (!body) return std::nullopt;
  return FillMemory(std::move(*start), std::move(*body));
}

/// How long the request that asked for the page will wait for memory, if it alone waits.
std::chrono::nanoseconds Fills::patience_of(const Filling& filling) const {
  const auto& limit = filling.config.operation_timeout;
  if (!limit || filling.page.has_others_waiting()) return std::chrono::nanoseconds::max();
  return filling.began + *limit - clock_.mono();
}

/// Before a GET is sent in vain: the page may have to wait too long for memory; if its size is
/// unknown, even the smallest page.
Result<void> Fills::look_ahead(const Filling& filling) {
  if (filling.is_look() || filling.body) return Result<void>();
  const std::optional<uint64_t> size = object_size(filling.spec);
  const uint64_t bytes = size ? filling.page.bytes_of(*size) : 1;
  return memory_.bodies().look_ahead(filling.spec.buckets, bytes, patience_of(filling),
                                     filling.spec.client);
}

/// Waits for the memory of the fill itself. kCancelled: nobody waits for the fill any more.
rt::Task<Result<void>> Fills::admit_start(Filling& filling) {
  if (filling.start) co_return Result<void>();
  const store::Admissions::Account account = account_of(filling.spec);
  std::string bucket(account.bucket);
  std::string client(account.client);
  origin::Attendance attendance(&filling, clock_.mono());
  Result<store::Admission> admitted = co_await memory_.starts().admit(
      filling.worker, std::move(bucket), store::MemoryTier::kStartBytes, patience_of(filling),
      std::move(client));
  if (!admitted) co_return std::unexpected(std::move(admitted.error()));
  if (attendance.is_over(clock_.mono())) {
    co_return fail(ErrorKind::kCancelled, "nobody waits for the page");
  }
  filling.start.emplace(std::move(*admitted));
  co_return Result<void>();
}

/// Waits for the page's memory, unless the fill has it.
rt::Task<Result<void>> Fills::admit_body(Filling& filling, std::string bucket, uint64_t bytes) {
  if (filling.body && filling.body->bytes() >= bytes) {
    filling.body->shrink_to(store::Arena::rounded(bytes));
    co_return Result<void>();
  }
  filling.body.reset();
  std::string client = filling.spec.client;
  Result<store::Admission> admitted = co_await memory_.bodies().admit(
      filling.worker, std::move(bucket), bytes, patience_of(filling), std::move(client));
  if (!admitted) co_return std::unexpected(std::move(admitted.error()));
  filling.body.emplace(std::move(*admitted));
  co_return Result<void>();
}

}  // namespace cachey::cache
