#pragma once
// The folder of an embedded server: made, owned by the right account, and read when a server of an
// earlier daemon still runs in it.
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "store/internal/process.h"

namespace carestream::store {

class EmbeddedFolder {
public:
    explicit EmbeddedFolder(const std::filesystem::path& state_folder);

    [[nodiscard]] std::filesystem::path root() const { return root_; }
    [[nodiscard]] std::filesystem::path data() const { return root_ / "data"; }
    [[nodiscard]] std::filesystem::path log() const { return root_ / "log"; }
    [[nodiscard]] std::filesystem::path start_log() const { return root_ / "log" / "start.log"; }
    [[nodiscard]] std::filesystem::path supervisor() const { return root_ / "supervisor"; }
    [[nodiscard]] const Account& account() const { return account_; }

    // Makes the folders, decides the account. Error: kInvalid with the remedy.
    [[nodiscard]] Result<void> Prepare();
    // Major version of the cluster, 0 when there is none yet.
    [[nodiscard]] int ClusterMajor() const;
    // initdb into a draft that gets its name when it is complete.
    [[nodiscard]] Result<void> MakeCluster(const std::filesystem::path& bin) const;
    // Where the socket goes: in the folder when its path fits into a socket address (108 bytes),
    // else under /run, $XDG_RUNTIME_DIR or /tmp. Makes it, 0700.
    [[nodiscard]] Result<std::filesystem::path> MakeSocketFolder() const;
    [[nodiscard]] Result<void> WriteSettings(const std::filesystem::path& socket_folder,
                                             int shared_buffers_mb) const;

    // What postmaster.pid says about a process that lives and works in this data folder.
    struct Running {
        int pid = 0;  // 0: none
        std::filesystem::path socket_folder;
    };
    [[nodiscard]] Running FindRunning() const;

    [[nodiscard]] Result<void> WriteConnection(const std::string& url) const;
    [[nodiscard]] Result<std::string> ReadConnection() const;

private:
    [[nodiscard]] Result<void> MakePrivate(const std::filesystem::path& folder) const;

    std::filesystem::path root_;
    Account account_;
};

// "postgresql://carestream@/<database>?host=<socket folder, percent-encoded>"
[[nodiscard]] std::string SocketUrl(const std::filesystem::path& socket_folder,
                                    std::string_view database);

}  // namespace carestream::store
