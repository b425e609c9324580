#include "command_send.h"

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include "adapters/mllp/client.h"
#include "fhir/json.h"
#include "hl7/batch.h"
#include "terminal.h"

namespace carestream::cli {

namespace {

using adapters::mllp::SendOptions;
using adapters::mllp::SendReport;

Result<std::vector<std::string>> ReadMessages(const std::vector<std::string>& paths) {
    namespace fs = std::filesystem;
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        if (!fs::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        for (const auto& entry : fs::recursive_directory_iterator(path)) {
            if (entry.is_regular_file() && entry.path().extension() == ".hl7")
                files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    std::vector<std::string> messages;
    for (const std::string& file : files) {
        CARESTREAM_ASSIGN(text, ReadFileOrStdin(file));
        for (const std::string_view message : hl7::SplitMessages(text))
            messages.emplace_back(message);
    }
    if (messages.empty()) return Fail(Code::kInvalid, "no HL7 message in the given files");
    return messages;
}

std::int64_t Accepted(const SendReport& report) {
    std::int64_t accepted = 0;
    for (const auto& [code, count] : report.codes) {
        if (code == "AA" || code == "CA") accepted += count;
    }
    return accepted;
}

void PrintJson(const SendReport& report) {
    std::cout << "{\"sent\":" << report.sent << ",\"answered\":" << report.answered
              << ",\"codes\":{";
    const char* comma = "";
    for (const auto& [code, count] : report.codes) {
        std::string name;
        fhir::WriteJsonString(code, name);  // MSA-1 is the peer's text
        std::cout << comma << name << ':' << count;
        comma = ",";
    }
    std::cout << "},\"seconds\":" << report.seconds << ",\"p50_ms\":" << report.p50_ms
              << ",\"p99_ms\":" << report.p99_ms << ",\"max_ms\":" << report.max_ms << "}\n";
}

void PrintReport(const SendReport& report) {
    std::cout << std::fixed << std::setprecision(2) << report.answered << " of " << report.sent
              << " answered in " << report.seconds << " s";
    if (report.seconds > 0) {
        std::cout << " (" << std::setprecision(0)
                  << static_cast<double>(report.answered) / report.seconds << " messages/s)"
                  << std::setprecision(2);
    }
    std::cout << "\nACK codes:";
    for (const auto& [code, count] : report.codes) {
        const bool good = code == "AA" || code == "CA";
        std::cout << ' ' << Paint(good ? Style::kGreen : Style::kRed, code.empty() ? "none" : code)
                  << ' ' << count;
    }
    std::cout << "\nlatency: p50 " << report.p50_ms << " ms, p99 " << report.p99_ms << " ms, max "
              << report.max_ms << " ms\n";
}

}  // namespace

int Send(const SendCommand& command) {
    const auto address = net::ParseAddress(command.to);
    if (!address) {
        PrintError(address.error());
        return 2;
    }
    const auto messages = ReadMessages(command.paths);
    if (!messages) {
        PrintError(messages.error());
        return 2;
    }
    SendOptions options;
    options.to = *address;
    options.connections = command.connections;
    options.rate = command.rate;
    options.repeat = command.repeat;
    options.seconds_max = command.seconds_max;
    options.tls = command.tls;
    options.tls_options.ca_file = command.ca_file;
    options.tls_options.certificate_file = command.certificate_file;
    options.tls_options.key_file = command.key_file;
    if (StderrIsTerminal() && !command.quiet) {
        options.on_progress = [](std::int64_t done) {
            std::cerr << '\r' << done << " answered" << std::flush;
        };
    }
    const auto report = adapters::mllp::SendMessages(*messages, options);
    if (StderrIsTerminal() && !command.quiet) std::cerr << "\r\x1b[K";
    if (!report) {
        PrintError(report.error());
        return 2;
    }
    for (const auto& [error, count] : report->errors)
        PrintError(std::to_string(count) + " times: " + error);
    const bool all = Accepted(*report) == report->sent && report->sent > 0;
    if (command.json) {
        PrintJson(*report);
    } else if (!command.quiet || !all) {
        PrintReport(*report);
    }
    return all ? 0 : 1;
}

}  // namespace carestream::cli
