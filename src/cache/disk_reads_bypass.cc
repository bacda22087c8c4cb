// Reads of pages on disk that the store answers, because the disk is slower.

#include <exception>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "cache/disk_memory.h"
#include "cache/disk_reads.h"

namespace cachey::cache {
namespace {

/// Reads for which the disk could answer are no demand: a quarter of a bucket's turns is never
/// theirs.
constinit const origin::WantedParts kNothingWanted;

/// The memory of a run of an object's bytes. Counts what arrives.
class RunSink final : public origin::ByteSink {
 public:
  RunSink(std::span<const iovec> parts, ByteRange run, Throughput& ingress)
      : parts_(parts), run_(run), ingress_(ingress) {}

  std::span<std::byte> room(uint64_t offset) override {
    uint64_t begin = run_.begin;  // of the part
    for (const iovec& part : parts_) {
      const uint64_t end = std::min(begin + part.iov_len, run_.end);
      if (offset < end) {
        return {static_cast<std::byte*>(part.iov_base) + (offset - begin), end - offset};
      }
      begin = end;
    }
    return {};
  }
  void arrived(ByteRange range) override { ingress_.add(range.size()); }

 private:
  const std::span<const iovec> parts_;
  const ByteRange run_;  // of the object
  Throughput& ingress_;
};

}  // namespace

/// Reads a run of the page from the disk, and takes the time.
rt::Task<store::DiskRead> DiskReads::read_disk(rt::Worker& worker, Found found, ByteRange range,
                                               store::DiskPageMemory into) {
  const std::optional<uint32_t> region = disk_->region_of(*found, range);
  const MonoTime began = clock_.mono();
  // The memory is looked at after the device is done, so `into` keeps it, too.
  const store::DiskRead read = co_await disk_->read(worker, *found, range, into.parts, into.keep);
  if (read == store::DiskRead::kOk || read == store::DiskRead::kLate) {
    bypass_.disk_answered(region, clock_.mono() - began);
  }
  co_return read;
}

/// Reads a run of the page from the store, of the page's version alone. False: no bytes in time.
rt::Task<bool> DiskReads::read_store(rt::Worker& worker, const Page& page, ByteRange range,
                                     const std::vector<iovec>& into, const FetchSpec& spec,
                                     std::chrono::milliseconds limit) {
  const std::vector<std::string> buckets = {page.source()->bucket};
  VersionSet versions;
  versions.add(page.source());
  const ByteRange run{page.object_offset() + range.begin, page.object_offset() + range.end};
  origin::BucketOrder order;
  order.add(0);
  origin::RequestConfig config = spec.config.without_limits();
  config.operation_timeout = limit;
  config.attempts_max = 1;
  origin::ReadTerms terms(buckets, order, spec.key.object, run, config);
  terms.request_id = spec.request_id;
  terms.versions = &versions;
  terms.kind = spec.key.kind;
  terms.client = spec.client;
  terms.priority = {&kNothingWanted, 1};
  origin::ObjectRead read(origin_, worker, std::move(terms));
  Result<void> done = co_await read.open();
  if (!done || read.range() != run) co_return false;
  RunSink sink(into, run, ingress_);
  done = co_await read.run(sink);
  co_return done.has_value();
}

/// Reads the run from the store if that is better. True: `into` has the bytes.
rt::Task<bool> DiskReads::bypass_disk(rt::Worker& worker, const Page& page, ByteRange range,
                                      const std::vector<iovec>& into, Found found,
                                      const FetchSpec& spec) {
  if (spec.wishes.only_if_cached) co_return false;
  const std::string bucket = page.source()->bucket;
  if (!bypass_.is_suspect_now() || origin_.buckets.is_down(bucket)) co_return false;
  if (!may_have_(page.key().kind, bucket)) co_return false;
  const DiskBypass::Choice choice = bypass_.choose(bucket, disk_->region_of(*found, range));
  if (choice.probe) worker.tasks().spawn(probe_disk(worker, std::move(found), range));
  if (!choice.store) co_return false;
  const MonoTime began = clock_.mono();
  bool has_bytes = false;
  try {
    has_bytes = co_await read_store(worker, page, range, into, spec, choice.limit);
  } catch (const std::exception&) {
    // The disk has the bytes, too.
  }
  const std::chrono::nanoseconds took = clock_.mono() - began;
  bypass_.store_ended(bucket, has_bytes ? std::optional(took) : std::nullopt);
  co_return has_bytes;
}

/// Reads the run from the disk, into memory of its own, for the time alone.
rt::Task<void> DiskReads::probe_disk(rt::Worker& worker, Found found, ByteRange range) {
  try {
    store::DiskPageMemory into = buffer_for_disk(range.size(), memory_);
    (void)co_await read_disk(worker, std::move(found), range, std::move(into));
  } catch (const std::bad_alloc&) {
    // The next probe may find memory.
  }
  bypass_.probe_ended();
}

}  // namespace cachey::cache
