#pragma once
// HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869). A key is kept as its two hashed pads, so that
// a short message costs two or three SHA-256 blocks.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carestream::crypto {

using Digest = std::array<unsigned char, 32>;

// Copyable, thread-safe, wiped when destroyed.
class HmacKey {
public:
    explicit HmacKey(std::string_view key);
    HmacKey(const HmacKey&) = default;
    HmacKey& operator=(const HmacKey&) = default;
    ~HmacKey();

    [[nodiscard]] Digest Sign(std::string_view message) const;
    bool operator==(const HmacKey&) const = default;

private:
    friend class HmacMessage;
    std::array<std::uint32_t, 8> inner_{};
    std::array<std::uint32_t, 8> outer_{};
};

// One message being signed, in pieces. Lives on the stack, shorter than its key.
class HmacMessage {
public:
    explicit HmacMessage(const HmacKey& key);
    ~HmacMessage();
    HmacMessage(const HmacMessage&) = delete;
    HmacMessage& operator=(const HmacMessage&) = delete;

    HmacMessage& Raw(std::string_view bytes);
    // The length (7 bits a byte, low ones first), then the bytes: parts cannot run into each other.
    HmacMessage& Part(std::string_view bytes);
    [[nodiscard]] Digest Finish();

private:
    const HmacKey& key_;
    alignas(8) std::array<unsigned char, 112> context_;  // SHA256_CTX
};

// Output key material of 32 bytes.
[[nodiscard]] Digest Hkdf(std::string_view salt, std::string_view input_key, std::string_view info);

[[nodiscard]] Digest Sha256(std::string_view bytes);

}  // namespace carestream::crypto
