#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "origin/forward.h"
#include "rt/wakeup.h"

namespace cachey::api::s3 {

/// A store in memory that is told what to answer. Records the questions. One thread.
class FakeForwarder final : public origin::Forwarder {
 public:
  struct Answer {
    unsigned status = 200;
    std::string body{};
    std::string lines = "Content-Type: application/xml\r\n";
    bool tells_length = true;
    std::optional<uint64_t> length{};   ///< told instead of the body's
    size_t read_bytes = 1000;           ///< the most that one read brings
    std::optional<size_t> cut_after{};  ///< the body breaks off after this many bytes
    std::chrono::nanoseconds head_delay{};
    std::optional<Error> error{};  ///< instead of an answer
  };

  /// What every question gets.
  void answer(Answer answer) {
    choose_ = [answer = std::move(answer)](const origin::ForwardRequest&) { return answer; };
  }
  void answer_by(std::function<Answer(const origin::ForwardRequest&)> choose) {
    choose_ = std::move(choose);
  }
  [[nodiscard]] const std::vector<origin::ForwardRequest>& asked() const { return asked_; }
  /// Answers that still live.
  [[nodiscard]] long open() const { return open_.use_count() - 1; }

  rt::Task<Result<std::unique_ptr<origin::ForwardAnswer>>> forward(
      rt::Worker& worker, origin::ForwardRequest request) override {
    Answer answer = choose_(request);
    asked_.push_back(std::move(request));
    const std::stop_token stop = asked_.back().stop;
    if (answer.head_delay.count() > 0) {
      const bool wanted = co_await rt::sleep(worker, answer.head_delay, stop);
      if (!wanted) co_return fail(ErrorKind::kCancelled, "the request was stopped");
    }
    if (answer.error) co_return std::unexpected(*answer.error);
    co_return std::make_unique<Stream>(std::move(answer), open_);
  }

 private:
  class Stream final : public origin::ForwardAnswer {
   public:
    Stream(Answer answer, std::shared_ptr<int> open)
        : answer_(std::move(answer)), open_(std::move(open)) {}
    [[nodiscard]] unsigned status() const override { return answer_.status; }
    [[nodiscard]] std::string_view lines() const override { return answer_.lines; }
    [[nodiscard]] std::optional<uint64_t> content_length() const override {
      if (answer_.length) return answer_.length;
      return answer_.tells_length ? std::optional<uint64_t>(answer_.body.size()) : std::nullopt;
    }
    rt::Task<Result<size_t>> read(std::span<std::byte> into) override {
      size_t bytes = std::min({into.size(), answer_.read_bytes, answer_.body.size() - at_});
      if (answer_.cut_after) {
        if (at_ >= *answer_.cut_after) co_return fail(ErrorKind::kUpstream, "the body broke off");
        bytes = std::min(bytes, *answer_.cut_after - at_);
      }
      std::memcpy(into.data(), answer_.body.data() + at_, bytes);
      at_ += bytes;
      co_return bytes;
    }

   private:
    const Answer answer_;
    std::shared_ptr<int> open_;
    size_t at_ = 0;
  };

  std::function<Answer(const origin::ForwardRequest&)> choose_ = [](const auto&) {
    return Answer();
  };
  std::vector<origin::ForwardRequest> asked_;
  std::shared_ptr<int> open_ = std::make_shared<int>(0);
};

}  // namespace cachey::api::s3
