#include "net/connection/forwarded.h"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <string_view>

#include "base/ascii.h"

namespace cachey::net {
namespace {

/// Of a token (RFC 9110 5.6.2).
bool is_name_char(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return is_alphanumeric(c) || kOthers.find(c) != std::string_view::npos;
}

/// `80`, or a name with an underscore (RFC 7239 6).
bool is_node_port(std::string_view text) {
  constexpr size_t kDigitsMax = 5;
  if (text.starts_with('_')) return true;
  return !text.empty() && text.size() <= kDigitsMax && std::ranges::all_of(text, is_digit);
}

/// The address of a node: with or without port, with or without brackets. Nothing for `unknown`,
/// for a name such as `_hidden`, and for anything else.
std::optional<IpAddress> address_of_node(std::string_view node) {
  if (node.starts_with('[')) {
    const size_t end = node.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view inside = node.substr(1, end - 1);
    const std::string_view rest = node.substr(end + 1);
    if (inside.find(':') == std::string_view::npos) return std::nullopt;
    if (!rest.empty() && (rest.front() != ':' || !is_node_port(rest.substr(1))))
      return std::nullopt;
    return parse_ip_address(inside);
  }
  if (std::ranges::count(node, ':') == 1) {
    const size_t colon = node.find(':');
    if (!is_node_port(node.substr(colon + 1))) return std::nullopt;
    node = node.substr(0, colon);
  }
  return parse_ip_address(node);
}

/// Goes from proxy to proxy, the nearest first.
class Walk {
 public:
  Walk(const TrustedProxies& trusted, const IpAddress& peer)
      : trusted_(trusted), client_{peer, true} {}

  /// The next hop; nothing: what stands there is no address. False: the walk is over.
  bool step(const std::optional<IpAddress>& hop) {
    if (!hop || ++hops_ > kForwardedHopsMax) {
      client_.usable = false;
      return false;
    }
    client_.address = *hop;
    return trusted_.contains(*hop);
  }
  [[nodiscard]] const ForwardedClient& client() const { return client_; }

 private:
  const TrustedProxies& trusted_;
  ForwardedClient client_;
  size_t hops_ = 0;
};

/// A field value of X-Forwarded-For, from the right. False: the walk is over.
bool walk_list(std::string_view list, Walk& walk) {
  while (true) {
    const size_t comma = list.rfind(',');
    const bool is_last = comma == std::string_view::npos;
    const std::string_view node = trimmed(is_last ? list : list.substr(comma + 1));
    if (!node.empty() && !walk.step(address_of_node(node))) return false;
    if (is_last) return true;
    list = list.substr(0, comma);
  }
}

/// Reads a value of Forwarded, from the left: quoted strings can be found in no other way.
class Elements {
 public:
  /// False: the value breaks the grammar.
  [[nodiscard]] bool read(std::string_view text) {
    rest_ = text;
    while (true) {
      Element element;
      if (!read_element(element)) return false;
      if (!element.is_empty) nodes_[count_++ % nodes_.size()] = element.node;
      if (rest_.empty()) return true;
      rest_.remove_prefix(1);  // the comma
    }
  }
  /// Values of `for`, from the right; an empty one: the element has none. False: the walk is over.
  bool walk(Walk& walk) const {
    for (size_t left = count_; left > 0 && left + nodes_.size() > count_; --left) {
      if (!walk.step(address_of_node(nodes_[(left - 1) % nodes_.size()]))) return false;
    }
    return true;
  }

 private:
  struct Element {
    bool is_empty = true;
    bool has_node = false;
    std::string_view node;
  };

  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
  }
  [[nodiscard]] std::string_view read_token() {
    const auto end = std::ranges::find_if_not(rest_, is_name_char);
    const auto size = static_cast<size_t>(end - rest_.begin());
    const std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return token;
  }

  /// Up to the comma or the end.
  [[nodiscard]] bool read_element(Element& element) {
    while (true) {
      skip_blanks();
      if (!rest_.empty() && rest_.front() != ',' && rest_.front() != ';') {
        element.is_empty = false;
        if (!read_pair(element)) return false;
        skip_blanks();
      }
      if (rest_.empty() || rest_.front() == ',') return true;
      if (rest_.front() != ';') return false;
      rest_.remove_prefix(1);
    }
  }

  [[nodiscard]] bool read_pair(Element& element) {
    const std::string_view name = read_token();
    if (name.empty() || !rest_.starts_with('=')) return false;
    rest_.remove_prefix(1);
    std::string_view value;
    if (!read_value(value)) return false;
    if (lower_case(name) != "for") return true;
    if (element.has_node) return false;
    element.has_node = true;
    element.node = value;
    return true;
  }

  /// Keeps the backslashes of a quoted string: no address has one. Some proxies leave the quotation
  /// marks of `192.0.2.1:80` and `[2001:db8::1]` out, so brackets and colons are taken there.
  [[nodiscard]] bool read_value(std::string_view& value) {
    if (!rest_.starts_with('"')) {
      const size_t end = std::min(rest_.find_first_of(",; \t\""), rest_.size());
      value = rest_.substr(0, end);
      rest_.remove_prefix(end);
      return !value.empty();
    }
    for (size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '\\') {
        ++at;
      } else if (rest_[at] == '"') {
        value = rest_.substr(1, at - 1);
        rest_.remove_prefix(at + 1);
        return true;
      }
    }
    return false;
  }

  std::string_view rest_;
  std::array<std::string_view, kForwardedHopsMax + 1> nodes_;  // the last ones, a ring
  size_t count_ = 0;
};

bool walk_forwarded(std::string_view text, Walk& walk) {
  Elements elements;
  if (elements.read(text)) return elements.walk(walk);
  return walk.step(std::nullopt);
}

/// What the fields of this name say; nothing if there are none.
template <typename WalkValue>
std::optional<ForwardedClient> client_by(std::span<const Field> fields, std::string_view name,
                                         const TrustedProxies& trusted, const IpAddress& peer,
                                         WalkValue walk_value) {
  Walk walk(trusted, peer);
  bool any = false;
  for (const Field& field : fields | std::views::reverse) {
    if (field.name != name) continue;
    any = true;
    if (!walk_value(field.value, walk)) break;
  }
  return any ? std::optional(walk.client()) : std::nullopt;
}

}  // namespace

ForwardedClient forwarded_client(std::span<const Field> fields, const TrustedProxies& trusted,
                                 const IpAddress& peer) {
  const auto by_list = client_by(fields, "x-forwarded-for", trusted, peer, walk_list);
  const auto by_forwarded = client_by(fields, "forwarded", trusted, peer, walk_forwarded);
  if (by_list && by_forwarded && by_list->address != by_forwarded->address) return {peer, false};
  if (by_list && by_forwarded) return {by_list->address, by_list->usable && by_forwarded->usable};
  if (by_list) return *by_list;
  return by_forwarded.value_or(ForwardedClient{peer, true});
}

}  // namespace cachey::net
