#pragma once
// CPU time of this process and of a server with its children, for costs per message.
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace carestream::bench {

struct CpuTime {
    double own_us = 0;
    double server_us = 0;
};

// utime + stime of /proc/<pid>/stat if it is `server` or a child of it; children that ended are
// counted by their parent.
inline double ServerTicks(const std::string& pid, int server) {
    std::ifstream in("/proc/" + pid + "/stat");
    std::string text;
    std::getline(in, text);
    const std::size_t close = text.rfind(')');
    if (close == std::string::npos) return 0;
    int parent = 0;
    unsigned long long user = 0, system = 0, user_children = 0, system_children = 0;
    std::sscanf(text.c_str() + close + 2,
                "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &parent, &user,
                &system, &user_children, &system_children);
    const bool is_server = std::atoi(pid.c_str()) == server;
    if (!is_server && parent != server) return 0;
    return static_cast<double>(user + system + (is_server ? user_children + system_children : 0));
}

inline CpuTime ReadCpuTime(int server) {
    CpuTime time;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto micros = [](const timeval& value) {
        return static_cast<double>(value.tv_sec) * 1e6 + static_cast<double>(value.tv_usec);
    };
    time.own_us = micros(usage.ru_utime) + micros(usage.ru_stime);
    double ticks = 0;
    if (DIR* proc = opendir("/proc")) {
        while (const dirent* entry = readdir(proc)) {
            if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                ticks += ServerTicks(entry->d_name, server);
        }
        closedir(proc);
    }
    time.server_us = ticks * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
    return time;
}

}  // namespace carestream::bench
