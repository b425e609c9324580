#pragma once
// The files that hold keys. A key leaves memory only into a file of mode 0600, complete and synced
// before it has its final name.
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>

#include "base/result.h"

namespace carestream::crypto {

using KeyBytes = std::array<unsigned char, 32>;

struct KeyFiles {
    std::map<std::uint16_t, KeyBytes> roots;  // never empty once loaded
    KeyBytes index{};
    KeyBytes id{};

    KeyFiles() = default;
    KeyFiles(const KeyFiles&) = delete;
    KeyFiles& operator=(const KeyFiles&) = delete;
    ~KeyFiles();  // wipes
};

// Errors: kConflict (keys exist), kInvalid (permissions, sizes, missing files), each with its
// remedy.
[[nodiscard]] Result<void> CreateKeyFiles(const std::filesystem::path& folder, KeyFiles& keys);
[[nodiscard]] Result<void> LoadKeyFiles(const std::filesystem::path& folder, KeyFiles& keys);
// Adds the next root key to the folder and to `keys`.
[[nodiscard]] Result<void> AddRootKey(const std::filesystem::path& folder, KeyFiles& keys);

}  // namespace carestream::crypto
