#include "store/disk/device.h"

#include <cerrno>
#include <system_error>

namespace cachey::store {

bool IoStatus::no_room() const { return error == ENOSPC || error == EDQUOT || error == EROFS; }

std::string to_text(IoStatus status) { return std::generic_category().message(status.error); }

}  // namespace cachey::store
