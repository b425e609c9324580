#include "store/internal/disk_guard.h"

#include <system_error>

namespace carestream::store {

DiskGuard::DiskGuard(std::filesystem::path folder, std::uint64_t free_min_bytes)
    : folder_(std::move(folder)), free_min_bytes_(free_min_bytes) {}

bool DiskGuard::Low() {
    if (free_min_bytes_ == 0) return false;
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(folder_, error);
    free_bytes_ = error ? 0 : space.available;
    const std::uint64_t needed = low_ ? free_min_bytes_ + free_min_bytes_ / 20 : free_min_bytes_;
    low_ = free_bytes_ < needed;
    return low_;
}

}  // namespace carestream::store
