#pragma once
// Structured logs, one line an event, on stderr: text on a terminal, JSON otherwise. Event ids are
// stable ("mllp.refused"); texts name paths and channels, never patients' values.
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace carestream::telemetry {

enum class Level { kDebug, kInfo, kWarn, kError };
using Field = std::pair<std::string_view, std::string>;

// Thread-safe; writes never block on anything but stderr.
class Log {
public:
    using Fields = std::initializer_list<Field>;

    Log();  // level from CARESTREAM_LOG (debug, info, warn, error), default info
    // Each event as one JSON line, without its line end, to `write`, one call at a time.
    Log(Level least, std::function<void(std::string_view line)> write);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    [[nodiscard]] bool Enabled(Level level) const;
    void Write(Level level, std::string_view event_id, std::string_view text, Fields fields = {});
    void Debug(std::string_view id, std::string_view text, Fields fields = {}) {
        Write(Level::kDebug, id, text, fields);
    }
    void Info(std::string_view id, std::string_view text, Fields fields = {}) {
        Write(Level::kInfo, id, text, fields);
    }
    void Warn(std::string_view id, std::string_view text, Fields fields = {}) {
        Write(Level::kWarn, id, text, fields);
    }
    void Error(std::string_view id, std::string_view text, Fields fields = {}) {
        Write(Level::kError, id, text, fields);
    }

private:
    struct Sink;
    std::unique_ptr<Sink> sink_;
};

}  // namespace carestream::telemetry
