#include "origin/credentials/credentials_provider.h"

#include <utility>

#include "base/check.h"

namespace cachey::origin {
namespace {

class FixedCredentials final : public CredentialsProvider {
 public:
  explicit FixedCredentials(CredentialsPtr credentials) : credentials_(std::move(credentials)) {
    CHECK(credentials_ != nullptr);
  }

  rt::Task<Result<CredentialsPtr>> get(rt::Worker&, MonoTime) override { co_return credentials_; }
  bool replace(const Credentials&) override { return false; }

 private:
  const CredentialsPtr credentials_;
};

}  // namespace

std::shared_ptr<CredentialsProvider> fixed_credentials(CredentialsPtr credentials) {
  return std::make_shared<FixedCredentials>(std::move(credentials));
}

}  // namespace cachey::origin
