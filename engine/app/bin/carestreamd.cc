// carestreamd: reads the command line, shields the process, waits for signals.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>

#include "app/daemon.h"
#include "base/home.h"
#include "config/documents.h"

namespace {

using carestream::Error;
using carestream::app::Daemon;

constexpr const char* kUsage =
    R"(carestreamd: HL7 v2 in, FHIR R4 out.

usage: carestreamd --config FILE            run in the foreground
       carestreamd --config FILE --check    check configuration, channels and mappings, then exit
       carestreamd --config FILE --print-config   what is in force, defaults included, secrets masked
       carestreamd --version

SIGHUP reads channels and mappings again; SIGTERM and SIGINT stop cleanly.
)";

enum class Mode { kRun, kCheck, kPrint };

struct Arguments {
    std::string config;
    Mode mode = Mode::kRun;
};

// The write end of a pipe: a signal handler may do little more than write a byte. Set once before
// the handlers are installed.
std::atomic<int> signal_pipe = -1;
std::atomic<bool> stop_signalled = false;

void OnSignal(int signal) {
    const int saved = errno;
    if (signal != SIGHUP) stop_signalled = true;
    const char byte = signal == SIGHUP ? 'r' : 's';
    (void)!::write(signal_pipe, &byte, 1);
    errno = saved;
}

// 0 = go on; else the exit status.
std::optional<int> ParseArguments(int argc, char** argv, Arguments& arguments) {
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--help" || word == "-h") {
            std::cout << kUsage;
            return 0;
        }
        if (word == "--version") {
            std::cout << "carestreamd " << carestream::app::Version() << '\n';
            return 0;
        }
        if (word == "--check") {
            arguments.mode = Mode::kCheck;
        } else if (word == "--print-config") {
            arguments.mode = Mode::kPrint;
        } else if (word == "--config" && i + 1 < argc) {
            arguments.config = argv[++i];
        } else if (word.starts_with("--config=")) {
            arguments.config = word.substr(std::strlen("--config="));
        } else {
            std::cerr << "carestreamd: unknown argument '" << word << "'\n\n" << kUsage;
            return 2;
        }
    }
    if (arguments.config.empty()) {
        std::cerr << "carestreamd: --config FILE is missing\n\n" << kUsage;
        return 2;
    }
    return std::nullopt;
}

int PrintErrors(const std::vector<Error>& errors) {
    for (const Error& error : errors) std::cerr << "carestreamd: " << error.ToString() << '\n';
    return errors.empty() ? 0 : 1;
}

int PrintConfig(const std::string& file) {
    const auto home = carestream::FindHome();
    if (!home) return PrintErrors({home.error()});
    const auto read = carestream::app::ReadSettingsFile(file, *home);
    if (!read.errors.empty()) return PrintErrors(read.errors);
    std::cout << carestream::config::DumpYaml(read.settings.values);
    return 0;
}

// No core dumps (they would hold patients' data), private files, enough descriptors.
void ShieldProcess() {
    ::umask(077);
    ::prctl(PR_SET_DUMPABLE, 0);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
}

bool InstallHandlers(int& read_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    read_end = ends[0];
    signal_pipe = ends[1];
    struct sigaction action {};
    action.sa_handler = OnSignal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGHUP, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return true;
}

int Run(const std::string& config) {
    ShieldProcess();
    int signals = -1;
    if (!InstallHandlers(signals)) {
        std::cerr << "carestreamd: cannot make a pipe\n";
        return 1;
    }
    Daemon daemon(config);
    const std::vector<Error> errors = daemon.Start([] { return stop_signalled.load(); });
    if (!errors.empty()) {
        const int status = PrintErrors(errors);
        daemon.Stop();
        return status;
    }
    while (!stop_signalled) {
        pollfd waiting{signals, POLLIN, 0};
        ::poll(&waiting, 1, -1);
        char bytes[64];
        const auto count = ::read(signals, bytes, sizeof bytes);
        for (ssize_t i = 0; i < count && !stop_signalled; ++i) {
            if (bytes[i] == 'r') daemon.Reload();
        }
    }
    daemon.log().Info("daemon.stop", "stopping");
    daemon.Stop();
    daemon.log().Info("daemon.stopped", "stopped");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (const auto status = ParseArguments(argc, argv, arguments)) return *status;
    switch (arguments.mode) {
        case Mode::kCheck: {
            const int status = PrintErrors(carestream::app::Check(arguments.config));
            if (status == 0) std::cout << "the configuration is valid\n";
            return status;
        }
        case Mode::kPrint:
            return PrintConfig(arguments.config);
        case Mode::kRun:
            break;
    }
    return Run(arguments.config);
}
