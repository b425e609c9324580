#pragma once
// An issuer of tokens for tests: RSA, P-256 and P-384 keys, made on the spot, and tokens as wrong
// as a test wants them.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/text.h"

namespace carestream::test {

inline std::string Url64(std::string_view bytes) {
    std::string text = ToBase64(bytes, kBase64Url);
    while (text.ends_with('=')) text.pop_back();
    return text;
}

class TestKey {
public:
    enum class Type { kRsa2048, kRsa1024, kP256, kP384 };
    TestKey(Type type, std::string id) : type_(type), id_(std::move(id)) {
        EVP_PKEY* key = nullptr;
        if (type == Type::kP256) key = EVP_EC_gen("P-256");
        if (type == Type::kP384) key = EVP_EC_gen("P-384");
        if (type == Type::kRsa2048) key = EVP_RSA_gen(2048);
        if (type == Type::kRsa1024) key = EVP_RSA_gen(1024);
        key_.reset(key, EVP_PKEY_free);
    }

    [[nodiscard]] std::string Jwk(const std::string& more = {}) const {
        const std::string start = R"({"kid":")" + id_ + "\"" + more;
        if (IsRsa()) {
            return start + R"(,"kty":"RSA","n":")" + Url64(Number(OSSL_PKEY_PARAM_RSA_N)) +
                   R"(","e":")" + Url64(Number(OSSL_PKEY_PARAM_RSA_E)) + "\"}";
        }
        const std::string curve = type_ == Type::kP256 ? "P-256" : "P-384";
        return start + R"(,"kty":"EC","crv":")" + curve + R"(","x":")" +
               Url64(Number(OSSL_PKEY_PARAM_EC_PUB_X, Size())) + R"(","y":")" +
               Url64(Number(OSSL_PKEY_PARAM_EC_PUB_Y, Size())) + "\"}";
    }
    [[nodiscard]] std::string Jwks() const { return R"({"keys":[)" + Jwk() + "]}"; }

    // `algorithm` decides the digest only; the key signs with what it is.
    [[nodiscard]] std::string Sign(const std::string& algorithm, const std::string& text) const {
        const EVP_MD* digest = algorithm.ends_with("384")   ? EVP_sha384()
                               : algorithm.ends_with("512") ? EVP_sha512()
                                                            : EVP_sha256();
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        EVP_DigestSignInit(context, nullptr, digest, nullptr, key_.get());
        std::string signature(1024, '\0');
        std::size_t size = signature.size();
        EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size());
        EVP_MD_CTX_free(context);
        signature.resize(size);
        return IsRsa() ? signature : Fixed(signature);
    }
    [[nodiscard]] std::string Token(const std::string& claims,
                                    const std::string& algorithm = {}) const {
        const std::string name = !algorithm.empty()     ? algorithm
                                 : IsRsa()              ? "RS256"
                                 : type_ == Type::kP256 ? "ES256"
                                                        : "ES384";
        return Signed(R"({"alg":")" + name + R"(","typ":"JWT","kid":")" + id_ + "\"}", claims,
                      name);
    }
    [[nodiscard]] std::string Signed(const std::string& header, const std::string& claims,
                                     const std::string& algorithm) const {
        const std::string text = Url64(header) + "." + Url64(claims);
        return text + "." + Url64(Sign(algorithm, text));
    }
    [[nodiscard]] std::string PublicPem() const {
        BIO* memory = BIO_new(BIO_s_mem());
        PEM_write_bio_PUBKEY(memory, key_.get());
        char* data = nullptr;
        const long size = BIO_get_mem_data(memory, &data);
        std::string text(data, static_cast<std::size_t>(size));
        BIO_free(memory);
        return text;
    }

private:
    [[nodiscard]] bool IsRsa() const { return type_ == Type::kRsa2048 || type_ == Type::kRsa1024; }
    [[nodiscard]] int Size() const { return type_ == Type::kP384 ? 48 : 32; }
    [[nodiscard]] std::string Number(const char* name, int size = 0) const {
        BIGNUM* number = nullptr;
        EVP_PKEY_get_bn_param(key_.get(), name, &number);
        if (size == 0) size = BN_num_bytes(number);
        std::string out(static_cast<std::size_t>(size), '\0');
        BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), size);
        BN_free(number);
        return out;
    }
    [[nodiscard]] std::string Fixed(const std::string& der) const {
        const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
        ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size()));
        std::string out(static_cast<std::size_t>(2 * Size()), '\0');
        auto* start = reinterpret_cast<unsigned char*>(out.data());
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), start, Size());
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), start + Size(), Size());
        ECDSA_SIG_free(pair);
        return out;
    }

    Type type_;
    std::string id_;
    std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace carestream::test
