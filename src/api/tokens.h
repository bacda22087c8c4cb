#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cachey::api {

/// What one client may do at most. Nothing: the server's limit. 0: no limit.
struct ClientLimits {
  std::optional<uint32_t> misses;     ///< requests at a time that wait for the store or the disk
  std::optional<uint64_t> bandwidth;  ///< bytes of bodies a second, on average

  friend bool operator==(const ClientLimits&, const ClientLimits&) = default;
};

/// The accepted bearer tokens. Only SHA-256 digests are kept. Immutable.
class Tokens {
 public:
  static constexpr size_t kTokenBytesMin = 16;
  static constexpr size_t kTextBytesMax = size_t{64} * 1024;
  static constexpr size_t kLinesMax = 1000;
  static constexpr size_t kNameBytesMax = 64;

  /// The client of a token, and what that client may do at most.
  struct Holder {
    std::string name;  ///< unique; without a given one `token-N`, with the number of find()
    ClientLimits limits;
  };

  /// Parses a token per line, `TOKEN [name=NAME] [misses=N] [bandwidth=SIZE]`, with blanks between
  /// the words. TOKEN has at least kTokenBytesMin visible ASCII characters, NAME at most
  /// kNameBytesMax. Empty lines, lines that begin with `#` and blanks around a line are ignored.
  /// kBadRequest for any other line, for a name that is there twice and for a text without tokens:
  /// the message has the line's number, never its content.
  [[nodiscard]] static Result<Tokens> parse(std::string_view text);

  /// The number of the token among those of the text, from 1 on; 0: it is none of them. Constant
  /// time: compares all digests, each to the end.
  [[nodiscard]] size_t find(std::string_view token) const;
  [[nodiscard]] bool contain(std::string_view token) const { return find(token) != 0; }
  [[nodiscard]] size_t size() const { return digests_.size(); }
  /// In the order of the text: that of number N is at N - 1.
  [[nodiscard]] const std::vector<Holder>& holders() const { return holders_; }

 private:
  using Digest = std::array<uint8_t, 32>;

  [[nodiscard]] static Digest digest_of(std::string_view token);

  std::vector<Digest> digests_;
  std::vector<Holder> holders_;
};

}  // namespace cachey::api
