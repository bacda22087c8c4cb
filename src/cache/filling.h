#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "cache/fill.h"
#include "cache/fill_plan.h"
#include "rt/wakeup.h"

// Internal to Fills.

namespace cachey::cache {

/// The state of one fill, in the frame of its task.
struct Fills::Filling final : origin::ByteSink, origin::Audience {
  Filling(rt::Worker& w, Page& p, const FetchSpec& s, Throughput& in, MonoTime now)
      : worker(w), page(p), spec(s), config(s.config), ingress(in), began(now), part_ended(w) {}

  std::span<std::byte> room(uint64_t offset) override {
    return page.writable(offset - page.object_offset());
  }
  void arrived(ByteRange range) override {
    ingress.add(range.size());
    const uint64_t begin = page.object_offset();
    page.add(ByteRange{range.begin - begin, range.end - begin});
  }
  [[nodiscard]] bool is_wanted() const override { return page.has_reader(); }
  [[nodiscard]] bool is_waiting() const override {
    return page.has_reader() || std::ranges::any_of(targets, &Page::has_reader);
  }
  [[nodiscard]] bool has_others() const override {
    return config.shapes_attempts() && page.has_others_waiting();
  }
  /// The terms under which a range of the page is read.
  [[nodiscard]] origin::ReadTerms terms(ByteRange range) {
    origin::ReadTerms terms(spec.buckets, order, spec.key.object, in_object(range), config);
    terms.request_id = spec.request_id;
    terms.trace = spec.trace;
    terms.kind = spec.key.kind;
    terms.client = spec.client;
    terms.priority = {&page.wanted_parts(), page.parts_of(range)};
    terms.audience = this;
    terms.versions = &versions;
    return terms;
  }
  [[nodiscard]] ByteRange in_object(ByteRange range) const {
    return {page.object_offset() + range.begin, page.object_offset() + range.end};
  }

  /// The range of the first GET.
  [[nodiscard]] ByteRange first_range() const { return plan.first_range(); }
  /// `page` is none of the object's: it ends with the version.
  [[nodiscard]] bool is_question() const { return ask != origin::Ask::kRange; }
  /// Nothing but the object's version is asked for.
  [[nodiscard]] bool is_look() const { return ask == origin::Ask::kHead; }

  rt::Worker& worker;
  Page& page;
  const FetchSpec& spec;
  origin::RequestConfig config;  // the leader's, or without the leader's limits
  Throughput& ingress;
  const MonoTime began;
  FillPlan plan;
  origin::Ask ask = origin::Ask::kRange;  // of the first request
  std::optional<uint64_t> wanted;         // the page's first byte that the leader waits for
  origin::BucketOrder order;              // of all its reads
  std::optional<store::Admission> start;
  std::optional<store::Admission> body;
  VersionSet versions;           // of the page's bytes
  ObjectSourcePtr contested;     // the version that the last answer contested; null: none
  ObjectSourcePtr gone;          // a version of the page's bytes that its bucket no longer has
  bool pinned = false;           // the page has memory, and this fill keeps it pinned
  std::vector<PagePtr> parts;    // of the page, in memory: their bytes are copied
  bool lacks_nothing = false;    // these parts have all of the page
  std::vector<PagePtr> targets;  // of a tail: what its bytes are kept in

  // Set once the first part's head has come: the ranges that are left, and the tasks that read
  // them.
  std::deque<ByteRange> left;
  uint32_t running = 0;
  rt::Wakeup part_ended;
  std::optional<Error> failure;
  bool hedged = false;
};

/// A task of the fill that reads parts, from before its begin to its end.
class Fills::Running {
 public:
  explicit Running(Filling& filling) : filling_(&filling) { ++filling.running; }
  Running(Running&& other) noexcept : filling_(std::exchange(other.filling_, nullptr)) {}
  Running& operator=(Running&&) = delete;
  ~Running() {
    if (filling_ == nullptr) return;
    --filling_->running;
    filling_->part_ended.notify();
  }

 private:
  Filling* filling_;
};

}  // namespace cachey::cache
