#include "store/internal/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>

namespace carestream::store {
namespace {

namespace fs = std::filesystem;

bool MayEnter(const struct stat& state, const Account& account) {
    if (account.uid == 0) return true;
    if (state.st_uid == account.uid) return (state.st_mode & S_IXUSR) != 0;
    if (state.st_gid == account.gid) return (state.st_mode & S_IXGRP) != 0;
    return (state.st_mode & S_IXOTH) != 0;
}

// Runs between fork and exec in a process whose other threads are gone: system calls only, since a
// lock of the C library may be held for ever.
[[noreturn]] void BecomeChild(const Command& command, char* const* words, char* const* environment,
                              bool switch_account) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number :
         {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2, SIGQUIT}) {
        std::signal(number, SIG_DFL);
    }
    // Ctrl-C in our terminal must not stop the server before we have finished with it.
    setsid();
    const int in = open("/dev/null", O_RDONLY);
    const int out = open(command.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(126);
    syscall(SYS_close_range, 3u, ~0u, 0u);
    if (switch_account) {
        if (syscall(SYS_setgroups, 0, nullptr) != 0 ||
            syscall(SYS_setgid, command.account.gid) != 0 ||
            syscall(SYS_setuid, command.account.uid) != 0) {
            _exit(126);
        }
    }
    // After the change of account, which clears it.
    if (command.death_signal != 0) prctl(PR_SET_PDEATHSIG, command.death_signal);
    if (chdir(command.working_folder.c_str()) != 0) _exit(126);
    execve(words[0], words, environment);
    _exit(127);
}

}  // namespace

Result<Account> ServerAccount() {
    if (geteuid() != 0) {
        const passwd* own = getpwuid(geteuid());
        return Account{own != nullptr ? own->pw_name : std::to_string(geteuid()), geteuid(),
                       getegid()};
    }
    for (const char* name : {"carestream", "postgres", "nobody"}) {
        const passwd* found = getpwnam(name);
        if (found != nullptr && found->pw_uid != 0)
            return Account{name, found->pw_uid, found->pw_gid};
    }
    return Fail(Code::kInvalid,
                "PostgreSQL does not run as root, and none of the accounts carestream, postgres, "
                "nobody exists; run: adduser --system --group carestream");
}

Result<void> CheckTraversal(const fs::path& folder, const Account& account) {
    fs::path current = "/";
    for (const fs::path& part : fs::absolute(folder).lexically_normal()) {
        current /= part;
        struct stat state {};
        if (stat(current.c_str(), &state) != 0) return {};  // not made yet: ours
        if (S_ISDIR(state.st_mode) && !MayEnter(state, account)) {
            return Fail(Code::kInvalid,
                        "the account '" + account.name + "' that runs PostgreSQL may not enter " +
                            current.string() +
                            "; move the state folder (CARESTREAM_STATE), or run: " + "chmod o+x " +
                            current.string(),
                        folder.string());
        }
    }
    return {};
}

Result<pid_t> Spawn(const Command& command) {
    std::vector<char*> words;
    for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    char locale[] = "LC_ALL=C.UTF-8";
    char zone[] = "TZ=UTC";
    char* environment[] = {path, locale, zone, nullptr};
    const bool switch_account = geteuid() == 0 && command.account.uid != 0;
    const pid_t pid = fork();
    if (pid < 0)
        return FailRetryable(std::string("cannot start a process: ") + std::strerror(errno));
    if (pid == 0) BecomeChild(command, words.data(), environment, switch_account);
    return pid;
}

std::optional<int> Ended(pid_t pid) {
    int status = 0;
    const pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == 0) return std::nullopt;
    if (got < 0) return 127;  // not our child any more
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<void> RunToEnd(const Command& command) {
    CARESTREAM_ASSIGN(pid, Spawn(command));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return FailRetryable(command.words[0] + " failed: " + LastLines(command.output, 5));
}

std::string LastLines(const fs::path& file, int lines) {
    std::ifstream in(file);
    std::deque<std::string> last;
    for (std::string line; std::getline(in, line);) {
        if (line.empty()) continue;
        last.push_back(line);
        if (static_cast<int>(last.size()) > lines) last.pop_front();
    }
    std::string text;
    for (const std::string& line : last) text += (text.empty() ? "" : " / ") + line;
    return text;
}

}  // namespace carestream::store
