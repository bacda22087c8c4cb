#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "origin/origin.h"
#include "rt/blocking_pool.h"

namespace cachey::origin {

/// A directory tree as an object store: a bucket is a sub-directory of `root`, a key is a path in
/// it.
///
/// Neither `..` nor a symbolic link leads out of the bucket (a bucket that is itself a link may
/// point anywhere beneath the root). Only regular files are objects. The entity tag is made of
/// inode, size, modification and change time; a file that changes while it is read ends the read
/// with kChanged.
///
/// Owned by main; `pool` must outlive it and every stream. Any worker. All calls that may block run
/// on the pool. Fails where `root` is no directory that can be opened, or where the kernel has no
/// openat2.
[[nodiscard]] Result<std::unique_ptr<Origin>> make_dir_origin(const std::string& root,
                                                              rt::BlockingPool& pool);

}  // namespace cachey::origin
