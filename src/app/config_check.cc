#include "app/config_check.h"

#include <optional>
#include <utility>

#include "app/given_files.h"
#include "app/origins.h"
#include "base/attributes_pool.h"
#include "base/clock.h"
#include "base/random.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::app {

Result<void> check_config(const Options& options) {
  const SystemClock clock;
  SystemRandom random;
  rt::Workers workers(1, clock);
  rt::BlockingPool blocking(1);
  AttributesPool attributes;
  const auto tokens = given_tokens(options);
  const auto keys = given_keys(options);
  const auto origins = make_origin(options, workers, blocking, attributes, clock, random);
  const auto tls = given_tls(options, clock);
  const auto access_log = check_access_log(options);
  const auto disk = check_disk(options);
  std::optional<Error> fault = joined({error_of(tokens), error_of(keys), error_of(origins),
                                       error_of(tls), error_of(access_log), error_of(disk)});
  if (!fault) return {};
  return std::unexpected(std::move(*fault));
}

}  // namespace cachey::app
