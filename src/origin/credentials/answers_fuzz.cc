#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aws/date.h"
#include "base/check.h"
#include "base/escape.h"
#include "origin/credentials/answers.h"
#include "origin/credentials/role_chain.h"

using cachey::Result;

namespace {

void check_text(std::string_view text) {
  CHECK(!text.empty() && text.size() < 2048);
  for (const char c : text) CHECK(c >= 0x20 && c < 0x7f);
}

void check_found(const Result<cachey::aws::CredentialsPtr>& found) {
  if (!found) return check_text(found.error().message());
  CHECK(!(*found)->access_key_id().empty() && !(*found)->secret_access_key().empty());
  CHECK(!cachey::has_control((*found)->access_key_id()));
  CHECK(!cachey::has_control((*found)->session_token()));
}

void check_chain(std::string_view config) {
  const auto files = cachey::origin::parse_profile_files({"config", config}, {"", ""});
  if (!files) return;
  for (const auto& [name, settings] : files->profiles) {
    const auto chain = cachey::origin::resolve_role_chain(cachey::origin::Profile(name, *files));
    if (!chain) {
      check_text(chain.error().error.message());
    } else {
      CHECK(chain->roles.size() <= cachey::origin::kRolesMax);
    }
  }
}

}  // namespace

/// The first byte selects the parser.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      check_found(cachey::origin::parse_metadata_answer(answer, "fuzz"));
      break;
    case 1:
      check_found(cachey::origin::parse_process_output(answer, "fuzz"));
      break;
    case 2:
      check_found(cachey::origin::parse_sts_answer(answer, "AssumeRole", "fuzz"));
      break;
    case 3:
      (void)cachey::origin::parse_sts_error(answer);
      break;
    case 4:
      (void)cachey::aws::parse_timestamp(answer);
      break;
    default:
      check_chain(answer);
  }
  return 0;
}
