#include "store/internal/migrate.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/file.h"
#include "base/text.h"
#include "crypto/hmac.h"
#include "store/internal/lock.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

constexpr int kLockWaitMs = 120'000;

struct Migration {
    int version = 0;
    fs::path file;
    std::string sql;
    std::string sha256;
};

// "0001_journal.sql" -> 1; 0 for files that are no migrations (the README).
int VersionOf(const fs::path& file) {
    const std::string name = file.filename().string();
    if (!name.ends_with(".sql") || name.size() < 6 || name[4] != '_') return 0;
    return IsDigits(name.substr(0, 4)) ? std::stoi(name.substr(0, 4)) : 0;
}

Result<std::vector<Migration>> ReadFolder(const fs::path& folder) {
    std::vector<Migration> migrations;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        Migration migration{VersionOf(entry.path()), entry.path(), {}, {}};
        if (migration.version == 0) continue;
        CARESTREAM_ASSIGN(sql, ReadFile(migration.file));
        migration.sql = std::move(sql);
        const crypto::Digest digest = crypto::Sha256(migration.sql);
        migration.sha256 = ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
        migrations.push_back(std::move(migration));
    }
    std::sort(migrations.begin(), migrations.end(),
              [](const Migration& a, const Migration& b) { return a.version < b.version; });
    for (std::size_t i = 0; i < migrations.size(); ++i) {
        if (migrations[i].version == static_cast<int>(i) + 1) continue;
        return Fail(
            Code::kInvalid,
            "migration " + std::to_string(i + 1) + " is missing or double; reinstall schemas/",
            migrations[i].file.string());
    }
    if (!migrations.empty()) return migrations;
    return Fail(Code::kInvalid, "holds no migrations; is this the schemas/sql of the program?",
                folder.string());
}

Result<std::map<int, std::string>> ReadApplied(pg::Connection& connection) {
    CARESTREAM_TRY(
        connection.Execute("create table if not exists schema_migration (version int4 primary key, "
                           "name text not null, "
                           "sha256 text not null, applied timestamptz not null default now())"));
    CARESTREAM_ASSIGN(rows, connection.Query("select version, sha256 from schema_migration"));
    std::map<int, std::string> applied;
    for (int i = 0; i < rows.size(); ++i) applied.emplace(rows.Int4(i, 0), rows.Text(i, 1));
    return applied;
}

Result<void> Apply(pg::Connection& connection, const Migration& migration) {
    CARESTREAM_TRY(connection.Execute("begin"));
    Result<void> done = connection.Execute(migration.sql);
    if (done) {
        const std::string name = migration.file.filename().string();
        pg::Params params;
        params.Int4(migration.version).Text(name).Text(migration.sha256);
        const auto recorded = connection.Query(
            "insert into schema_migration values ($1::int4, $2::text, $3::text)", params);
        if (!recorded) done = Fail(recorded.error());
    }
    if (done) return connection.Execute("commit");
    connection.Rollback();
    Error error = done.error();
    error.path = migration.file.string();
    return Fail(std::move(error));
}

Result<void> ApplyMissing(pg::Connection& connection, const std::vector<Migration>& migrations,
                          const LogLine& log) {
    CARESTREAM_ASSIGN(applied, ReadApplied(connection));
    if (!applied.empty() && applied.rbegin()->first > migrations.back().version) {
        return Fail(Code::kInvalid, "the database was migrated by a newer CareStream (to version " +
                                        std::to_string(applied.rbegin()->first) +
                                        ", this one knows " +
                                        std::to_string(migrations.back().version) +
                                        "); install that version, or restore a backup");
    }
    for (const Migration& migration : migrations) {
        const auto found = applied.find(migration.version);
        if (found == applied.end()) {
            CARESTREAM_TRY(Apply(connection, migration));
            if (log) log("info", "migrated", "applied " + migration.file.filename().string());
        } else if (found->second != migration.sha256) {
            return Fail(
                Code::kInvalid,
                "was changed after it was applied to this database; restore the file, and put "
                "changes into a new migration",
                migration.file.string());
        }
    }
    return {};
}

}  // namespace

Result<void> Migrate(pg::Connection& connection, const fs::path& folder, const LogLine& log) {
    CARESTREAM_ASSIGN(migrations, ReadFolder(folder));
    CARESTREAM_TRY(AcquireLock(connection, LockRole::kMigrate, kLockWaitMs));
    const Result<void> done = ApplyMissing(connection, migrations, log);
    if (connection.Usable()) CARESTREAM_TRY(ReleaseLock(connection, LockRole::kMigrate));
    return done;
}

}  // namespace carestream::store
