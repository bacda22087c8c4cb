#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace cachey::origin {

/// The requests that a scripted store has got. Any thread.
class AskedRequests {
 public:
  void add(std::string request) {
    const MutexLock lock(mutex_);
    requests_.push_back(std::move(request));
  }
  [[nodiscard]] size_t count() {
    const MutexLock lock(mutex_);
    return requests_.size();
  }
  /// Those since the last call of take() or methods().
  [[nodiscard]] std::vector<std::string> take() {
    const MutexLock lock(mutex_);
    return std::exchange(requests_, {});
  }
  /// The first letter of each.
  [[nodiscard]] std::string methods() {
    std::string letters;
    for (const std::string& request : take()) letters += request.front();
    return letters;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> requests_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
