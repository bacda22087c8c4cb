#pragma once

#include <initializer_list>
#include <memory>
#include <optional>

#include "api/s3/access_keys.h"
#include "api/tokens.h"
#include "app/options/options.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/tls/context.h"

/// The files that options name, as a start reads them. kBadRequest for a faulty file. They block.
namespace cachey::app {

struct GivenTokens {
  std::optional<api::Tokens> clients = {};  ///< nothing: requests need none
  std::optional<api::Tokens> admins = {};   ///< nothing: nobody may purge
};
[[nodiscard]] Result<GivenTokens> given_tokens(const Options& options);
/// Nothing if clients of the S3 endpoint need no keys.
[[nodiscard]] Result<std::optional<api::s3::AccessKeys>> given_keys(const Options& options);
/// Null if the server speaks plain HTTP.
[[nodiscard]] Result<std::shared_ptr<net::tls::Contexts>> given_tls(const Options& options,
                                                                    const Clock& clock);

/// The access log can be appended to, or made.
[[nodiscard]] Result<void> check_access_log(const Options& options);
/// See store::check_disk_path(). kInternal if a disk with --disk-required fails, or does not answer
/// within some seconds; without --disk-required this is a warning. A thread may be left behind, so
/// that the process must end by _Exit().
[[nodiscard]] Result<void> check_disk(const Options& options);

/// Null: no error.
template <typename T>
[[nodiscard]] const Error* error_of(const Result<T>& result) {
  return result ? nullptr : &result.error();
}
/// All errors as one, a line for each; nothing if all are null. kBadRequest if any of them is, else
/// of the first one's kind.
[[nodiscard]] std::optional<Error> joined(std::initializer_list<const Error*> errors);

}  // namespace cachey::app
