#include "store/testing/disk_harness.h"

#include <cstring>

namespace cachey::store {

std::shared_ptr<AlignedBuffer> page_content(const DiskPage& page) {
  auto content = std::make_shared<AlignedBuffer>(page.bytes);
  const ObjectId id = object_id(page.kind + page.info.etag, page.object);
  uint64_t word = id.low + page.at.code();
  std::byte* const end = content->bytes().data() + content->bytes().size();
  for (std::byte* at = content->bytes().data(); at != end; at += sizeof word) {
    word = word * 0x5851'F42D'4C95'7F2D + 1;  // Knuth's MMIX
    std::memcpy(at, &word, sizeof word);
  }
  return content;
}

DiskPage make_page(std::string object, uint32_t page, uint64_t bytes, int version) {
  DiskPage made;
  made.kind = "kind";
  made.object = std::move(object);
  made.at = PageAt::page(page);
  made.bytes = bytes;
  made.info = ObjectInfo{"\"v" + std::to_string(version) + "\"", kGiB, 77};
  made.bucket = "bucket";
  made.cached_at = 1'700'000'000 + version;
  return made;
}

DiskPage make_part(std::string object, uint64_t begin, uint64_t bytes, int version,
                   unsigned exponent) {
  DiskPage made = make_page(std::move(object), 0, bytes, version);
  made.at = PageAt::part(begin, exponent);
  return made;
}

namespace {

class ContentSource final : public DiskWriteSource {
 public:
  ContentSource(DiskPage page, std::weak_ptr<AlignedBuffer> content)
      : page_(std::move(page)), content_(std::move(content)) {}

  [[nodiscard]] uint64_t bytes() const override { return page_.bytes; }
  [[nodiscard]] DiskPage page() const override { return page_; }
  [[nodiscard]] std::optional<DiskPageMemory> take() override {
    const std::shared_ptr<AlignedBuffer> content = content_.lock();
    if (content == nullptr) return std::nullopt;
    return DiskPageMemory{{content->part()}, content};
  }

 private:
  const DiskPage page_;
  const std::weak_ptr<AlignedBuffer> content_;
};

}  // namespace

WriteQueue::Source page_source(DiskPage page, const std::shared_ptr<AlignedBuffer>& content) {
  return std::make_unique<ContentSource>(std::move(page), content);
}

rt::Task<DiskWrite> write_page(DiskTier& tier, rt::Worker& worker, DiskPage page,
                               std::shared_ptr<AlignedBuffer> content) {
  if (content == nullptr) content = page_content(page);
  const WriteQueue::Source source = page_source(std::move(page), content);
  co_return co_await tier.write(worker, *source);
}

void DiskHarness::open(DiskTier::Start start) {
  Result<std::unique_ptr<DiskTier>> opened =
      DiskTier::open(device_, config_, start, clock(), random_);
  CHECK(opened.has_value());
  tier_ = std::move(*opened);
  tier_->recover();
}

DiskWrite DiskHarness::write(const DiskPage& page) {
  return run(write_page(*tier_, worker(), page));
}

bool DiskHarness::has(const DiskPage& page) {
  const std::optional<DiskPageRef> found = tier_->find(worker(), page.kind, page.object, page.at);
  return found && found->info().same_version(page.info) && found->bytes() == page.bytes &&
         found->cached_at() == page.cached_at && found->bucket() == page.bucket;
}

std::optional<DiskRead> DiskHarness::read(const DiskPage& page, std::optional<ByteRange> range) {
  const std::optional<DiskPageRef> found = tier_->find(worker(), page.kind, page.object, page.at);
  if (!found || !found->info().same_version(page.info)) return std::nullopt;
  const ByteRange wanted = range.value_or(ByteRange{0, page.bytes});
  auto into = std::make_shared<AlignedBuffer>(wanted.size());
  const DiskRead result = run(tier_->read(worker(), *found, wanted, {into->part()}, into));
  if (result != DiskRead::kOk) return result;
  const std::shared_ptr<AlignedBuffer> content = page_content(page);
  const std::byte* const expected = content->bytes().data() + wanted.begin;
  if (std::memcmp(into->bytes().data(), expected, wanted.size()) != 0) ++wrong_reads_;
  return result;
}

bool DiskHarness::flush() {
  const MonoTime deadline = clock().mono() + std::chrono::seconds(60);
  return run(tier_->flush(worker(), deadline, [](uint64_t) {}));
}

}  // namespace cachey::store
