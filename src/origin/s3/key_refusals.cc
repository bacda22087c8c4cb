#include "origin/s3/key_refusals.h"

#include <algorithm>
#include <functional>
#include <ranges>

#include "base/ascii.h"

namespace cachey::origin {
namespace {

constexpr std::string_view kPlainMarks = "-_.~=/";

uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>()(text) | 1; }

/// All stores and proxies sign such a key in the same way.
bool is_plain(std::string_view object_key) {
  const bool plain_bytes = std::ranges::all_of(
      object_key, [](char c) { return is_alphanumeric(c) || kPlainMarks.contains(c); });
  return !object_key.empty() && plain_bytes &&
         std::ranges::all_of(std::views::split(object_key, '/'), [](auto segment) {
           const std::string_view text(segment);
           return !text.empty() && text != "." && text != "..";
         });
}

}  // namespace

void KeyRefusals::accepted(std::string_view access_key) {
  const uint64_t hash = hash_of(access_key);
  if (accepted_.load(std::memory_order_relaxed) != hash)
    accepted_.store(hash, std::memory_order_relaxed);
}

void KeyRefusals::refused(const Refusal& refusal) {
  const bool was_accepted =
      accepted_.load(std::memory_order_relaxed) == hash_of(refusal.access_key);
  const bool is_signature = refusal.cause == ErrorCause::kBadSignature;
  const bool may_be_the_object = is_signature && !is_plain(refusal.object_key);
  if (was_accepted && (!refusal.bucket_is_good || may_be_the_object)) return;
  total_.fetch_add(1, std::memory_order_relaxed);
  if (was_accepted && is_signature) {
    objects_.note(hash_of(refusal.object_key));
  } else {
    objects_.note_another();
  }
}

}  // namespace cachey::origin
