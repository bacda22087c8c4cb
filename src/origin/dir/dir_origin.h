#pragma once

#include <memory>
#include <string>

#include "base/attributes_pool.h"
#include "base/error.h"
#include "origin/origin.h"
#include "rt/blocking_pool.h"

namespace cachey::origin {

/// A directory tree as an object store: a bucket is a sub-directory of `root`, a key is a path in
/// it.
///
/// Neither `..` nor a symbolic link leads out of a bucket. A bucket may itself be a link to
/// anywhere beneath the root. Only regular files are objects; nothing else is opened. The entity
/// tag is made of inode, size, modification time and change time. If the file changes during a
/// read, or is written all the time, the read fails with kChanged. get() waits until the clock tick
/// of the file's last change is over (10 ms): so each later write gives the file another tag.
///
/// A file has no attributes but the Content-Type `binary/octet-stream`, which S3 says of an object
/// that was written without a type.
///
/// Owned by app::Process; `pool` must outlive the origin and its streams. Any worker. All calls
/// that may block run on the pool. Fails if `root` cannot be opened as a directory, if the kernel
/// does not offer openat2, or if /proc is not mounted.
[[nodiscard]] Result<std::unique_ptr<Origin>> make_dir_origin(const std::string& root,
                                                              rt::BlockingPool& pool,
                                                              AttributesPool& attributes);

}  // namespace cachey::origin
