#pragma once
// AES-256-GCM (NIST SP 800-38D) with nonces of 12 and tags of 16 bytes. One cipher context per
// thread.
#include <array>
#include <string>
#include <string_view>

namespace carestream::crypto {

inline constexpr std::size_t kNonceBytes = 12;
inline constexpr std::size_t kTagBytes = 16;

// Appends ciphertext and tag to `out`. `header` and `associated` are bound in this order.
void AeadSeal(const std::array<unsigned char, 32>& key, std::string_view nonce,
              std::string_view header, std::string_view associated, std::string_view plain,
              std::string& out);
// False when key, nonce, bound bytes or `sealed` (ciphertext and tag) do not belong together.
[[nodiscard]] bool AeadOpen(const std::array<unsigned char, 32>& key, std::string_view nonce,
                            std::string_view header, std::string_view associated,
                            std::string_view sealed, std::string& plain);

}  // namespace carestream::crypto
