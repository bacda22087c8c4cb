#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "base/units.h"
#include "origin/origin.h"

namespace cachey::origin {

/// The byte at `offset` of an object; `seed` is the seed of the object's version.
[[nodiscard]] inline std::byte object_byte(uint64_t seed, uint64_t offset) {
  return static_cast<std::byte>((spread(offset) + seed * 0xff51afd7ed558ccd) >> 56);
}

/// Whether the bucket goes into the path of a URL. Only as the origin's own addressing.
enum class PathStyle : uint8_t { kNo, kYes };

/// An origin in memory, for tests: objects of any size, delays, failures, version changes. Records
/// the requests. Any thread.
class FakeOrigin final : public Origin {
 public:
  struct Object {
    uint64_t size = 0;
    uint64_t seed = 1;
    std::string etag = "\"v1\"";
    int64_t last_modified = 1'700'000'000;
    std::string attributes = "Content-Type: a/b\r\n";  ///< ObjectAttributes::lines()
    std::string checksums{};                           ///< as lines; told by answers to HEAD
  };
  struct Asked {
    std::string bucket;
    std::string key;
    ByteRange range;
    std::string if_match;
    RequestConfig config;
    Ask ask = Ask::kRange;
    bool explain_absence = false;
  };
  struct Behaviour {
    std::chrono::milliseconds unsent{0};  ///< before the request is sent, as after a failed attempt
    std::chrono::milliseconds head_delay{0};
    std::chrono::milliseconds read_delay{0};  ///< before each read
    size_t read_bytes = kMiB;                 ///< the most that one read brings
    std::optional<uint64_t> cut_after{};      ///< the body breaks off after this many bytes
    std::optional<uint64_t>
        stall_after{};  ///< the body stops after this many bytes, for stall_time
    std::chrono::milliseconds stall_time{0};
    std::function<bool()> head_held{};     ///< no answer begins as long as this returns true
    std::function<bool()> held{};          ///< no read ends as long as this returns true
    std::chrono::milliseconds backoff{0};  ///< before `error`, unless the request is hurried
    std::optional<Error> error{};          ///< instead of an answer
    /// The read of the last byte fails with kDamaged, as if the checksum were wrong.
    bool damaged = false;
    bool as_sent =
        false;           ///< the object as it is when the request is sent, not when the head comes
    bool blank = false;  ///< the body's bytes are not written, for tests of times alone
  };

  void put(const std::string& bucket, const std::string& key, Object object);
  void behave(Behaviour behaviour);
  /// For one bucket; takes precedence over the behaviour of all.
  void behave(const std::string& bucket, Behaviour behaviour);
  /// Chooses for each request, by its number from 0; takes precedence over both.
  void behave_by(std::function<Behaviour(const GetRequest& request, size_t number)> choose);
  /// The addressing of the server's own settings, for goes_elsewhere(). Call before the first get.
  void own_addressing(PathStyle style) { path_style_ = style == PathStyle::kYes; }
  [[nodiscard]] bool goes_elsewhere(const RequestConfig& config) const override {
    return config.path_style.value_or(path_style_) != path_style_;
  }
  [[nodiscard]] std::vector<Asked> asked() const;
  /// Body bytes that were read.
  [[nodiscard]] uint64_t bytes_sent() const { return bytes_sent_; }

  [[nodiscard]] rt::Task<Result<std::unique_ptr<GetStream>>> get(rt::Worker& worker,
                                                                 GetRequest request) override;

 private:
  class Stream;
  [[nodiscard]] Behaviour begin(const GetRequest& request);
  [[nodiscard]] Result<Object> answer(const GetRequest& request, const Behaviour& behaviour);

  bool path_style_ = false;
  mutable Mutex mutex_;
  std::map<std::pair<std::string, std::string>, Object> objects_ GUARDED_BY(mutex_);
  std::function<Behaviour(const GetRequest&, size_t)> choose_ GUARDED_BY(mutex_);
  Behaviour behaviour_ GUARDED_BY(mutex_);
  std::map<std::string, Behaviour> by_bucket_ GUARDED_BY(mutex_);
  std::vector<Asked> asked_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> bytes_sent_{0};
};

}  // namespace cachey::origin
