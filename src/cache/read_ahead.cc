#include "cache/read_ahead.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/units.h"

namespace cachey::cache {

void ReadAhead::fetch_next_pages(rt::Worker& worker, const Page& page, const FetchSpecPtr& spec) {
  if (page.index() == 0) return;  // one page is not a sequence
  const PagePtr before = table_.find(spec->key.view(), page.index() - 1);
  if (before == nullptr || !before->requested_past_middle()) return;
  const std::optional<uint64_t> size = table_.object_size(spec->key.view());
  if (!size) return;
  const uint64_t pages_of_object = spec->page_size.pages_of({0, *size});
  const uint64_t end = std::min<uint64_t>(pages_of_object, uint64_t{page.index()} + 1 + pages_);
  for (uint64_t index = page.index() + 1; index < end; ++index) {
    if (!fetch(worker, static_cast<uint32_t>(index), spec)) return;
  }
}

bool ReadAhead::fetch(rt::Worker& worker, uint32_t index, const FetchSpecPtr& spec) {
  if (table_.find(spec->key.view(), index) != nullptr) return true;
  std::optional<FillMemory> memory = fills_.try_reserve(*spec, spec->page_size.range_of(index));
  if (!memory) return false;
  PageTable::Found found = table_.find_or_create(spec, index, FillOrder::kFromBegin);
  if (!found.created) return true;
  if (disk_.adopt_from_disk(worker, *found.page) != nullptr) {
    table_.remove_if_idle(*found.page);  // no reader needs it now
    return true;
  }
  fetched_.add();
  fills_.start(worker, std::move(found.page), spec, {0, spec->page_size.bytes()},
               std::move(memory));
  return true;
}

}  // namespace cachey::cache
