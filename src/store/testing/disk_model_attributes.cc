#include <algorithm>
#include <string>

#include "store/testing/disk_model.h"

// The attributes of the model's objects, and what the tier may say of them.

namespace cachey::store {

int DiskModel::newest_answer(int object, int version) const {
  const auto found = newest_answers_.find({object, version});
  return found == newest_answers_.end() ? 0 : found->second;
}

ObjectAttributesPtr DiskModel::attributes_of(int object, int version, int number) const {
  const auto line = [](const std::string& value) { return "x-amz-meta-of: " + value + "\r\n"; };
  const std::string name = std::to_string(version) + " " + std::to_string(number);
  if (object % 3 == 0) return pool_.intern({line("shared " + std::to_string(number % 4)), ""});
  switch (number % 4) {
    case 0:
      return pool_.intern({line(std::to_string(object) + " " + name), "x-amz-checksum-a: b\r\n"});
    case 1:
      return pool_.intern({line(std::string(3'000, 'y') + std::to_string(object) + " " + name),
                           line(std::string(2'000, 'z'))});
    case 2:
      return pool_.intern(ObjectAttributes::make_too_large());
    default:
      return pool_.intern(
          {line(std::string(7'000, 'y') + std::to_string(object) + " " + name), ""});
  }
}

void DiskModel::check_attributes(int object, const ObjectInfo& info) {
  const int version = std::stoi(info.etag.substr(2));
  const std::string name =
      "version " + std::to_string(version) + " of object " + std::to_string(object);
  int oldest = 0;
  bool must_be_known = false;
  for (const auto* answers : {&observed_, &durable_answers_}) {
    const auto found = answers->find(object);
    if (found == answers->end() || found->second.version != version) continue;
    oldest = std::max(oldest, found->second.number);
    // A newer answer may be durable without its definition, if the process died meanwhile.
    const bool is_durable =
        world_ < World::kUnreadable && found->second.number == newest_answer(object, version);
    must_be_known = must_be_known || answers == &observed_ || is_durable;
  }
  if (info.attributes == nullptr) {
    if (must_be_known) wrongs_.push_back("attributes of " + name + " are lost");
    return;
  }
  for (int number = newest_answer(object, version); number >= oldest; --number) {
    if (*attributes_of(object, version, number) != *info.attributes) continue;
    ++answers_;
    return;
  }
  wrongs_.push_back(name + " has attributes of another or of an older answer");
}

}  // namespace cachey::store
