#include "adapters/file/destination.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace carestream::adapters::file {

namespace {

namespace fs = std::filesystem;
using channel::Sending;
using config::Field;
using config::Type;

constexpr std::size_t kNameMax = 100;
constexpr mode_t kMode = 0640;

Error Unavailable(const std::string& what, const fs::path& path) {
    return Error{
        Code::kUnavailable, what + ": " + std::strerror(errno), path.string(), {}, 0, true};
}

std::string NameOf(const std::string& control_id) {
    std::string name;
    for (const char c : control_id.substr(0, kNameMax)) {
        const auto byte = static_cast<unsigned char>(c);
        name += byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_') ? c : '_';
    }
    return name;
}

bool WriteAll(int handle, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(handle, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(handle) == 0;
}

Result<void> SyncFolder(const fs::path& folder) {
    const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = handle >= 0 && ::fsync(handle) == 0;
    Error error = done ? Error{} : Unavailable("cannot be written", folder);
    if (handle >= 0) ::close(handle);
    if (!done) return Fail(std::move(error));
    return {};
}

// The file is there with all its bytes, or not at all.
Result<void> WriteWhole(const fs::path& path, std::string_view bytes) {
    const fs::path temporary = path.parent_path() / ("." + path.filename().string() + ".tmp");
    const int handle = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
    if (handle < 0) return Fail(Unavailable("cannot be made", temporary));
    bool done = WriteAll(handle, bytes);
    Error error = done ? Error{} : Unavailable("cannot be written", temporary);
    ::close(handle);
    if (done && ::rename(temporary.c_str(), path.c_str()) != 0) {
        done = false;
        error = Unavailable("cannot get its name", path);
    }
    if (done) return SyncFolder(path.parent_path());
    ::unlink(temporary.c_str());
    return Fail(std::move(error));
}

class Destination final : public channel::Destination {
public:
    explicit Destination(DestinationOptions options) : options_(std::move(options)) {}

    void Start(channel::AnswerSink&) override {}
    void Open(std::function<void(Result<void>)> done) override {
        std::error_code error;
        if (fs::is_directory(options_.folder, error)) return done({});
        done(Fail(Error{
            Code::kUnavailable, "the folder is not there", options_.folder.string(), {}, 0, true}));
    }
    bool IsOpen() const override { return true; }
    void Send(channel::Outgoing message, std::function<void(Sending)> done) override {
        if (auto written = Write(message); !written) {
            return done({Sending::End::kUnsent, std::move(written).error()});
        }
        done({Sending::End::kTaken, {}});
    }
    void Stop() override {}
    std::string Describe() const override { return options_.folder.string(); }

private:
    Result<void> Write(const channel::Outgoing& message) const {
        const std::string name = NameOf(message.control_id);
        fs::path path = options_.folder / (name + options_.extension);
        if (Holds(path, message.bytes)) return {};
        std::error_code error;
        if (fs::exists(path, error)) {
            std::string sum;
            for (int shift = 56; shift >= 0; shift -= 8) {
                sum += static_cast<char>(Fnv64(message.bytes) >> shift & 0xff);
            }
            path = options_.folder / (name + "-" + ToHex(sum) + options_.extension);
            if (Holds(path, message.bytes)) return {};
        }
        return WriteWhole(path, message.bytes);
    }
    static bool Holds(const fs::path& path, const std::string& bytes) {
        const auto there = ReadFile(path);
        return there && *there == bytes;
    }

    const DestinationOptions options_;
};

Field FileField() {
    return {
        .key = "file",
        .type = Type::kObject,
        .description =
            "A file for each message, named by its MSH-10. It appears when it is "
            "whole; readers skip names that begin with a dot.",
        .fields = {
            {.key = "folder",
             .type = Type::kPath,
             .description = "Where files are written; it has to exist. A relative path starts "
                            "at the channel file's folder.",
             .required = true,
             .example = "/var/spool/carestream/lab"},
            {.key = "extension", .description = "The end of each name.", .default_text = ".hl7"},
        }};
}

}  // namespace

std::unique_ptr<channel::Destination> MakeDestination(DestinationOptions options) {
    return std::make_unique<Destination>(std::move(options));
}

channel::DestinationType DestinationType() {
    return {FileField(),
            [](const config::Values& values, const channel::DestinationParts& parts)
                -> Result<std::unique_ptr<channel::Destination>> {
                DestinationOptions options{
                    (parts.folder / values.String("folder")).lexically_normal(),
                    values.String("extension")};
                std::error_code error;
                if (!fs::is_directory(options.folder, error)) {
                    return FailAt(values.PositionOf("folder"),
                                  "'" + options.folder.string() + "' is no folder; make it first");
                }
                if (options.extension.find('/') != std::string::npos) {
                    return FailAt(values.PositionOf("extension"), "'extension' holds a '/'");
                }
                return MakeDestination(std::move(options));
            },
            true};
}

}  // namespace carestream::adapters::file
