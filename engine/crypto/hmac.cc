// The EVP interface costs an allocation and a provider look-up per message, more than the hashing
// of a token. SHA256_* of the same library is deprecated, not removed, and allows a state to be
// copied.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hmac.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace carestream::crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;

std::array<std::uint32_t, 8> HashedPad(std::array<unsigned char, kBlockBytes> block,
                                       unsigned char pad) {
    for (unsigned char& byte : block) byte = static_cast<unsigned char>(byte ^ pad);
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Transform(&context, block.data());
    std::array<std::uint32_t, 8> state;
    std::copy(std::begin(context.h), std::end(context.h), state.begin());
    OPENSSL_cleanse(block.data(), block.size());
    OPENSSL_cleanse(&context, sizeof context);
    return state;
}

// Continues after one block whose state is known.
void Resume(SHA256_CTX& context, const std::array<std::uint32_t, 8>& state) {
    std::copy(state.begin(), state.end(), std::begin(context.h));
    context.Nl = kBlockBytes * 8;
    context.Nh = 0;
    context.num = 0;
    context.md_len = SHA256_DIGEST_LENGTH;
}

SHA256_CTX& Context(std::array<unsigned char, 112>& bytes) {
    static_assert(sizeof(SHA256_CTX) == 112);
    return *reinterpret_cast<SHA256_CTX*>(bytes.data());
}

std::string_view View(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

HmacKey::HmacKey(std::string_view key) {
    std::array<unsigned char, kBlockBytes> block{};
    if (key.size() > kBlockBytes) {
        const Digest digest = Sha256(key);
        std::copy(digest.begin(), digest.end(), block.begin());
    } else {
        std::copy(key.begin(), key.end(), block.begin());
    }
    inner_ = HashedPad(block, 0x36);
    outer_ = HashedPad(block, 0x5c);
    OPENSSL_cleanse(block.data(), block.size());
}

HmacKey::~HmacKey() {
    OPENSSL_cleanse(inner_.data(), sizeof inner_);
    OPENSSL_cleanse(outer_.data(), sizeof outer_);
}

Digest HmacKey::Sign(std::string_view message) const {
    return HmacMessage(*this).Raw(message).Finish();
}

HmacMessage::HmacMessage(const HmacKey& key) : key_(key) {
    Resume(Context(context_), key.inner_);
}

HmacMessage::~HmacMessage() {
    OPENSSL_cleanse(context_.data(), context_.size());
}

HmacMessage& HmacMessage::Raw(std::string_view bytes) {
    SHA256_Update(&Context(context_), bytes.data(), bytes.size());
    return *this;
}

HmacMessage& HmacMessage::Part(std::string_view bytes) {
    std::array<char, 10> prefix;
    std::size_t count = 0;
    std::size_t left = bytes.size();
    while (left >= 0x80) {
        prefix[count++] = static_cast<char>((left & 0x7f) | 0x80);
        left >>= 7;
    }
    prefix[count++] = static_cast<char>(left);
    Raw({prefix.data(), count});
    return Raw(bytes);
}

Digest HmacMessage::Finish() {
    Digest digest;
    SHA256_CTX& context = Context(context_);
    SHA256_Final(digest.data(), &context);
    Resume(context, key_.outer_);
    SHA256_Update(&context, digest.data(), digest.size());
    SHA256_Final(digest.data(), &context);
    return digest;
}

Digest Hkdf(std::string_view salt, std::string_view input_key, std::string_view info) {
    Digest extracted = HmacKey(salt).Sign(input_key);
    const HmacKey pseudo_random_key(View(extracted));
    OPENSSL_cleanse(extracted.data(), extracted.size());
    // 32 bytes are one round of the expansion.
    return HmacMessage(pseudo_random_key).Raw(info).Raw({"\x01", 1}).Finish();
}

Digest Sha256(std::string_view bytes) {
    Digest digest;
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return digest;
}

}  // namespace carestream::crypto
