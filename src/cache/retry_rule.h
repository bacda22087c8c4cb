#pragma once

#include <cstdint>

#include "base/error.h"

namespace cachey::cache {

/// How a reader came to hold a page.
enum class PageRole : uint8_t {
  kHit,      ///< the page was whole or on disk
  kJoined,   ///< another request had started the page's fill
  kStarted,  ///< the reader started the page's fill
};

/// How often a reader asks for a page again without a byte of progress, for any cause.
inline constexpr int kTriesMax = 4;

/// The failure of a page, or of a piece of a page on disk, that a reader waits for.
struct PageFailure {
  ErrorKind error = ErrorKind::kInternal;
  PageRole role = PageRole::kStarted;
  bool ahead = false;         ///< the page was asked for before the reader's position reached it
  bool other_terms = false;   ///< the reader's terms differ from those of the fill
  bool asked_behind = false;  ///< the store was asked from a byte behind the reader's position
  bool old_news = false;      ///< the store was asked before the reader came
  bool bytes_taken = false;   ///< the reader has passed on bytes of the page
  bool unexplained = false;   ///< an absence, and only the reader wants to know why
  bool hurried = false;       ///< the fill left out a retry that its terms allow
  bool not_given = false;     ///< the disk did not give the bytes; `error` says nothing then
  int tries = 0;              ///< times that the page was asked for again without progress
};

/// Whether the reader asks for the page or piece again; if not, the error is the reader's, too. A
/// pure function: the rows of "Failed fills" in docs/cache.md.
[[nodiscard]] bool may_try_again(const PageFailure& failure);

}  // namespace cachey::cache
