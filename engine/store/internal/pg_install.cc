#include "store/internal/pg_install.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/text.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

constexpr int kMajorMin = 15;
constexpr std::uint64_t kMegabyte = 1u << 20;

// "postgres (PostgreSQL) 15.20 (...)" -> 15; 0 when the program does not answer so.
int MajorOf(const fs::path& program) {
    FILE* pipe = popen(("'" + program.string() + "' --version 2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return 0;
    char line[256] = {};
    const std::size_t count = fread(line, 1, sizeof line - 1, pipe);
    pclose(pipe);
    const std::string_view text(line, count);
    const std::size_t at = text.find("(PostgreSQL) ");
    return at == std::string_view::npos ? 0 : std::atoi(line + at + 13);
}

std::vector<fs::path> Candidates() {
    std::vector<fs::path> folders;
    if (const char* chosen = std::getenv("CARESTREAM_PG_BIN")) folders.emplace_back(chosen);
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
        folders.push_back(entry.path() / "bin");
    }
    if (const char* path = std::getenv("PATH")) {
        for (const std::string_view folder : Split(path, ':')) folders.emplace_back(folder);
    }
    return folders;
}

}  // namespace

Result<PgInstall> FindPostgres(int major) {
    PgInstall best;
    for (const fs::path& folder : Candidates()) {
        if (access((folder / "postgres").c_str(), X_OK) != 0) continue;
        if (access((folder / "initdb").c_str(), X_OK) != 0) continue;
        const int found = MajorOf(folder / "postgres");
        if (major != 0 ? found != major : found < kMajorMin) continue;
        if (found > best.major) best = {folder, found};
    }
    if (best.major != 0) return best;
    const std::string package = "postgresql-" + std::to_string(major != 0 ? major : kMajorMin);
    return Fail(
        Code::kNotFound,
        "no PostgreSQL " + (major != 0 ? std::to_string(major) : "15 or newer") +
            " found; run: apt-get install " + package +
            ", name its folder in CARESTREAM_PG_BIN, or set store.postgres to a server's URL");
}

std::uint64_t MemoryBytes() {
    const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
    std::uint64_t bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
    std::ifstream limit("/sys/fs/cgroup/memory.max");
    std::uint64_t value = 0;
    if (limit >> value && value > 0) bytes = std::min(bytes, value);
    return bytes;
}

std::string ServerSettings(const ServerSizing& sizing, const fs::path& socket_folder,
                           const fs::path& log_folder) {
    const std::uint64_t memory_mb = std::max<std::uint64_t>(sizing.memory_bytes / kMegabyte, 512);
    const std::uint64_t buffers_mb = sizing.shared_buffers_mb > 0
                                         ? static_cast<std::uint64_t>(sizing.shared_buffers_mb)
                                         : std::clamp<std::uint64_t>(memory_mb / 4, 64, 4096);
    // WAL may take a tenth of what is free: a full disk stops the feed.
    const std::uint64_t wal_mb =
        std::clamp<std::uint64_t>(sizing.disk_free_bytes / kMegabyte / 10, 512, 16'384);
    std::ostringstream out;
    out << "# Written by carestreamd before each start; put changes into local.conf beside it.\n"
        << "listen_addresses = ''\n"
        << "unix_socket_directories = '" << socket_folder.string() << "'\n"
        << "unix_socket_permissions = 0700\n"
        << "max_connections = 40\n"
        // Durability: an AA means on disk.
        << "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nwal_sync_method = "
           "fdatasync\n"
        << "wal_level = replica\nmax_wal_senders = 4\nmax_replication_slots = 4\nwal_keep_size = "
           "256MB\n"
        << "wal_compression = lz4\nwal_buffers = 64MB\n"
        << "max_wal_size = " << wal_mb << "MB\n"
        << "min_wal_size = " << std::min<std::uint64_t>(wal_mb / 4, 1024) << "MB\n"
        << "checkpoint_timeout = 10min\ncheckpoint_completion_target = 0.9\n"
        // Size.
        << "shared_buffers = " << buffers_mb << "MB\n"
        << "effective_cache_size = " << memory_mb * 3 / 4 << "MB\n"
        << "work_mem = 16MB\nmaintenance_work_mem = "
        << std::min<std::uint64_t>(memory_mb / 16, 512) << "MB\n"
        << "random_page_cost = 1.1\njit = off\nmax_parallel_workers_per_gather = 0\n"
        << "autovacuum_naptime = 15s\nautovacuum_vacuum_insert_scale_factor = 0.5\n"
        // Ours are the only sessions: a dead peer must not keep the advisory lock.
        << "idle_in_transaction_session_timeout = 120s\n"
        // No statement, parameter or detail in the log: they hold what patients are.
        << "logging_collector = on\nlog_directory = '" << log_folder.string() << "'\n"
        << "log_filename = 'postgres-%a.log'\nlog_file_mode = 0600\nlog_rotation_age = 1d\n"
        << "log_rotation_size = 0\nlog_truncate_on_rotation = on\nlog_line_prefix = '%m [%p] '\n"
        << "log_min_messages = log\nlog_min_error_statement = panic\nlog_error_verbosity = terse\n"
        << "log_statement = none\nlog_duration = off\nlog_min_duration_statement = -1\n"
        << "log_parameter_max_length = 0\nlog_parameter_max_length_on_error = 0\n"
        << "log_checkpoints = on\nlog_timezone = 'UTC'\ntimezone = 'UTC'\n"
        << "cluster_name = 'carestream'\nupdate_process_title = off\n";
    return out.str();
}

}  // namespace carestream::store
