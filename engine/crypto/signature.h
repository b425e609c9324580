#pragma once
// Signatures of public keys, as JOSE uses them. Source: RFC 7518 3.3 (RS), 3.4 (ES), RFC 8017 8.2,
// FIPS 186-4 (ECDSA). OpenSSL EVP does the work.
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace carestream::crypto {

enum class SignatureAlgorithm { kRs256, kRs384, kRs512, kEs256, kEs384 };

enum class Curve { kP256, kP384 };

// Copyable, immutable, thread-safe.
class PublicKey {
public:
    // Big-endian bytes. Errors: kInvalid (no key; a modulus below 2048 or above 8192 bits).
    [[nodiscard]] static Result<PublicKey> Rsa(std::string_view modulus, std::string_view exponent);
    // Coordinates of the curve's size. Errors: kInvalid (a point that is not on the curve).
    [[nodiscard]] static Result<PublicKey> Ec(Curve curve, std::string_view x, std::string_view y);

    // May this key check that algorithm? RS goes with RSA, ES256 with P-256, ES384 with P-384.
    [[nodiscard]] bool Fits(SignatureAlgorithm algorithm) const;
    // False for an algorithm that does not fit, whatever the signature. ES signatures are the two
    // numbers in fixed size (RFC 7518 3.4), not DER.
    [[nodiscard]] bool Verify(SignatureAlgorithm algorithm, std::string_view message,
                              std::string_view signature) const;

private:
    friend class SigningKey;
    explicit PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

// A key of P-256 that signs with ES256. Copyable, immutable, thread-safe.
class SigningKey {
public:
    // Reads the PEM file, or makes it (mode 0600, the folder 0700, synced before it has its name)
    // where there is none. Errors: kInvalid (no such key; others can read it; cannot be written).
    [[nodiscard]] static Result<SigningKey> LoadOrCreate(const std::filesystem::path& file);

    [[nodiscard]] std::string Sign(std::string_view message) const;  // ES256, fixed size
    [[nodiscard]] PublicKey Public() const { return PublicKey(key_); }
    struct Point {
        std::string x, y;
    };
    [[nodiscard]] Point Coordinates() const;

private:
    explicit SigningKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace carestream::crypto
