#pragma once
// A copy of the store that can be started: a base backup with the WAL that makes it consistent, and
// a manifest that tells which keys it needs. Works while the daemon runs and feeds go on.
//
//   <target>/data          the cluster, as pg_basebackup writes it; contents sealed as in the store
//   <target>/manifest      format, time, PostgreSQL version, key names and check values
//   <target>/keys          only when asked for: whoever has them and the data reads everything
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace carestream::store {

struct BackupOptions {
    std::string postgres = "embedded";   // as StoreOptions::postgres; the server must be running
    std::filesystem::path state_folder;  // holds keys/ and, embedded, postgres/
    std::filesystem::path target;        // must not exist, or be empty; appears when it is complete
    bool with_keys = false;
};

struct BackupReport {
    std::uint64_t bytes = 0;
    std::string keys;  // names of the key files that the copy needs, one a line
};

// Errors: kConflict (target in use), kNotFound (no server, no program), kUnavailable (with what
// pg_basebackup said).
[[nodiscard]] Result<BackupReport> Backup(const BackupOptions& options);

struct RestoreOptions {
    std::filesystem::path source;        // a Backup's target
    std::filesystem::path state_folder;  // without a cluster; may hold keys/ already
};

struct RestoreReport {
    bool keys_present =
        false;  // false: put the key folder to <state>/keys before the daemon starts
};

// Checks the copy (every file's checksum) and puts it in place for an embedded server. Errors:
// kConflict (a cluster or other keys are there), kInvalid (damaged, not a backup), kUnavailable.
[[nodiscard]] Result<RestoreReport> Restore(const RestoreOptions& options);

}  // namespace carestream::store
