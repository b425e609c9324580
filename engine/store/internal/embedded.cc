#include "store/internal/embedded.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "store/internal/embedded_folder.h"
#include "store/internal/pg.h"
#include "store/internal/pg_install.h"

namespace carestream::store {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};
constexpr milliseconds kWatch{100};
constexpr milliseconds kBackOffMin{100};
constexpr milliseconds kBackOffMax{5'000};
constexpr milliseconds kStopFast{60'000};
constexpr milliseconds kStopNow{5'000};
// What is wrong in the settings stays wrong; but after kill -9 the orphaned sessions hold the
// shared memory for a moment.
constexpr int kStartAttempts = 3;
constexpr int kOrphanAttempts = 20;

class Embedded final : public EmbeddedServer {
public:
    Embedded(const EmbeddedOptions& options, LogLine log)
        : options_(options), log_(std::move(log)), folder_(options.state_folder) {}

    ~Embedded() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        if (watcher_.joinable()) watcher_.join();
        if (owner_) Stop();
        if (lock_ >= 0) close(lock_);
    }

    [[nodiscard]] std::string url() const override {
        const std::lock_guard lock(mutex_);
        return url_;
    }
    [[nodiscard]] fs::path data_folder() const override { return folder_.data(); }
    [[nodiscard]] int pid() const override { return pid_; }

    Result<void> Run();

private:
    void Log(const char* level, const char* id, const std::string& text) const {
        if (log_) log_(level, id, text);
    }
    [[nodiscard]] bool TryLock();
    [[nodiscard]] bool Stopping() const {
        const std::lock_guard lock(mutex_);
        return stopping_;
    }
    // False when told to stop meanwhile.
    bool Sleep(milliseconds time) {
        std::unique_lock lock(mutex_);
        return !wake_.wait_for(lock, time, [this] { return stopping_; });
    }
    [[nodiscard]] Result<void> EnsureCluster();
    [[nodiscard]] Result<void> EnsureRunning();
    [[nodiscard]] Result<void> Launch();
    [[nodiscard]] bool Adopt();
    [[nodiscard]] bool Alive();
    [[nodiscard]] bool WaitAnswer(SteadyClock::time_point deadline);
    [[nodiscard]] Result<void> Attach();
    [[nodiscard]] Result<void> EnsureDatabase();
    void SetUrl(const fs::path& socket_folder);
    void Watch();
    void Stop();
    [[nodiscard]] bool WaitGone(milliseconds time);

    const EmbeddedOptions options_;
    const LogLine log_;
    EmbeddedFolder folder_;
    PgInstall install_;
    int lock_ = -1;
    bool owner_ = false;  // holds the supervisor lock; Start's thread, then the watcher's
    bool child_ = false;  // of this process, so that waitpid works
    std::atomic<int> pid_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  // guarded by mutex_
    std::string url_;        // guarded by mutex_
    std::thread watcher_;
};

bool Embedded::TryLock() {
    if (owner_) return true;
    if (lock_ < 0) lock_ = open(folder_.supervisor().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    owner_ = lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) == 0;
    return owner_;
}

void Embedded::SetUrl(const fs::path& socket_folder) {
    const std::lock_guard lock(mutex_);
    url_ = SocketUrl(socket_folder, "carestream");
}

Result<void> Embedded::EnsureCluster() {
    CARESTREAM_ASSIGN(install, FindPostgres(folder_.ClusterMajor()));
    install_ = install;
    if (folder_.ClusterMajor() != 0) return {};
    Log("info", "postgres-init", "making the embedded PostgreSQL in " + folder_.data().string());
    return folder_.MakeCluster(install_.bin);
}

bool Embedded::Adopt() {
    const EmbeddedFolder::Running running = folder_.FindRunning();
    if (running.pid == 0) return false;
    if (pid_ != running.pid) {
        pid_ = running.pid;
        child_ = false;
        Log("info", "postgres-adopted",
            "taking over the running PostgreSQL, process " + std::to_string(running.pid));
    }
    if (!running.socket_folder.empty()) SetUrl(running.socket_folder);
    return true;
}

Result<void> Embedded::Launch() {
    CARESTREAM_ASSIGN(socket_folder, folder_.MakeSocketFolder());
    CARESTREAM_TRY(folder_.WriteSettings(socket_folder, options_.shared_buffers_mb));
    Command command;
    command.words = {(install_.bin / "postgres").string(), "-D", folder_.data().string()};
    command.account = folder_.account();
    command.output = folder_.start_log();
    command.working_folder = folder_.data();
    if (options_.stop_with_parent) command.death_signal = SIGQUIT;
    CARESTREAM_ASSIGN(pid, Spawn(command));
    pid_ = pid;
    child_ = true;
    SetUrl(socket_folder);
    return {};
}

bool Embedded::Alive() {
    const int pid = pid_;
    if (pid == 0) return false;
    const bool alive = child_ ? !Ended(pid).has_value() : folder_.FindRunning().pid == pid;
    if (!alive) pid_ = 0;
    return alive;
}

bool Embedded::WaitAnswer(SteadyClock::time_point deadline) {
    while (SteadyClock::now() < deadline && Alive()) {
        // An adopted server that was just starting writes its socket's folder late.
        if (!child_ && !Adopt()) return false;
        if (!url().empty() && pg::Answers(url())) return true;
        if (!Sleep(kPoll)) return false;
    }
    return false;
}

Result<void> Embedded::EnsureRunning() {
    const auto deadline = SteadyClock::now() + milliseconds(options_.start_timeout_ms);
    milliseconds back_off = kBackOffMin;
    for (int attempt = 1;; ++attempt) {
        if (!Adopt()) CARESTREAM_TRY(Launch());
        if (WaitAnswer(deadline)) return {};
        if (Stopping()) return FailRetryable("stopped while PostgreSQL was starting");
        const bool late = SteadyClock::now() >= deadline;
        const std::string said = LastLines(folder_.start_log(), 3);
        const bool orphans = said.find("shared memory") != std::string::npos;
        if (late || attempt >= (orphans ? kOrphanAttempts : kStartAttempts)) {
            return FailRetryable("PostgreSQL does not " + std::string(late ? "answer" : "start") +
                                 "; its log is in " + folder_.log().string() +
                                 "; it said: " + said);
        }
        if (!Sleep(back_off)) return FailRetryable("stopped while PostgreSQL was starting");
        back_off = std::min(back_off * 2, kBackOffMax);
    }
}

// Another daemon supervises: its server is used as it is, or taken over when that daemon goes away.
Result<void> Embedded::Attach() {
    const auto deadline = SteadyClock::now() + milliseconds(options_.start_timeout_ms);
    while (SteadyClock::now() < deadline) {
        if (TryLock()) {
            CARESTREAM_TRY(EnsureCluster());
            return EnsureRunning();
        }
        const EmbeddedFolder::Running running = folder_.FindRunning();
        if (running.pid != 0 && !running.socket_folder.empty()) {
            pid_ = running.pid;
            SetUrl(running.socket_folder);
            if (pg::Answers(url())) return {};
        }
        std::this_thread::sleep_for(kWatch);
    }
    return FailRetryable("another daemon supervises the PostgreSQL in " + folder_.root().string() +
                         ", and it does not answer");
}

Result<void> Embedded::EnsureDatabase() {
    pg::ConnectOptions options;
    options.url = url();
    const std::size_t at = options.url.find("/carestream?");
    options.url.replace(at, 12, "/postgres?");
    CARESTREAM_ASSIGN(connection, pg::Connection::Connect(options));
    CARESTREAM_ASSIGN(found,
                      connection.Query("select 1 from pg_database where datname = 'carestream'"));
    if (!found.empty()) return {};
    const Result<void> made = connection.Execute("create database carestream");
    // 42P04: another daemon that attached at the same time was first.
    if (!made && connection.sqlstate() != "42P04") return made;
    return {};
}

Result<void> Embedded::Run() {
    CARESTREAM_TRY(folder_.Prepare());
    if (TryLock()) {
        CARESTREAM_TRY(EnsureCluster());
        CARESTREAM_TRY(EnsureRunning());
    } else {
        CARESTREAM_TRY(Attach());
    }
    CARESTREAM_TRY(EnsureDatabase());
    CARESTREAM_TRY(folder_.WriteConnection(url()));
    watcher_ = std::thread([this] { Watch(); });
    return {};
}

void Embedded::Watch() {
    milliseconds back_off = kBackOffMin;
    while (Sleep(kWatch)) {
        if (!owner_) {
            if (!TryLock()) continue;
            Log("info", "postgres-supervising", "the daemon that supervised PostgreSQL is gone");
            if (const Result<void> ready = EnsureCluster(); !ready) {
                Log("error", "postgres-start", ready.error().ToString());
                continue;
            }
        }
        if (Alive()) {
            back_off = kBackOffMin;
            continue;
        }
        Log("warn", "postgres-died", "PostgreSQL ended; starting it again");
        const Result<void> started = EnsureRunning();
        if (Stopping()) return;
        if (started) {
            (void)folder_.WriteConnection(url());
            Log("info", "postgres-restarted", "PostgreSQL answers again");
            continue;
        }
        Log("error", "postgres-start", started.error().ToString());
        if (!Sleep(back_off)) return;
        back_off = std::min(back_off * 2, kBackOffMax);
    }
}

bool Embedded::WaitGone(milliseconds time) {
    const auto deadline = SteadyClock::now() + time;
    while (SteadyClock::now() < deadline) {
        if (!Alive()) return true;
        std::this_thread::sleep_for(kPoll);
    }
    return false;
}

void Embedded::Stop() {
    const int pid = pid_;
    if (pid == 0) return;
    kill(pid, SIGINT);
    if (WaitGone(kStopFast)) return;
    Log("warn", "postgres-slow-stop", "PostgreSQL does not stop; ending it without a checkpoint");
    kill(pid, SIGQUIT);
    (void)WaitGone(kStopNow);
}

}  // namespace

Result<std::unique_ptr<EmbeddedServer>> EmbeddedServer::Start(const EmbeddedOptions& options,
                                                              LogLine log) {
    auto server = std::make_unique<Embedded>(options, std::move(log));
    CARESTREAM_TRY(server->Run());
    return server;
}

Result<std::string> EmbeddedUrl(const fs::path& state_folder) {
    return EmbeddedFolder(state_folder).ReadConnection();
}

}  // namespace carestream::store
