#include "app/origins.h"

#include <utility>

#include "app/s3_parts.h"
#include "origin/dir/dir_origin.h"

namespace cachey::app {

Result<Origins> make_origin(const Options& options, rt::Workers& workers, rt::BlockingPool& pool,
                            AttributesPool& attributes, const Clock& clock, Random& random) {
  Origins made;
  if (!options.origin_directory.empty()) {
    Result<std::unique_ptr<origin::Origin>> directory =
        origin::make_dir_origin(options.origin_directory, pool, attributes);
    if (!directory) return fail(ErrorKind::kBadRequest, "--origin: " + directory.error().message());
    made.origin = std::move(*directory);
    return made;
  }
  Result<origin::S3Config> config = s3_config(options);
  if (!config) return std::unexpected(std::move(config.error()));
  made.region = config->region;
  Result<S3Parts> s3 = make_s3(std::move(*config), workers, pool, attributes, clock, random);
  if (!s3) return std::unexpected(std::move(s3.error()));
  made.credentials = s3->config.credentials;
  made.s3 = s3->origin.get();
  made.origin = std::move(s3->origin);
  return made;
}

}  // namespace cachey::app
