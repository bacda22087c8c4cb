#pragma once

namespace cachey::app {

/// The commit that was built, followed by `-dirty` if the sources differ from that commit;
/// `unknown` if the sources are in no git repository.
[[nodiscard]] const char* build_revision();

}  // namespace cachey::app
