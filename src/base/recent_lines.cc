#include "base/recent_lines.h"

#include <algorithm>

namespace cachey {
namespace {

/// Cut between characters.
std::string_view beginning_of(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

void RecentLines::add(std::chrono::system_clock::time_point time, std::string_view level,
                      std::string_view event, std::string_view text) {
  const std::string_view kept = beginning_of(text, kTextBytesMax);
  const MutexLock lock(mutex_);
  auto line = std::ranges::find_if(
      lines_, [&](const Line& known) { return known.event == event && known.text == kept; });
  if (line == lines_.end()) {
    line = place_for(event);
    if (line == lines_.end()) line = lines_.insert(line, Line{});
    *line = Line{time, level, event, std::string(kept), 0};
  }
  line->time = time;
  ++line->count;
  std::rotate(line, line + 1, lines_.end());
}

void RecentLines::add_repeat(std::string_view event) {
  const MutexLock lock(mutex_);
  for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
    if (line->event != event) continue;
    ++line->count;
    return;
  }
}

RecentLines::Lines::iterator RecentLines::place_for(std::string_view event) {
  const auto is_same = [event](const Line& line) { return line.event == event; };
  const auto same = static_cast<size_t>(std::ranges::count_if(lines_, is_same));
  if (same >= kLinesPerEvent) return std::ranges::find_if(lines_, is_same);
  return lines_.size() >= kLinesMax ? lines_.begin() : lines_.end();
}

std::vector<RecentLines::Line> RecentLines::newest_first() const {
  const MutexLock lock(mutex_);
  return {lines_.rbegin(), lines_.rend()};
}

}  // namespace cachey
