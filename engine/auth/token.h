#pragma once
// Bearer tokens as signed JWTs, and the keys that check them. Pure: no I/O, no clock.
// Source: RFC 7519 (JWT), RFC 7515 (JWS, compact form), RFC 7517 (JWK), RFC 7518 (JWA), RFC 8725
// (best practice). The key decides about the algorithm, never the token: `none`, HS* and every
// header that brings a key of its own (jwk, jku, x5u, x5c) or asks for more (crit) are refused.
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/signature.h"
#include "fhir/node.h"

namespace carestream::auth {

constexpr std::size_t kTokenBytesMax = 16u << 10;

// What a token says before anybody checked it.
struct UncheckedToken {
    crypto::SignatureAlgorithm algorithm = crypto::SignatureAlgorithm::kRs256;
    std::string key_id;
    std::string_view signed_part;  // points into the text that was parsed
    std::string signature;
    fhir::Node claims;
};

// Errors: kInvalid, never with a value of the token.
[[nodiscard]] Result<UncheckedToken> ParseToken(std::string_view text);

// By `kid`. What is no signature key of RS or ES is left out.
struct KeySet {
    struct Entry {
        crypto::PublicKey key;
        std::string algorithm;  // `alg` of the JWK: the only one it is for; "" = any that fits
    };
    std::map<std::string, Entry, std::less<>> keys;
};

// A JWKS document. Errors: kInvalid (no JWKS; two keys of one kid; no usable key at all).
[[nodiscard]] Result<KeySet> ParseKeySet(std::string_view json);

// What a token must say to be believed.
struct Expectation {
    std::string issuer;
    std::string audience;
    Micros skew = 0;  // by which the issuer's clock may differ, for exp and nbf
};

// Is the signature of a key of the set? Errors: kNotFound (no such kid), kInvalid.
[[nodiscard]] Result<void> CheckSignature(const UncheckedToken& token, const KeySet& keys);
// When a token holds.
struct Validity {
    Micros begins = 0;
    Micros expires = 0;
};
// iss, aud, exp (required), nbf. Errors: kInvalid.
[[nodiscard]] Result<Validity> CheckClaims(const fhir::Node& claims, const Expectation& expectation,
                                           Micros now);
// Errors: kInvalid (expired, not valid yet).
[[nodiscard]] Result<void> CheckTimes(const Validity& validity, Micros skew, Micros now);

}  // namespace carestream::auth
