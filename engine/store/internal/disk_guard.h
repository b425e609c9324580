#pragma once
// Stops the feed before the disk is full, so that PostgreSQL never has to stop in the middle.
#include <cstdint>
#include <filesystem>

namespace carestream::store {

class DiskGuard {
public:
    DiskGuard(std::filesystem::path folder, std::uint64_t free_min_bytes);
    // Looks at the file system. True while less than the minimum is free; it ends only when a
    // twentieth more is, so that it does not flutter. A folder that cannot be looked at counts as
    // full.
    [[nodiscard]] bool Low();
    [[nodiscard]] std::uint64_t free_bytes() const { return free_bytes_; }

private:
    std::filesystem::path folder_;
    std::uint64_t free_min_bytes_;
    std::uint64_t free_bytes_ = 0;
    bool low_ = false;
};

}  // namespace carestream::store
