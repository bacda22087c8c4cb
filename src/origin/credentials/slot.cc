#include "origin/credentials/slot.h"

#include <algorithm>
#include <utility>

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

constexpr double kLeadSeconds = 300;
constexpr double kLeadJitter = 0.2;  // the lead is shortened at random by up to this share
constexpr double kSpareSecondsMin = 5;
constexpr double kSpareSecondsMax = 10;
constexpr int64_t kUndatedSeconds = 900;  // of credentials without an expiry
constexpr int64_t kUsedSecondsMin = 2;    // even if they expire sooner
constexpr milliseconds kPauseMin{1000};
constexpr milliseconds kPauseMax{60'000};
constexpr milliseconds kRefusalPause{10'000};

}  // namespace

aws::CredentialsPtr CredentialSlot::usable() const {
  if (unusable_at_ && clock_.unix_seconds() >= *unusable_at_) return nullptr;
  return current_;
}

bool CredentialSlot::search_due() const {
  if (clock_.mono() < next_search_) return false;
  return refused_ || usable() == nullptr || clock_.unix_seconds() >= search_at_;
}

void CredentialSlot::store(aws::CredentialsPtr found) {
  const int64_t now = clock_.unix_seconds();
  current_ = std::move(found);
  failure_.reset();
  failures_ = 0;
  refused_ = false;
  next_search_ = clock_.mono() + kPauseMin;
  unusable_at_.reset();
  search_at_ = now + kUndatedSeconds;
  if (!current_->expires_at()) return;
  const int64_t expires_at = *current_->expires_at();
  const auto left = static_cast<double>(std::max<int64_t>(0, expires_at - now));
  const double lead = std::min(kLeadSeconds, left / 2) * (1 - kLeadJitter * random_.unit());
  const double spare =
      std::min(lead / 2, kSpareSecondsMax - (kSpareSecondsMax - kSpareSecondsMin) * random_.unit());
  search_at_ = expires_at - static_cast<int64_t>(lead);
  unusable_at_ = std::max(expires_at - static_cast<int64_t>(spare), now + kUsedSecondsMin);
}

void CredentialSlot::store(Error failure) {
  failure_ = std::move(failure);
  refused_ = false;
  milliseconds pause = kPauseMin;
  if (usable() == nullptr) {
    failures_ = 0;
  } else {
    for (unsigned k = 0; k < failures_ && pause < kPauseMax; ++k)
      pause = std::min(2 * pause, kPauseMax);
    ++failures_;
    const double part = 0.5 + 0.5 * random_.unit();
    pause = std::max(kPauseMin,
                     milliseconds(static_cast<int64_t>(part * static_cast<double>(pause.count()))));
  }
  next_search_ = clock_.mono() + pause;
}

bool CredentialSlot::refused(const aws::Credentials& used) {
  if (refused_ || !current_ || !current_->same_keys(used)) return true;
  const MonoTime now = clock_.mono();
  if (now < next_refusal_) return false;
  next_refusal_ = now + kRefusalPause;
  next_search_ = now;
  refused_ = true;
  return true;
}

}  // namespace cachey::origin
