#include "api/client_shares.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "base/hash.h"

namespace cachey::api {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

/// Of a counter that one thread writes.
void raise(std::atomic<uint64_t>& counter, uint64_t by) {
  counter.store(counter.load(kRelaxed) + by, kRelaxed);
}

/// The largest of the client's shares of all requests, misses and bytes.
template <typename Counts>
double importance(const Counts& one, const Counts& all) {
  const auto share = [](uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  return std::max({share(one.requests, all.requests), share(one.misses, all.misses),
                   share(one.bytes, all.bytes), share(one.limited, all.limited)});
}

template <typename ByClient>
auto sum_of(const ByClient& clients) {
  typename ByClient::mapped_type all;
  for (const auto& [client, counts] : clients) all += counts;
  return all;
}

}  // namespace

ClientShares::Counts& ClientShares::Counts::operator+=(const Counts& more) {
  requests += more.requests;
  misses += more.misses;
  bytes += more.bytes;
  limited += more.limited;
  return *this;
}

ClientShares::ClientShares(size_t workers, const TokenNames& tokens, uint64_t secret,
                           const Clock& clock, Metrics& metrics)
    : tokens_(tokens), secret_(secret), clock_(clock), tables_(std::max<size_t>(workers, 1)) {
  step_began_ = clock_.mono();
  const std::array<std::pair<const char*, uint64_t Counts::*>, 3> kinds{
      {{"requests", &Counts::requests}, {"misses", &Counts::misses}, {"bytes", &Counts::bytes}}};
  for (const auto& [of, counter] : kinds) {
    metrics.read_gauge("cachey_client_share",
                       "The largest share that one client had in the last minute, 0 to 1",
                       [this, member = counter] { return largest_share(member); }, {{"of", of}});
  }
}

uint64_t ClientShares::hash_of(std::string_view client) const {
  uint64_t hash = secret_;
  while (!client.empty()) {
    uint64_t word = 0;
    const size_t bytes = std::min(client.size(), sizeof(word));
    std::memcpy(&word, client.data(), bytes);
    client.remove_prefix(bytes);
    const auto product = static_cast<unsigned __int128>(hash ^ word) * kHashMultiplier;
    hash = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64) ^ secret_;
  }
  return hash == 0 ? 1 : hash;
}

void ClientShares::add(Slot& slot, const ClientUse& use) {
  raise(slot.requests, 1);
  raise(slot.rank, 1);
  if (use.miss) raise(slot.misses, 1);
  if (use.bytes != 0) raise(slot.bytes, use.bytes);
  if (use.limited) raise(slot.limited, 1);
}

ClientShares::Slot& ClientShares::Table::take(uint64_t hash, std::string_view client) {
  Slot* const set = &slots[hash % kSets * kWays];
  Slot* const least = std::min_element(set, set + kWays, [](const Slot& one, const Slot& other) {
    return one.rank.load(kRelaxed) < other.rank.load(kRelaxed);
  });
  const MutexLock lock(mutex);
  const auto index = static_cast<size_t>(least - slots.data());
  names[index] = client.substr(0, kNameBytesMax);
  seen[index] = Counts();
  for (auto* const counter :
       {&least->requests, &least->misses, &least->bytes, &least->limited, &least->rank}) {
    counter->store(0, kRelaxed);
  }
  least->hash.store(hash, kRelaxed);
  return *least;
}

void ClientShares::Table::drain(ByClient& all) {
  const MutexLock lock(mutex);
  for (size_t i = 0; i < kSlots; ++i) {
    Slot& slot = slots[i];
    if (slot.hash.load(kRelaxed) == 0) continue;
    slot.rank.store(slot.rank.load(kRelaxed) / 2, kRelaxed);
    const Counts now{slot.requests.load(kRelaxed), slot.misses.load(kRelaxed),
                     slot.bytes.load(kRelaxed), slot.limited.load(kRelaxed)};
    const Counts before = std::exchange(seen[i], now);
    if (now.requests == before.requests) continue;
    all[names[i]] += Counts{now.requests - before.requests, now.misses - before.misses,
                            now.bytes - before.bytes, now.limited - before.limited};
  }
}

/// The others become one client without a name.
void ClientShares::keep_largest(ByClient& clients) const {
  if (clients.size() <= kKept) return;
  const Counts all = sum_of(clients);
  std::vector<ByClient::iterator> order;
  for (auto at = clients.begin(); at != clients.end(); ++at) order.push_back(at);
  std::ranges::sort(order, std::greater<>(),
                    [&all](ByClient::iterator at) { return importance(at->second, all); });
  Counts rest;
  for (size_t i = kKept; i < order.size(); ++i) {
    rest += order[i]->second;
    clients.erase(order[i]);
  }
  clients[""] += rest;
}

void ClientShares::sample() {
  const MonoTime now = clock_.mono();
  const MutexLock lock(mutex_);
  for (Table& table : tables_) table.drain(current_);
  while (!steps_.empty() && now - steps_.front().ended >= kWindow) steps_.pop_front();
  keep_largest(current_);
  if (now - step_began_ < kStep) return;
  step_began_ = now;
  steps_.push_back({now, std::exchange(current_, ByClient())});
}

ClientShares::ByClient ClientShares::of_last(std::chrono::seconds age) const {
  const MonoTime oldest = clock_.mono() - age;
  const MutexLock lock(mutex_);
  ByClient all = current_;
  for (const Step& step : steps_) {
    if (step.ended <= oldest) continue;
    for (const auto& [client, counts] : step.clients) all[client] += counts;
  }
  return all;
}

std::vector<ClientShare> ClientShares::last_minute(size_t most) const {
  const ByClient clients = of_last(kWindow);
  const ByClient newest = of_last(kNewest - kStep);
  const Counts all = sum_of(clients);
  std::vector<std::pair<double, ClientShare>> shares;
  for (const auto& [client, counts] : clients) {
    if (client.empty()) continue;
    const auto lately = newest.find(client);
    shares.emplace_back(
        importance(counts, all),
        ClientShare{client_text(client, tokens_), counts.requests, counts.misses, counts.bytes,
                    counts.limited, lately != newest.end() ? lately->second.misses : 0});
  }
  std::ranges::sort(shares, std::greater<>(), [](const auto& share) { return share.first; });
  std::vector<ClientShare> largest;
  for (auto& [importance, share] : shares) {
    if (largest.size() == most) break;
    largest.push_back(std::move(share));
  }
  return largest;
}

uint64_t ClientShares::misses() const { return sum_of(of_last(kWindow)).misses; }

uint64_t ClientShares::newest_misses() const { return sum_of(of_last(kNewest - kStep)).misses; }

double ClientShares::largest_share(uint64_t Counts::* of) const {
  const ByClient clients = of_last(kWindow);
  const uint64_t all = sum_of(clients).*of;
  uint64_t largest = 0;
  for (const auto& [client, counts] : clients) {
    if (!client.empty()) largest = std::max(largest, counts.*of);
  }
  return all == 0 ? 0 : static_cast<double>(largest) / static_cast<double>(all);
}

}  // namespace cachey::api
