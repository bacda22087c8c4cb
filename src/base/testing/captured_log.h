#pragma once

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "base/check.h"
#include "base/line_sink.h"
#include "base/log.h"
#include "base/testing/temporary_file.h"

namespace cachey {

/// The process's log goes here while this lives. One at a time. A `clock` outlives this.
class CapturedLog {
 public:
  explicit CapturedLog(log::Level level = log::Level::kInfo, const Clock* clock = nullptr) {
    Result<std::unique_ptr<LineSink>> sink = LineSink::open(file_.path(), {});
    CHECK(sink.has_value());
    sink_ = std::move(*sink);
    log::start(level, LogFormat::kText, sink_.get(), clock);
  }
  ~CapturedLog() { log::start(log::Level::kOff, LogFormat::kText, nullptr); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  /// All lines so far.
  [[nodiscard]] std::string text() const {
    CHECK(sink_->flush(std::chrono::seconds(60)));
    std::ostringstream read;
    read << std::ifstream(file_.path()).rdbuf();
    return read.str();
  }

 private:
  const TemporaryFile file_{""};
  std::unique_ptr<LineSink> sink_;
};

}  // namespace cachey
