#include "origin/credentials/cache.h"

#include <utility>

#include "base/log.h"

namespace cachey::origin {
namespace {

void log_found(const aws::Credentials& found) {
  if (found.trimmed()) {
    log::warn("blanks or line ends around the credentials are dropped",
              {{"source", found.source()}});
  }
  const std::string expires =
      found.expires_at() ? std::to_string(*found.expires_at()) : std::string("never");
  log::info("credentials found",
            {{"source", found.source()}, {"id", found.masked_id()}, {"expires", expires}});
}

}  // namespace

rt::Task<Result<aws::CredentialsPtr>> CredentialCache::get(rt::Worker& worker, MonoTime deadline) {
  const std::shared_ptr<CredentialCache> self = shared_from_this();
  aws::CredentialsPtr usable;
  bool due = false;
  {
    const MutexLock lock(mutex_);
    usable = slot_.usable();
    due = slot_.search_due();
  }
  if (due && flight_.begin()) worker.tasks().spawn(search(self, worker));
  if (usable) co_return usable;
  const bool in_time = co_await flight_.wait(worker, deadline);
  if (!in_time)
    co_return fail(ErrorKind::kOverloaded, "no credentials yet: they are still being looked for",
                   ErrorCause::kNoCredentials);
  co_return found();
}

bool CredentialCache::search_due() {
  const MutexLock lock(mutex_);
  return slot_.search_due();
}

bool CredentialCache::search_failed() {
  const MutexLock lock(mutex_);
  return slot_.failure().has_value();
}

Result<aws::CredentialsPtr> CredentialCache::found() {
  const MutexLock lock(mutex_);
  if (aws::CredentialsPtr usable = slot_.usable()) return usable;
  if (slot_.failure()) return std::unexpected(*slot_.failure());
  return fail(ErrorKind::kDenied, "no credentials: those found last have expired",
              ErrorCause::kNoCredentials);
}

rt::Task<void> CredentialCache::search(std::shared_ptr<CredentialCache> self, rt::Worker& worker) {
  // Another search may have ended after get() asked whether one is due and before this one began.
  if (self->search_due()) {
    const MonoTime deadline = worker.timers().now() + self->search_limit_;
    Result<aws::CredentialsPtr> found = co_await self->finder_->find(worker, deadline);
    self->keep(std::move(found));
  }
  self->flight_.end();
}

void CredentialCache::keep(Result<aws::CredentialsPtr> found) {
  const MutexLock lock(mutex_);
  const aws::CredentialsPtr before = slot_.usable();
  if (found) {
    if (!before || !before->same_keys(**found)) log_found(**found);
    slot_.store(std::move(*found));
  } else {
    log::warn("no credentials found",
              {{"old_ones_used", before != nullptr}, {"error", found.error().message()}});
    slot_.store(std::move(found.error()));
  }
}

rt::Task<aws::CredentialsPtr> CredentialCache::replace(rt::Worker& worker,
                                                       aws::CredentialsPtr refused,
                                                       MonoTime deadline) {
  const std::shared_ptr<CredentialCache> self = shared_from_this();
  if (aws::CredentialsPtr other = other_than(*refused)) co_return other;
  bool due = false;
  {
    const MutexLock lock(mutex_);
    if (!slot_.refused(*refused)) co_return nullptr;
    due = slot_.search_due();
  }
  if (due && flight_.begin()) worker.tasks().spawn(search(self, worker));
  (void)co_await flight_.wait(worker, deadline);
  co_return other_than(*refused);
}

aws::CredentialsPtr CredentialCache::other_than(const aws::Credentials& refused) {
  const MutexLock lock(mutex_);
  aws::CredentialsPtr usable = slot_.usable();
  return usable && !usable->same_keys(refused) ? usable : nullptr;
}

}  // namespace cachey::origin
