// Look-ups of exact readers: parts of pages, in memory, on the disk or from the store.

#include <algorithm>
#include <utility>

#include "cache/page_window.h"

namespace cachey::cache {

/// look_up() for an exact reader. False: the page is asked for as a whole.
bool PageWindow::look_up_part(uint64_t position, When when, std::optional<FillMemory>& memory) {
  const uint32_t index = spec_->page_size.index_of(position);
  PageTable::Found found{find(position), false};
  if (found.page == nullptr) {
    const bool lost = at(index).index == index && at(index).lost;
    if (use_ == Use::kHead || wants_all_of(index)) return false;
    ByteRange missing = missing_from(position);
    if (!lost) {
      if (cache_.disk_reads().has(worker_, *spec_, index)) return false;
      DiskReads::FoundPart on_disk = cache_.disk_reads().find_part(worker_, *spec_, missing);
      missing.end = on_disk.missing_end;
      if (on_disk.part != nullptr && hold_part_on_disk(index, on_disk, when)) return true;
    }
    if (!fetches()) return false;
    found = cache_.table().find_or_create_part(spec_, index, missing);
    if (found.page == nullptr) return false;
  }
  const PageRole role = found.created ? PageRole::kStarted : PageRole::kJoined;
  hold(std::move(found.page), role, when, cache_.clock().mono());
  Page& page = *at(index).page;
  const uint64_t offset = position - page.object_offset();
  const bool is_fetched = page.phase() == Page::Phase::kPending;
  if (when == When::kNow && is_fetched) cache_.fills().want(page, offset);
  if (role == PageRole::kJoined) return true;
  cache_.disk_reads().learn_version(worker_, page);
  const ByteRange wanted{offset, page.bytes_max()};
  cache_.fills().start(worker_, at(index).own, spec_, wanted, std::move(memory));
  return true;
}

/// Holds a part that the disk has. False: the part cannot be used.
bool PageWindow::hold_part_on_disk(uint32_t index, DiskReads::FoundPart& on_disk, When when) {
  PagePtr part = cache_.table().create_part(spec_, index, on_disk.part->range());
  if (part == nullptr) return false;
  if (!cache_.disk_reads().adopt(*part, *on_disk.part, on_disk.purges)) {
    cache_.table().remove(*part);
    part->fail(Error(ErrorKind::kCancelled, "the part on the disk is of another version"));
    return false;
  }
  const MonoTime now = cache_.clock().mono();
  cache_.disk_reads().note_use(*part, now);
  hold(std::move(part), PageRole::kJoined, when, now);
  if (when == When::kAhead) return true;
  found_ = std::move(on_disk.part);
  found_index_ = index;
  return true;
}

bool PageWindow::wants_all_of(uint32_t index) const {
  const ByteRange page = spec_->page_size.range_of(index);
  const ByteRange part = part_of(index);
  const std::optional<uint64_t> size = cache_.fills().object_size(*spec_);
  const uint64_t end = size && *size > page.begin ? std::min(page.end, *size) : page.end;
  return part.begin == page.begin && part.end >= end;
}

/// The bytes of the range from `position` on, in the page with it and in the object.
ByteRange PageWindow::missing_from(uint64_t position) const {
  const uint64_t end = part_of(spec_->page_size.index_of(position)).end;
  const std::optional<uint64_t> size = cache_.fills().object_size(*spec_);
  return {position, size && *size > position ? std::min(end, *size) : end};
}

}  // namespace cachey::cache
