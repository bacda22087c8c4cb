#include "origin/credentials/credentials_provider.h"

#include <utility>

#include "base/check.h"

namespace cachey::origin {
namespace {

class FixedCredentials final : public CredentialsProvider {
 public:
  explicit FixedCredentials(aws::CredentialsPtr credentials)
      : credentials_(std::move(credentials)) {
    CHECK(credentials_ != nullptr);
  }

  rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker&, MonoTime) override {
    co_return credentials_;
  }
  rt::Task<aws::CredentialsPtr> replace(rt::Worker&, aws::CredentialsPtr, MonoTime) override {
    co_return nullptr;
  }

 private:
  const aws::CredentialsPtr credentials_;
};

}  // namespace

std::shared_ptr<CredentialsProvider> fixed_credentials(aws::CredentialsPtr credentials) {
  return std::make_shared<FixedCredentials>(std::move(credentials));
}

}  // namespace cachey::origin
