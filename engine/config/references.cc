#include "config/references.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace carestream::config {

namespace {

constexpr std::size_t kFileBytesMax = 64u << 10;

Result<std::string> ReadSecret(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return Fail(Code::kNotFound, "${file:}: cannot be read", file.string());
    std::string text(kFileBytesMax + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (text.size() > kFileBytesMax) {
        return Fail(Code::kLimit, "${file:}: larger than 64 KiB", file.string());
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

Result<std::string> ReadVariable(std::string_view body, const References& references) {
    const std::size_t dash = body.find(":-");
    const std::string name(body.substr(0, dash));
    if (name.empty() || !std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '_';
        })) {
        return Fail(Code::kInvalid, "${env:" + std::string(body) + "}: not a variable name");
    }
    const std::optional<std::string> value = references.environment(name);
    if (value && !(value->empty() && dash != std::string_view::npos)) return *value;
    if (dash != std::string_view::npos) return std::string(body.substr(dash + 2));
    return Fail(Code::kInvalid, "the environment variable " + name +
                                    " is not set; set it or write ${env:" + name + ":-default}");
}

}  // namespace

References References::OfProcess(std::filesystem::path folder) {
    return {[](const std::string& name) -> std::optional<std::string> {
                const char* value = std::getenv(name.c_str());
                return value == nullptr ? std::nullopt : std::optional<std::string>(value);
            },
            std::move(folder)};
}

Result<Resolved> Resolve(std::string_view text, const References& references) {
    Resolved resolved;
    for (;;) {
        const std::size_t begin = text.find("${");
        resolved.text += text.substr(0, begin);
        if (begin == std::string_view::npos) return resolved;
        const std::size_t end = text.find('}', begin);
        if (end == std::string_view::npos) return Fail(Code::kInvalid, "'${' without '}'");
        const std::string_view body = text.substr(begin + 2, end - begin - 2);
        if (body.find("${") != std::string_view::npos) {
            return Fail(Code::kInvalid, "a reference inside a reference is not allowed");
        }
        if (body.starts_with("env:")) {
            CARESTREAM_ASSIGN(value, ReadVariable(body.substr(4), references));
            resolved.text += value;
        } else if (body.starts_with("file:")) {
            CARESTREAM_ASSIGN(value, ReadSecret(references.folder / std::string(body.substr(5))));
            resolved.text += value;
            resolved.secret = true;
        } else {
            return Fail(Code::kInvalid,
                        "'${" + std::string(body) + "}' is neither ${env:NAME} nor ${file:path}");
        }
        text.remove_prefix(end + 1);
    }
}

std::string VariableIn(std::string_view text) {
    const std::size_t begin = text.find("${env:");
    if (begin == std::string_view::npos) return {};
    const std::string_view name = text.substr(begin + 6);
    return std::string(name.substr(0, std::min(name.find(":-"), name.find('}'))));
}

}  // namespace carestream::config
