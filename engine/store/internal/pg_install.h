#pragma once
// The PostgreSQL that is installed on this machine, and how the embedded server is set up on it.
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace carestream::store {

struct PgInstall {
    std::filesystem::path bin;
    int major = 0;
};

// Looks in $CARESTREAM_PG_BIN, /usr/lib/postgresql/*/bin, PATH. `major` 0 takes the newest of at
// least 15; another takes that one only, since a data folder belongs to one major version. Error:
// kNotFound with the package to install.
[[nodiscard]] Result<PgInstall> FindPostgres(int major);

struct ServerSizing {
    int shared_buffers_mb = 0;          // 0 = a quarter of memory, at most 4096
    std::uint64_t memory_bytes = 0;     // of this machine or container
    std::uint64_t disk_free_bytes = 0;  // where the data folder lies
};

// Of the machine, or of the control group when that is less.
[[nodiscard]] std::uint64_t MemoryBytes();

// The settings file, written before each start.
[[nodiscard]] std::string ServerSettings(const ServerSizing& sizing,
                                         const std::filesystem::path& socket_folder,
                                         const std::filesystem::path& log_folder);

}  // namespace carestream::store
