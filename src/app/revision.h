#pragma once

namespace cachey::app {

/// The commit that was built, `unknown` where the sources are in no git repository; `-dirty` behind
/// it where they differ from that commit.
[[nodiscard]] const char* build_revision();

}  // namespace cachey::app
