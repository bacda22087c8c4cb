#include "net/tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>

namespace cachey::net::tls {
namespace {

/// Return values of OpenSSL's callback.
enum TicketAnswer : int { kFault = -1, kUnknown = 0, kUse = 1, kUseAndRenew = 2 };

int keys_index() {
  static const int index = ::SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool set_mac_key(EVP_MAC_CTX* mac, TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      ::OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      ::OSSL_PARAM_construct_end()};
  return ::EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

int seal(TicketKeys& keys, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) {
  std::optional<TicketKey> key = keys.to_seal(keys.now());
  if (!key) return kFault;
  std::ranges::copy(key->name, name);
  const EVP_CIPHER* const aes = ::EVP_aes_256_cbc();
  const bool ready = ::RAND_bytes(iv, ::EVP_CIPHER_get_iv_length(aes)) == 1 &&
                     ::EVP_EncryptInit_ex(cipher, aes, nullptr, key->cipher.data(), iv) == 1 &&
                     set_mac_key(mac, *key);
  return ready ? kUse : kFault;
}

int open(TicketKeys& keys, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) {
  const MonoTime now = keys.now();
  std::optional<TicketKey> key =
      keys.to_open(std::span<const unsigned char>(name, TicketKey::kNameBytes), now);
  if (!key) return kUnknown;
  if (::EVP_DecryptInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) != 1 ||
      !set_mac_key(mac, *key)) {
    return kFault;
  }
  return now - key->made < TicketKeys::kSealingTime ? kUse : kUseAndRenew;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int sealing) {
  auto* const keys =
      static_cast<TicketKeys*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(ssl), keys_index()));
  return sealing != 0 ? seal(*keys, name, iv, cipher, mac) : open(*keys, name, iv, cipher, mac);
}

}  // namespace

TicketKey::~TicketKey() {
  ::OPENSSL_cleanse(cipher.data(), cipher.size());
  ::OPENSSL_cleanse(mac.data(), mac.size());
}

std::optional<TicketKey> TicketKeys::to_seal(MonoTime now) {
  MutexLock lock(mutex_);
  if (current_ && now - current_->made < kSealingTime) return current_;
  TicketKey fresh;
  fresh.made = now;
  const auto fill = [](auto& bytes) {
    return ::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
  };
  if (!fill(fresh.name) || !fill(fresh.cipher) || !fill(fresh.mac)) return std::nullopt;
  previous_ = current_;
  current_ = fresh;
  return current_;
}

std::optional<TicketKey> TicketKeys::to_open(std::span<const unsigned char> name, MonoTime now) {
  MutexLock lock(mutex_);
  for (const std::optional<TicketKey>* key : {&current_, &previous_}) {
    if (*key && std::ranges::equal((*key)->name, name) && now - (*key)->made < 2 * kSealingTime) {
      return *key;
    }
  }
  return std::nullopt;
}

void use_ticket_keys(SSL_CTX* context, TicketKeys& keys) {
  ::SSL_CTX_set_ex_data(context, keys_index(), &keys);
  ::SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
  ::SSL_CTX_set_timeout(context, std::chrono::seconds(TicketKeys::kSealingTime).count());
}

}  // namespace cachey::net::tls
