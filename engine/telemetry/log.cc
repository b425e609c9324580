#include "telemetry/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>

#include "base/clock.h"
#include "base/text.h"

namespace carestream::telemetry {
namespace {

spdlog::level::level_enum ToSpdlog(Level level) {
    switch (level) {
        case Level::kDebug:
            return spdlog::level::debug;
        case Level::kInfo:
            return spdlog::level::info;
        case Level::kWarn:
            return spdlog::level::warn;
        case Level::kError:
            break;
    }
    return spdlog::level::err;
}

std::string_view NameOf(Level level) {
    switch (level) {
        case Level::kDebug:
            return "debug";
        case Level::kInfo:
            return "info";
        case Level::kWarn:
            return "warn";
        case Level::kError:
            break;
    }
    return "error";
}

Level LevelFromEnvironment() {
    const char* value = std::getenv("CARESTREAM_LOG");
    const std::string_view name = value == nullptr ? "" : value;
    for (const Level level : {Level::kDebug, Level::kWarn, Level::kError}) {
        if (name == NameOf(level)) return level;
    }
    return Level::kInfo;
}

// Control characters never reach a terminal or break a line, whatever a peer sent.
void AppendEscaped(std::string_view text, bool json, std::string& out) {
    constexpr char kHex[] = "0123456789abcdef";
    const bool utf8 = IsUtf8(text);
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (json && (c == '"' || c == '\\')) {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f || (byte > 0x7f && !utf8)) {
            out += "\\u00";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        } else {
            out += c;
        }
    }
}

void AppendMember(std::string_view name, std::string_view value, std::string& out) {
    out += out.empty() ? "{\"" : ",\"";
    AppendEscaped(name, true, out);
    out += "\":\"";
    AppendEscaped(value, true, out);
    out += '"';
}

std::string JsonLine(Level level, std::string_view event_id, std::string_view text,
                     Log::Fields fields) {
    std::string line;
    AppendMember("time", FormatInstant(SystemClock().Now()), line);
    AppendMember("level", NameOf(level), line);
    AppendMember("event", event_id, line);
    AppendMember("text", text, line);
    for (const auto& [name, value] : fields) AppendMember(name, value, line);
    line += '}';
    return line;
}

std::string TextLine(std::string_view event_id, std::string_view text, Log::Fields fields) {
    std::string line(event_id);
    line += ": ";
    AppendEscaped(text, false, line);
    for (const auto& [name, value] : fields) {
        line += ' ';
        line += name;
        line += '=';
        AppendEscaped(value, false, line);
    }
    return line;
}

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit FunctionSink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        write_({message.payload.data(), message.payload.size()});
    }
    void flush_() override {}

    std::function<void(std::string_view)> write_;
};

}  // namespace

struct Log::Sink {
    Sink(spdlog::sink_ptr sink, Level least, bool as_json)
        : logger("carestream", std::move(sink)), json(as_json) {
        logger.set_level(ToSpdlog(least));
        logger.flush_on(spdlog::level::trace);
        logger.set_pattern(json ? "%v" : "%Y-%m-%d %H:%M:%S.%e %^%-5l%$ %v");
    }
    spdlog::logger logger;
    bool json;
};

Log::Log() {
    if (isatty(STDERR_FILENO) != 0) {
        sink_ = std::make_unique<Sink>(std::make_shared<spdlog::sinks::stderr_color_sink_mt>(),
                                       LevelFromEnvironment(), false);
    } else {
        sink_ = std::make_unique<Sink>(std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                       LevelFromEnvironment(), true);
    }
}

Log::Log(Level least, std::function<void(std::string_view line)> write)
    : sink_(std::make_unique<Sink>(std::make_shared<FunctionSink>(std::move(write)), least, true)) {
}

Log::~Log() = default;

bool Log::Enabled(Level level) const {
    return sink_->logger.should_log(ToSpdlog(level));
}

void Log::Write(Level level, std::string_view event_id, std::string_view text, Fields fields) {
    if (!Enabled(level)) return;
    const std::string line =
        sink_->json ? JsonLine(level, event_id, text, fields) : TextLine(event_id, text, fields);
    sink_->logger.log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace carestream::telemetry
