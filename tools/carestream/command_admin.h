#pragma once
// Commands that ask or tell a running daemon. Each returns the exit code: 0 done, 1 the answer is
// bad news, 2 it could not be asked.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace carestream::cli {

struct AdminOptions {
    std::filesystem::path state;
    bool json = false;
};

struct DeadLetterOptions {
    std::vector<std::int64_t> seqs;
    std::string channel;
    std::string stage;
    std::string path;
    std::string reason;
    int limit = 100;
    bool no_wait = false;  // replay: do not wait for what becomes of them
};

struct ConflictOptions {
    std::int64_t id = 0;  // to resolve
    std::string note;
    std::int64_t after = 0;
    int limit = 100;
    bool all = false;
};

[[nodiscard]] int Status(const AdminOptions& admin);
[[nodiscard]] int Reload(const AdminOptions& admin);
[[nodiscard]] int Channels(const AdminOptions& admin);
// `kind`: control, patient, visit or order.
[[nodiscard]] int FindMessages(const AdminOptions& admin, const std::string& kind,
                               const std::string& value, int limit);
// `raw`: only the message. To a terminal its control characters are shown, not sent.
[[nodiscard]] int ShowMessage(const AdminOptions& admin, std::int64_t seq, bool raw);
[[nodiscard]] int ListDeadLetters(const AdminOptions& admin, const DeadLetterOptions& options);
[[nodiscard]] int GroupDeadLetters(const AdminOptions& admin);
[[nodiscard]] int ReplayDeadLetters(const AdminOptions& admin, const DeadLetterOptions& options);
[[nodiscard]] int DiscardDeadLetters(const AdminOptions& admin, const DeadLetterOptions& options);
[[nodiscard]] int ListConflicts(const AdminOptions& admin, const ConflictOptions& options);
[[nodiscard]] int ResolveConflict(const AdminOptions& admin, const ConflictOptions& options);

}  // namespace carestream::cli
