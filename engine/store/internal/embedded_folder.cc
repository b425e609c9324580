#include "store/internal/embedded_folder.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/text.h"
#include "store/internal/pg_install.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSocketName = "/.s.PGSQL.5432.lock";

tl::unexpected<Error> System(const std::string& what, const fs::path& path) {
    return Fail(Code::kInvalid, what + ": " + std::strerror(errno), path.string());
}

// Written beside and renamed, so that a reader sees the old or the new text.
Result<void> WriteWhole(const fs::path& path, const std::string& text, const Account& owner) {
    const std::string draft = path.string() + ".new";
    {
        std::ofstream out(draft, std::ios::trunc);
        out << text;
        out.flush();
        if (!out) return System("cannot write", path);
    }
    if (chmod(draft.c_str(), 0600) != 0) return System("cannot set the mode of", path);
    if (geteuid() == 0 && chown(draft.c_str(), owner.uid, owner.gid) != 0) {
        return System("cannot give away", path);
    }
    if (rename(draft.c_str(), path.c_str()) != 0) return System("cannot name", path);
    return {};
}

}  // namespace

std::string SocketUrl(const fs::path& socket_folder, std::string_view database) {
    std::string host;
    for (const char c : socket_folder.string()) {
        const bool plain =
            std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
        host += plain ? std::string(1, c) : "%" + ToHex({&c, 1});
    }
    return "postgresql://carestream@/" + std::string(database) + "?host=" + host;
}

EmbeddedFolder::EmbeddedFolder(const fs::path& state_folder)
    : root_(fs::absolute(state_folder).lexically_normal() / "postgres") {}

Result<void> EmbeddedFolder::MakePrivate(const fs::path& folder) const {
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return System("cannot make", folder);
    struct stat state {};
    if (lstat(folder.c_str(), &state) != 0) return System("cannot read", folder);
    // In /tmp somebody else may have made it first, to read along.
    if (!S_ISDIR(state.st_mode) || (state.st_uid != account_.uid && state.st_uid != geteuid())) {
        return Fail(Code::kInvalid, "belongs to somebody else; remove it", folder.string());
    }
    if (chmod(folder.c_str(), 0700) != 0) return System("cannot set the mode of", folder);
    if (state.st_uid != account_.uid && chown(folder.c_str(), account_.uid, account_.gid) != 0) {
        return System("cannot give away", folder);
    }
    return {};
}

Result<void> EmbeddedFolder::Prepare() {
    std::error_code error;
    const fs::path state_folder = root_.parent_path();
    fs::create_directories(root_, error);
    if (error) return Fail(Code::kInvalid, "cannot make: " + error.message(), root_.string());
    CARESTREAM_ASSIGN(account, ServerAccount());
    account_ = account;
    struct stat owner {};
    if (geteuid() == 0 && stat(data().c_str(), &owner) == 0 && owner.st_uid != 0) {
        // The cluster keeps the account it was made with.
        const passwd* entry = getpwuid(owner.st_uid);
        account_ = {entry != nullptr ? entry->pw_name : std::to_string(owner.st_uid), owner.st_uid,
                    owner.st_gid};
    }
    struct stat state {};
    if (account_.uid != geteuid() && stat(state_folder.c_str(), &state) == 0 &&
        state.st_uid == geteuid()) {
        // Ours, so ours to open: others may pass through, and read nothing.
        (void)chmod(state_folder.c_str(), (state.st_mode & 07777) | 0111);
    }
    if (chmod(root_.c_str(), 0711) != 0) return System("cannot set the mode of", root_);
    CARESTREAM_TRY(CheckTraversal(root_, account_));
    return MakePrivate(log());
}

int EmbeddedFolder::ClusterMajor() const {
    std::ifstream in(data() / "PG_VERSION");
    int major = 0;
    return in >> major ? major : 0;
}

Result<void> EmbeddedFolder::MakeCluster(const fs::path& bin) const {
    const fs::path draft = root_ / "data.new";
    std::error_code error;
    fs::remove_all(draft, error);
    CARESTREAM_TRY(MakePrivate(draft));
    Command command;
    // The socket's folder is closed to every other account, so the socket asks for no password.
    command.words = {(bin / "initdb").string(),
                     "-D",
                     draft.string(),
                     "--username=carestream",
                     "--auth=trust",
                     "--encoding=UTF8",
                     "--locale=C.UTF-8",
                     "--no-instructions"};
    command.account = account_;
    command.output = start_log();
    CARESTREAM_TRY(RunToEnd(command));
    std::ofstream settings(draft / "postgresql.conf", std::ios::app);
    settings << "\ninclude = 'carestream.conf'\ninclude_if_exists = 'local.conf'\n";
    settings.close();
    if (!settings) return System("cannot write", draft / "postgresql.conf");
    if (rename(draft.c_str(), data().c_str()) != 0) return System("cannot name", data());
    return {};
}

Result<fs::path> EmbeddedFolder::MakeSocketFolder() const {
    fs::path folder = root_ / "socket";
    if (folder.string().size() + kSocketName.size() >= sizeof(sockaddr_un::sun_path)) {
        const char* runtime = std::getenv("XDG_RUNTIME_DIR");
        fs::path base = "/tmp";
        if (geteuid() == 0 && access("/run", W_OK) == 0) {
            base = "/run";
        } else if (geteuid() != 0 && runtime != nullptr && access(runtime, W_OK) == 0) {
            base = runtime;
        }
        char name[32];
        std::snprintf(name, sizeof name, "carestream-%016llx",
                      static_cast<unsigned long long>(Fnv64(root_.string())));
        folder = base / name;
    }
    CARESTREAM_TRY(MakePrivate(folder));
    return folder;
}

Result<void> EmbeddedFolder::WriteSettings(const fs::path& socket_folder,
                                           int shared_buffers_mb) const {
    std::error_code error;
    const fs::space_info space = fs::space(root_, error);
    const ServerSizing sizing{shared_buffers_mb, MemoryBytes(), error ? 0 : space.available};
    return WriteWhole(data() / "carestream.conf", ServerSettings(sizing, socket_folder, log()),
                      account_);
}

EmbeddedFolder::Running EmbeddedFolder::FindRunning() const {
    // Lines: pid, data folder, start time, port, socket folder, ...
    std::ifstream in(data() / "postmaster.pid");
    Running running;
    std::string line;
    for (int number = 1; number <= 5 && std::getline(in, line); ++number) {
        if (number == 1) running.pid = std::atoi(line.c_str());
        if (number == 5) running.socket_folder = line;
    }
    if (running.pid <= 0 || kill(running.pid, 0) != 0) return {};
    // The number may have gone to another program since: the postmaster works in its data folder.
    std::error_code error;
    const fs::path works_in =
        fs::read_symlink("/proc/" + std::to_string(running.pid) + "/cwd", error);
    if (error || works_in != fs::canonical(data(), error)) return {};
    return running;
}

Result<void> EmbeddedFolder::WriteConnection(const std::string& url) const {
    const Account self{"", geteuid(), getegid()};
    return WriteWhole(root_ / "connection", url + "\n", self);
}

Result<std::string> EmbeddedFolder::ReadConnection() const {
    std::ifstream in(root_ / "connection");
    std::string url;
    if (std::getline(in, url) && !url.empty()) return url;
    return Fail(Code::kNotFound, "no embedded server has been started here", root_.string());
}

}  // namespace carestream::store
