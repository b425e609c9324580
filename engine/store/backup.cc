#include "store/backup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/keys.h"
#include "store/internal/embedded.h"
#include "store/internal/embedded_folder.h"
#include "store/internal/pg.h"
#include "store/internal/pg_install.h"
#include "store/internal/process.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "carestream-backup 1";

bool Vacant(const fs::path& folder) {
    std::error_code error;
    return !fs::exists(folder, error) ||
           (fs::is_directory(folder, error) && fs::is_empty(folder, error));
}

tl::unexpected<Error> System(const std::string& what, const fs::path& path) {
    return Fail(Code::kUnavailable, what + ": " + std::strerror(errno), path.string());
}

Result<void> RunTool(const PgInstall& install, const std::string& program,
                     std::vector<std::string> arguments, const fs::path& output) {
    Command command;
    command.words = std::move(arguments);
    command.words.insert(command.words.begin(), (install.bin / program).string());
    command.account = {"", geteuid(), getegid()};
    command.output = output;
    CARESTREAM_TRY(RunToEnd(command));
    std::error_code error;
    fs::remove(output, error);
    return {};
}

std::uint64_t BytesOf(const fs::path& folder) {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, error)) {
        if (entry.is_regular_file(error)) bytes += entry.file_size(error);
    }
    return bytes;
}

// "name value" lines after the format; key check lines keep their "root-1=<hex>" form.
struct Manifest {
    int major = 0;
    std::map<std::string, std::string> keys;
};

Result<void> WriteManifest(const fs::path& file, int major, const crypto::KeyRing& keys) {
    std::ofstream out(file);
    out << kFormat << "\ncreated " << FormatInstant(SystemClock().Now()) << "\npostgresql " << major
        << "\n"
        << keys.CheckValue();
    out.flush();
    if (!out) return System("cannot write", file);
    return {};
}

Result<Manifest> ReadManifest(const fs::path& file) {
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line) || line != kFormat) {
        return Fail(Code::kInvalid, "is not a backup of CareStream, or one of a newer version",
                    file.string());
    }
    Manifest manifest;
    while (std::getline(in, line)) {
        if (line.starts_with("postgresql ")) manifest.major = std::atoi(line.c_str() + 11);
        const std::size_t equals = line.find('=');
        if (equals != std::string::npos)
            manifest.keys[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return manifest;
}

Result<void> CopyKeys(const fs::path& from, const fs::path& to) {
    std::error_code error;
    if (mkdir(to.c_str(), 0700) != 0) return System("cannot make", to);
    for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
        const fs::path copy = to / entry.path().filename();
        if (!fs::copy_file(entry.path(), copy, error) || chmod(copy.c_str(), 0600) != 0) {
            return Fail(Code::kUnavailable, "cannot copy a key file", copy.string());
        }
    }
    return {};
}

// The ring must open everything that the backup was sealed with.
Result<void> CompareKeys(const Manifest& manifest, const fs::path& folder) {
    CARESTREAM_ASSIGN(ring, crypto::KeyRing::Load(folder));
    const std::string have = "\n" + ring.CheckValue();
    for (const auto& [name, value] : manifest.keys) {
        if (have.find("\n" + name + "=" + value + "\n") != std::string::npos) continue;
        return Fail(Code::kConflict, name + ".key here is missing or not the one of the backup",
                    folder.string());
    }
    return {};
}

Result<void> GiveAway(const fs::path& path, const Account& account, bool folder) {
    if (chmod(path.c_str(), folder ? 0700 : 0600) != 0)
        return System("cannot set the mode of", path);
    if (account.uid != geteuid() && lchown(path.c_str(), account.uid, account.gid) != 0) {
        return System("cannot give away", path);
    }
    return {};
}

Result<void> CopyCluster(const fs::path& from, const fs::path& to, const Account& account) {
    std::error_code error;
    fs::remove_all(to, error);
    fs::copy(from, to, fs::copy_options::recursive, error);
    if (error) return Fail(Code::kUnavailable, "cannot copy: " + error.message(), to.string());
    CARESTREAM_TRY(GiveAway(to, account, true));
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(to, error)) {
        CARESTREAM_TRY(GiveAway(entry.path(), account, entry.is_directory(error)));
    }
    if (error) return Fail(Code::kUnavailable, "cannot read back: " + error.message(), to.string());
    return {};
}

Result<void> FillBackup(const BackupOptions& options, const std::string& url, const fs::path& draft,
                        const crypto::KeyRing& keys) {
    CARESTREAM_ASSIGN(connection, pg::Connection::Connect({.url = url}));
    const int major = connection.server_version() / 10'000;
    CARESTREAM_ASSIGN(install, FindPostgres(major));
    // WAL is streamed beside the files, so the copy needs no archive to become consistent.
    CARESTREAM_TRY(RunTool(
        install, "pg_basebackup",
        {"-d", url, "-D", (draft / "data").string(), "-X", "stream", "-c", "fast", "--no-password"},
        draft / "log"));
    if (options.with_keys) {
        CARESTREAM_TRY(CopyKeys(options.state_folder / "keys", draft / "keys"));
    }
    return WriteManifest(draft / "manifest", major, keys);
}

}  // namespace

Result<BackupReport> Backup(const BackupOptions& options) {
    if (!Vacant(options.target)) {
        return Fail(Code::kConflict, "is in use; name a new folder", options.target.string());
    }
    std::string url = options.postgres;
    if (url == "embedded") {
        CARESTREAM_ASSIGN(running, EmbeddedUrl(options.state_folder));
        url = running;
    }
    // Loaded before the copy: a rotation in between is in neither or in the copy only, never lost.
    CARESTREAM_ASSIGN(keys, crypto::KeyRing::Load(options.state_folder / "keys"));
    const fs::path target = fs::absolute(options.target).lexically_normal();
    const fs::path draft = target.string() + ".new";
    std::error_code error;
    fs::remove_all(draft, error);
    fs::create_directories(draft.parent_path(), error);
    if (mkdir(draft.c_str(), 0700) != 0) return System("cannot make", draft);
    const Result<void> filled = FillBackup(options, url, draft, keys);
    if (!filled) {
        fs::remove_all(draft, error);
        return Fail(filled.error());
    }
    if (rename(draft.c_str(), target.c_str()) != 0) return System("cannot name", target);
    return BackupReport{BytesOf(target), keys.Manifest()};
}

Result<RestoreReport> Restore(const RestoreOptions& options) {
    CARESTREAM_ASSIGN(manifest, ReadManifest(options.source / "manifest"));
    CARESTREAM_ASSIGN(install, FindPostgres(manifest.major));
    EmbeddedFolder folder(options.state_folder);
    if (!Vacant(folder.data())) {
        return Fail(Code::kConflict,
                    "a cluster is here already; restore into an empty state folder",
                    folder.data().string());
    }
    const fs::path keys = options.state_folder / "keys";
    const fs::path kept_keys = options.source / "keys";
    if (!Vacant(keys)) {
        CARESTREAM_TRY(CompareKeys(manifest, keys));
    } else if (!Vacant(kept_keys)) {
        CARESTREAM_TRY(CompareKeys(manifest, kept_keys));
    }
    CARESTREAM_TRY(folder.Prepare());
    const fs::path data = options.source / "data";
    const Result<void> whole =
        RunTool(install, "pg_verifybackup", {"-q", data.string()}, folder.root() / "verify.log");
    if (!whole)
        return Fail(Code::kInvalid, "the backup is damaged: " + whole.error().message, data);
    const fs::path draft = folder.root() / "data.new";
    CARESTREAM_TRY(CopyCluster(data, draft, folder.account()));
    if (Vacant(keys) && !Vacant(kept_keys)) {
        std::error_code error;
        fs::remove(keys, error);
        CARESTREAM_TRY(CopyKeys(kept_keys, keys));
    }
    if (rename(draft.c_str(), folder.data().c_str()) != 0)
        return System("cannot name", folder.data());
    return RestoreReport{!Vacant(keys)};
}

}  // namespace carestream::store
