#pragma once
// carestream send: MLLP sender and load client.
#include <cstdint>
#include <string>
#include <vector>

namespace carestream::cli {

struct SendCommand {
    std::string to;
    std::vector<std::string> paths;  // files or folders
    int connections = 1;
    double rate = 0;
    std::int64_t repeat = 1;
    double seconds_max = 0;
    bool quiet = false;  // only bad news
    bool json = false;
    bool tls = false;
    std::string ca_file;
    std::string certificate_file;
    std::string key_file;
};

// 0 = every message was answered AA or CA, 1 = not all, 2 = nothing could be sent.
[[nodiscard]] int Send(const SendCommand& command);

}  // namespace carestream::cli
