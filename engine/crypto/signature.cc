#include "crypto/signature.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace carestream::crypto {
namespace {

namespace fs = std::filesystem;

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;  // what takes longer to check than a request may take

template <typename T, void (*Free)(T*)>
struct Freer {
    void operator()(T* value) const { Free(value); }
};
template <typename T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freer<T, Free>>;
using Number = Owned<BIGNUM, BN_free>;
using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using EcSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using KeyPointer = std::shared_ptr<EVP_PKEY>;

const unsigned char* Bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

KeyPointer Own(EVP_PKEY* key) {
    return {key, EVP_PKEY_free};
}

tl::unexpected<Error> NoKey(std::string message) {
    ERR_clear_error();
    return Fail(Code::kInvalid, std::move(message));
}

KeyPointer FromData(const char* type, OSSL_PARAM_BLD* builder) {
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) <= 0) {
        return nullptr;
    }
    return Own(key);
}

bool IsSound(EVP_PKEY* key) {
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    return context && EVP_PKEY_public_check(context.get()) == 1;
}

const EVP_MD* DigestOf(SignatureAlgorithm algorithm) {
    switch (algorithm) {
        case SignatureAlgorithm::kRs384:
        case SignatureAlgorithm::kEs384:
            return EVP_sha384();
        case SignatureAlgorithm::kRs512:
            return EVP_sha512();
        default:
            return EVP_sha256();
    }
}

bool IsEc(SignatureAlgorithm algorithm) {
    return algorithm == SignatureAlgorithm::kEs256 || algorithm == SignatureAlgorithm::kEs384;
}

std::size_t CoordinateBytes(SignatureAlgorithm algorithm) {
    return algorithm == SignatureAlgorithm::kEs384 ? 48 : 32;
}

// The two numbers as DER, which is what EVP reads; "" when the size is wrong.
std::string ToDer(std::string_view fixed, std::size_t size) {
    if (fixed.size() != 2 * size) return {};
    const EcSignature pair(ECDSA_SIG_new());
    Number r(BN_bin2bn(Bytes(fixed), static_cast<int>(size), nullptr));
    Number s(BN_bin2bn(Bytes(fixed.substr(size)), static_cast<int>(size), nullptr));
    if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
    (void)r.release();  // the pair's now
    (void)s.release();
    unsigned char* der = nullptr;
    const int length = i2d_ECDSA_SIG(pair.get(), &der);
    if (length <= 0) return {};
    std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
    OPENSSL_free(der);
    return out;
}

std::string ToFixed(std::string_view der, std::size_t size) {
    const unsigned char* bytes = Bytes(der);
    const EcSignature pair(d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size())));
    CARESTREAM_ASSERT(pair != nullptr);
    std::string out(2 * size, '\0');
    auto* start = reinterpret_cast<unsigned char*>(out.data());
    const int width = static_cast<int>(size);
    CARESTREAM_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), start, width) == width);
    CARESTREAM_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), start + size, width) == width);
    return out;
}

tl::unexpected<Error> System(std::string what, const fs::path& path) {
    return Fail(Code::kInvalid, std::move(what) + ": " + std::strerror(errno), path.string());
}

struct File {
    std::FILE* file = nullptr;
    ~File() {
        if (file != nullptr) std::fclose(file);
    }
};

Result<KeyPointer> ReadPem(const fs::path& path) {
    struct stat state {};
    const File opened{std::fopen(path.c_str(), "re")};
    if (opened.file == nullptr || fstat(fileno(opened.file), &state) != 0) {
        return System("cannot read the key", path);
    }
    if ((state.st_mode & 077) != 0) {
        return Fail(Code::kInvalid,
                    "others can read the key; run: chmod 600 " + path.string() +
                        ", or remove it so that a new one is made",
                    path.string());
    }
    KeyPointer key = Own(PEM_read_PrivateKey(opened.file, nullptr, nullptr, nullptr));
    if (!key || EVP_PKEY_is_a(key.get(), "EC") != 1 || EVP_PKEY_get_bits(key.get()) != 256) {
        ERR_clear_error();
        return Fail(Code::kInvalid, "this is no PEM file of a P-256 key; remove it and try again",
                    path.string());
    }
    return key;
}

Result<void> WritePem(const fs::path& path, EVP_PKEY* key) {
    std::error_code error;
    if (!fs::exists(path.parent_path(), error)) {
        fs::create_directories(path.parent_path().parent_path(), error);
        if (mkdir(path.parent_path().c_str(), 0700) != 0 && errno != EEXIST) {
            return System("cannot make the folder", path.parent_path());
        }
    }
    const fs::path draft = path.string() + "." + std::to_string(getpid());
    const int number = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (number < 0) return System("cannot make the key file", draft);
    bool good = false;
    {
        const File file{fdopen(number, "w")};
        good =
            file.file != nullptr &&
            PEM_write_PKCS8PrivateKey(file.file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1 &&
            std::fflush(file.file) == 0 && fsync(number) == 0;
    }
    // link() rather than rename(): of two that make a key at once the first one's stays.
    good = good && (link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
    unlink(draft.c_str());
    if (!good) return System("cannot write the key file", path);
    return {};
}

}  // namespace

Result<PublicKey> PublicKey::Rsa(std::string_view modulus, std::string_view exponent) {
    if (modulus.size() > kRsaBitsMax / 8 + 1 || exponent.size() > 8) {
        return NoKey("the RSA key is too large");
    }
    const Number n(BN_bin2bn(Bytes(modulus), static_cast<int>(modulus.size()), nullptr));
    const Number e(BN_bin2bn(Bytes(exponent), static_cast<int>(exponent.size()), nullptr));
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!n || !e || !builder || BN_num_bits(n.get()) < kRsaBitsMin || BN_is_odd(e.get()) == 0 ||
        BN_is_one(e.get()) == 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return NoKey("an RSA key has a modulus of 2048 bits or more and an odd exponent");
    }
    KeyPointer key = FromData("RSA", builder.get());
    if (!key) return NoKey("this is no RSA key");
    return PublicKey(std::move(key));
}

Result<PublicKey> PublicKey::Ec(Curve curve, std::string_view x, std::string_view y) {
    const std::size_t size = curve == Curve::kP384 ? 48 : 32;
    if (x.size() != size || y.size() != size) {
        return NoKey("the coordinates do not have the curve's size");
    }
    std::string point = "\x04";
    point += x;
    point += y;
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    const char* group = curve == Curve::kP384 ? "P-384" : "P-256";
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return NoKey("this is no key of the curve");
    }
    KeyPointer key = FromData("EC", builder.get());
    if (!key || !IsSound(key.get())) return NoKey("this is no point of the curve");
    return PublicKey(std::move(key));
}

bool PublicKey::Fits(SignatureAlgorithm algorithm) const {
    if (!IsEc(algorithm)) return EVP_PKEY_is_a(key_.get(), "RSA") == 1;
    const int bits = algorithm == SignatureAlgorithm::kEs384 ? 384 : 256;
    return EVP_PKEY_is_a(key_.get(), "EC") == 1 && EVP_PKEY_get_bits(key_.get()) == bits;
}

bool PublicKey::Verify(SignatureAlgorithm algorithm, std::string_view message,
                       std::string_view signature) const {
    if (!Fits(algorithm)) return false;
    const std::string der =
        IsEc(algorithm) ? ToDer(signature, CoordinateBytes(algorithm)) : std::string(signature);
    if (der.empty()) return false;
    const DigestContext context(EVP_MD_CTX_new());
    const bool good = context &&
                      EVP_DigestVerifyInit(context.get(), nullptr, DigestOf(algorithm), nullptr,
                                           key_.get()) == 1 &&
                      EVP_DigestVerify(context.get(), Bytes(der), der.size(), Bytes(message),
                                       message.size()) == 1;
    ERR_clear_error();
    return good;
}

Result<SigningKey> SigningKey::LoadOrCreate(const fs::path& file) {
    std::error_code error;
    if (!fs::exists(file, error)) {
        const KeyPointer made = Own(EVP_EC_gen("P-256"));
        if (!made) return NoKey("no key could be made");
        CARESTREAM_TRY(WritePem(file, made.get()));
    }
    CARESTREAM_ASSIGN(key, ReadPem(file));
    return SigningKey(std::move(key));
}

std::string SigningKey::Sign(std::string_view message) const {
    const DigestContext context(EVP_MD_CTX_new());
    CARESTREAM_ASSERT(context != nullptr);
    CARESTREAM_ASSERT(
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
    std::string der(256, '\0');
    std::size_t size = der.size();
    CARESTREAM_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()),
                                     &size, Bytes(message), message.size()) == 1);
    der.resize(size);
    return ToFixed(der, 32);
}

SigningKey::Point SigningKey::Coordinates() const {
    const auto read = [this](const char* name) {
        BIGNUM* value = nullptr;
        CARESTREAM_ASSERT(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
        const Number number(value);
        std::string out(32, '\0');
        CARESTREAM_ASSERT(
            BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(out.data()), 32) == 32);
        return out;
    };
    return {read(OSSL_PKEY_PARAM_EC_PUB_X), read(OSSL_PKEY_PARAM_EC_PUB_Y)};
}

}  // namespace carestream::crypto
