#pragma once
// Keys and what is made of them. Source: NIST SP 800-38D (AES-256-GCM), RFC 5869 (HKDF-SHA256),
// RFC 2104 (HMAC-SHA256), RFC 9562 5.8 (UUIDv8).
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/hmac.h"

namespace carestream::crypto {

using Key = std::array<unsigned char, 32>;

// Bytes from the operating system's generator.
[[nodiscard]] std::string RandomBytes(std::size_t count);
[[nodiscard]] std::string RandomUuid();  // version 4, lower case with dashes

// Makes ids from identities, so that the same patient gets the same provisional id everywhere, and
// nobody without the key can try all MRNs. Copyable; thread-safe.
class IdKey {
public:
    explicit IdKey(const Key& key);
    // The fixed, public key of `carestream map`: reproducible anywhere; the daemon refuses it.
    [[nodiscard]] static IdKey Public();
    // UUIDv8 of HMAC(key, tenant, type, system, value), each part length-prefixed.
    [[nodiscard]] std::string ProvisionalId(std::string_view tenant, std::string_view type,
                                            std::string_view system, std::string_view value) const;
    [[nodiscard]] bool IsPublic() const;

private:
    HmacKey key_;
};

// A search or identity token: HMAC under the index key of a tenant. Copyable; thread-safe.
class TokenKey {
public:
    explicit TokenKey(const Key& key);
    // First 64 bits of HMAC(key, space, form, value). `space` is a parameter
    // ("Patient.identifier").
    [[nodiscard]] std::int64_t Token64(std::string_view space, std::string_view form,
                                       std::string_view value) const;
    // 128 bits, for identities, where a collision would join two patients.
    [[nodiscard]] std::array<unsigned char, 16> Token128(std::string_view space,
                                                         std::string_view value) const;

private:
    HmacKey key_;
};

// The root keys of one store: files of mode 0600 in one folder, made once.
//   root-<id>.key   32 bytes, newest id seals, all open
//   index.key, id.key
class KeyRing {
public:
    // Refuses to make keys where some exist, and to load a folder others can read.
    [[nodiscard]] static Result<KeyRing> Create(const std::filesystem::path& folder);
    [[nodiscard]] static Result<KeyRing> Load(const std::filesystem::path& folder);
    KeyRing(KeyRing&&) noexcept;
    KeyRing& operator=(KeyRing&&) noexcept;
    ~KeyRing();

    // Adds root-<id+1>.key; old ones stay readable. Thread-safe, also against Seal and Open.
    [[nodiscard]] Result<void> Rotate();

    [[nodiscard]] IdKey id_key(std::string_view tenant) const;
    [[nodiscard]] TokenKey token_key(std::string_view tenant) const;

    // Seals with AES-256-GCM under HKDF(root, tenant, table, UTC day of `time`); the result starts
    // with format byte, key id (2 bytes), day (4 bytes), nonce (12 bytes) and ends with the tag (16
    // bytes). `associated` is bound, not stored. Thread-safe.
    [[nodiscard]] std::string Seal(std::string_view tenant, std::string_view table, Micros time,
                                   std::string_view associated, std::string_view plain) const;
    // Errors: kInvalid (not ours, other key, changed bytes).
    [[nodiscard]] Result<std::string> Open(std::string_view tenant, std::string_view table,
                                           std::string_view associated,
                                           std::string_view sealed) const;

    // One line per key, "root-1=<16 hex digits>": tells whether two rings hold the same keys
    // without showing them. Rotate adds a line and changes none.
    [[nodiscard]] std::string CheckValue() const;
    // File names and key ids, never keys: for the backup's manifest.
    [[nodiscard]] std::string Manifest() const;

private:
    struct Keys;
    explicit KeyRing(std::unique_ptr<Keys> keys);
    std::unique_ptr<Keys> keys_;
};

}  // namespace carestream::crypto
