#include "api/s3/clients.h"

namespace cachey::api::s3 {

std::expected<GrantPtr, Refusal> Clients::admit(rt::Worker&, const net::Request&, const Target&) {
  return GrantPtr(GrantPtr(), &all_);  // no owner, so that no counter is shared
}

}  // namespace cachey::api::s3
