#pragma once
// Child processes of the embedded server: started in their own session, under an account that need
// not be ours, without our signal masks, files and environment.
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace carestream::store {

struct Account {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
};

// The account for PostgreSQL, which refuses to run as root: our own, or as root the first of
// carestream, postgres, nobody that exists.
[[nodiscard]] Result<Account> ServerAccount();

// Error: kInvalid, naming the first parent of `folder` that `account` may not enter, and the
// remedy.
[[nodiscard]] Result<void> CheckTraversal(const std::filesystem::path& folder,
                                          const Account& account);

struct Command {
    std::vector<std::string> words;  // words[0] is the path of the program
    Account account;                 // switched to when we are root
    std::filesystem::path output;    // stdout and stderr are written here, truncated
    std::filesystem::path working_folder = "/";
    int death_signal = 0;  // sent to the child when the thread that spawned it ends
};

// Error: kUnavailable (fork).
[[nodiscard]] Result<pid_t> Spawn(const Command& command);
// Exit status if `pid`, a child of ours, has ended; 128 + signal when killed.
[[nodiscard]] std::optional<int> Ended(pid_t pid);
// Runs to the end. Error: kUnavailable with the last lines of the output.
[[nodiscard]] Result<void> RunToEnd(const Command& command);
// The last `lines` lines of a text file on one line, for error messages.
[[nodiscard]] std::string LastLines(const std::filesystem::path& file, int lines);

}  // namespace carestream::store
