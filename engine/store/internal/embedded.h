#pragma once
// The private PostgreSQL of one state folder: made once, started or adopted, supervised, stopped.
//
//   <state>/postgres/data          the cluster
//   <state>/postgres/log           its log, one file a weekday, and what programs said at start
//   <state>/postgres/connection    URL of the running server, for tools
//   <state>/postgres/supervisor    locked by the daemon that supervises
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/types.h"

namespace carestream::store {

struct EmbeddedOptions {
    std::filesystem::path state_folder;
    int shared_buffers_mb = 0;       // see ServerSizing
    int start_timeout_ms = 600'000;  // recovery after a crash may take minutes
    // For tests: the server ends with the thread that started it, even when that is killed.
    bool stop_with_parent = false;
};

class EmbeddedServer {
public:
    // Returns once the server answers. A second daemon on the same folder attaches to the first
    // one's server, and supervises it when the first is gone. Errors: kInvalid (accounts, folders;
    // with the remedy), kNotFound (no PostgreSQL installed), kUnavailable (it does not start: last
    // log lines).
    [[nodiscard]] static Result<std::unique_ptr<EmbeddedServer>> Start(
        const EmbeddedOptions& options, LogLine log);
    // Stops the server (fast shutdown: it rolls back what is open and writes a checkpoint) if this
    // process supervises it.
    virtual ~EmbeddedServer() = default;

    [[nodiscard]] virtual std::string url() const = 0;
    [[nodiscard]] virtual std::filesystem::path data_folder() const = 0;
    // Process id of the postmaster, 0 while there is none.
    [[nodiscard]] virtual int pid() const = 0;
};

// URL of the server of a state folder, for tools that run beside the daemon. Error: kNotFound.
[[nodiscard]] Result<std::string> EmbeddedUrl(const std::filesystem::path& state_folder);

}  // namespace carestream::store
