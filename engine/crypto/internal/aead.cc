#include "crypto/internal/aead.h"

#include <openssl/evp.h>

#include <memory>

#include "base/assert.h"

namespace carestream::crypto {
namespace {

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Looking the cipher up costs more than sealing a small body, so each thread does it once.
Context MakeContext(bool encrypt) {
    Context context(EVP_CIPHER_CTX_new());
    CARESTREAM_ASSERT(context != nullptr);
    CARESTREAM_ASSERT(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr,
                                        encrypt ? 1 : 0) == 1);
    return context;
}

const unsigned char* Bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

void Bind(EVP_CIPHER_CTX* context, std::string_view bytes) {
    if (bytes.empty()) return;
    int written = 0;
    CARESTREAM_ASSERT(EVP_CipherUpdate(context, nullptr, &written, Bytes(bytes),
                                       static_cast<int>(bytes.size())) == 1);
}

}  // namespace

void AeadSeal(const std::array<unsigned char, 32>& key, std::string_view nonce,
              std::string_view header, std::string_view associated, std::string_view plain,
              std::string& out) {
    static thread_local const Context context = MakeContext(true);
    CARESTREAM_ASSERT(nonce.size() == kNonceBytes);
    CARESTREAM_ASSERT(
        EVP_EncryptInit_ex(context.get(), nullptr, nullptr, key.data(), Bytes(nonce)) == 1);
    Bind(context.get(), header);
    Bind(context.get(), associated);
    const std::size_t start = out.size();
    out.resize(start + plain.size() + kTagBytes);
    auto* target = reinterpret_cast<unsigned char*>(out.data() + start);
    int written = 0;
    CARESTREAM_ASSERT(EVP_EncryptUpdate(context.get(), target, &written, Bytes(plain),
                                        static_cast<int>(plain.size())) == 1);
    CARESTREAM_ASSERT(static_cast<std::size_t>(written) == plain.size());
    int rest = 0;
    CARESTREAM_ASSERT(EVP_EncryptFinal_ex(context.get(), target + written, &rest) == 1);
    CARESTREAM_ASSERT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                          target + plain.size()) == 1);
}

bool AeadOpen(const std::array<unsigned char, 32>& key, std::string_view nonce,
              std::string_view header, std::string_view associated, std::string_view sealed,
              std::string& plain) {
    static thread_local const Context context = MakeContext(false);
    if (nonce.size() != kNonceBytes || sealed.size() < kTagBytes) return false;
    const std::string_view body = sealed.substr(0, sealed.size() - kTagBytes);
    std::string tag(sealed.substr(body.size()));
    CARESTREAM_ASSERT(
        EVP_DecryptInit_ex(context.get(), nullptr, nullptr, key.data(), Bytes(nonce)) == 1);
    CARESTREAM_ASSERT(
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
    Bind(context.get(), header);
    Bind(context.get(), associated);
    plain.resize(body.size());
    auto* target = reinterpret_cast<unsigned char*>(plain.data());
    int written = 0;
    CARESTREAM_ASSERT(EVP_DecryptUpdate(context.get(), target, &written, Bytes(body),
                                        static_cast<int>(body.size())) == 1);
    int rest = 0;
    if (EVP_DecryptFinal_ex(context.get(), target + written, &rest) == 1) return true;
    plain.clear();
    return false;
}

}  // namespace carestream::crypto
