#include "rest/internal/headers.h"

#include <charconv>

#include "base/text.h"

namespace carestream::rest {
namespace {

// "name; a=b" -> name in lower case; `parameters` gets the rest.
std::string MediaTypeOf(std::string_view text, std::string_view& parameters) {
    const auto semicolon = text.find(';');
    parameters = semicolon == std::string_view::npos ? "" : text.substr(semicolon + 1);
    return ToLowerAscii(Trim(text.substr(0, semicolon)));
}

// The value of "name=value" among parameters, without quotes, in lower case.
std::string ParameterOf(std::string_view parameters, std::string_view name) {
    for (std::string_view piece : Split(parameters, ';')) {
        const auto equals = piece.find('=');
        if (equals == std::string_view::npos) continue;
        if (ToLowerAscii(Trim(piece.substr(0, equals))) != name) continue;
        std::string_view value = Trim(piece.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        return ToLowerAscii(value);
    }
    return {};
}

bool IsR4(std::string_view version) {
    return version.empty() || version.starts_with("4.0");
}

bool IsUtf8OfR4(std::string_view parameters) {
    const std::string charset = ParameterOf(parameters, "charset");
    return (charset.empty() || charset == "utf-8" || charset == "utf8") &&
           IsR4(ParameterOf(parameters, "fhirversion"));
}

bool RangeTakesJson(std::string_view range) {
    std::string_view parameters;
    const std::string type = MediaTypeOf(range, parameters);
    const std::string weight = ParameterOf(parameters, "q");
    if (!weight.empty() && weight.find_first_not_of("0.") == std::string::npos) return false;
    if (!IsR4(ParameterOf(parameters, "fhirversion"))) return false;
    return type == "*/*" || type == "application/*" || type == "application/fhir+json" ||
           type == "application/json" || type == "text/json" || type == "json";
}

Result<void> ApplyPreference(std::string_view name, std::string_view value, Preferences& into) {
    if (name == "return") {
        if (value == "minimal") {
            into.returning = ReturnPreference::kMinimal;
        } else if (value == "representation") {
            into.returning = ReturnPreference::kRepresentation;
        } else if (value == "operationoutcome") {
            into.returning = ReturnPreference::kOutcome;
        } else {
            return Fail(Code::kInvalid, "return is minimal, representation or OperationOutcome",
                        "Prefer");
        }
    } else if (name == "handling") {
        if (value != "strict" && value != "lenient") {
            return Fail(Code::kInvalid, "handling is strict or lenient", "Prefer");
        }
        into.strict = value == "strict";
    }
    return {};
}

}  // namespace

Result<Preferences> ParsePrefer(const net::Request& request) {
    Preferences preferences;
    for (const auto& [name, value] : request.headers) {
        if (name.size() != 6 || ToLowerAscii(name) != "prefer") continue;
        for (std::string_view list : Split(value, ',')) {
            for (std::string_view piece : Split(list, ';')) {
                const auto equals = piece.find('=');
                if (equals == std::string_view::npos) continue;
                const std::string key = ToLowerAscii(Trim(piece.substr(0, equals)));
                std::string_view text = Trim(piece.substr(equals + 1));
                if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
                    text = text.substr(1, text.size() - 2);
                }
                CARESTREAM_TRY(ApplyPreference(key, ToLowerAscii(text), preferences));
            }
        }
    }
    return preferences;
}

bool AcceptsJson(std::string_view accept, std::string_view format) {
    if (!format.empty()) {
        // "application/fhir+json" with its plus read as a space is a mistake that clients make.
        return RangeTakesJson(format) || Trim(format) == "application/fhir json";
    }
    if (Trim(accept).empty()) return true;
    for (std::string_view range : Split(accept, ',')) {
        if (RangeTakesJson(range)) return true;
    }
    return false;
}

bool IsJsonContent(std::string_view content_type) {
    std::string_view parameters;
    const std::string type = MediaTypeOf(content_type, parameters);
    return (type == "application/fhir+json" || type == "application/json") &&
           IsUtf8OfR4(parameters);
}

bool IsJsonPatchContent(std::string_view content_type) {
    std::string_view parameters;
    return MediaTypeOf(content_type, parameters) == kJsonPatch && IsUtf8OfR4(parameters);
}

bool IsFormContent(std::string_view content_type) {
    std::string_view parameters;
    return MediaTypeOf(content_type, parameters) == "application/x-www-form-urlencoded";
}

std::string ETagOf(std::int32_t version) {
    return "W/\"" + std::to_string(version) + "\"";
}

Result<std::int32_t> ParseETag(std::string_view text) {
    text = Trim(text);
    if (text.starts_with("W/")) text.remove_prefix(2);
    std::int32_t version = 0;
    if (text.size() >= 3 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
        const auto end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, version);
        if (parsed.ec == std::errc() && parsed.ptr == end && version > 0) return version;
    }
    return Fail(Code::kInvalid, "an entity tag of this server looks like W/\"3\"");
}

bool IsAnyTag(std::string_view if_match) {
    return Trim(if_match) == "*";
}

bool NoneMatchNames(std::string_view if_none_match, std::int32_t version) {
    for (std::string_view tag : Split(if_none_match, ',')) {
        if (Trim(tag) == "*") return true;
        const auto parsed = ParseETag(tag);
        if (parsed && *parsed == version) return true;
    }
    return false;
}

bool IsHost(std::string_view text) {
    if (text.empty() || text.size() > 255) return false;
    for (const char c : text) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' || c == '[' ||
                          c == ']' || c == '_';
        if (!good) return false;
    }
    return true;
}

}  // namespace carestream::rest
