#include "app/internal/admin_answer.h"

#include <pwd.h>

#include <array>
#include <charconv>

#include "base/text.h"
#include "fhir/json.h"

namespace carestream::app {

using fhir::Node;
using net::Request;
using net::Response;

Response Json(int status, const Node& node) {
    return Response::Text(status, "application/json", fhir::ToJson(node) + "\n");
}

Response Failure(int status, const std::string& text) {
    Node node = Node::Object();
    node.Set("error", Node::String(text));
    return Json(status, node);
}

Response Failure(const Error& error) {
    switch (error.code) {
        case Code::kInvalid:
            return Failure(400, error.ToString());
        case Code::kNotFound:
            return Failure(404, error.ToString());
        case Code::kGone:
            return Failure(410, error.ToString());
        case Code::kConflict:
            return Failure(409, error.ToString());
        case Code::kLimit:
            return Failure(429, error.ToString());
        case Code::kUnavailable:
            return Failure(503, error.ToString());
        default:
            return Failure(500, error.ToString());
    }
}

Node Number(std::int64_t value) {
    return Node::Number(std::to_string(value));
}
Node Instant(Micros time) {
    return time == 0 ? Node::String("") : Node::String(FormatInstant(time));
}

std::string AsUtf8(const std::string& raw) {
    if (IsUtf8(raw)) return raw;
    std::string text;
    for (const char c : raw) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xC0 | (byte >> 6));
            text += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return text;
}

std::string ActorOf(const Request& request) {
    if (!request.peer_user) return "admin.sock";
    const uid_t user = *request.peer_user;
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    const int failed = ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
    const std::string number = "uid " + std::to_string(user);
    return failed != 0 || found == nullptr ? number
                                           : std::string(found->pw_name) + " (" + number + ")";
}

Result<std::int64_t> ParseNumber(std::string_view text, std::int64_t max) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > max) {
        return Fail(Code::kInvalid,
                    "'" + std::string(text) + "' is no number up to " + std::to_string(max));
    }
    return number;
}

std::string Parameter(const net::Parameters& parameters, std::string_view name) {
    for (const auto& [key, value] : parameters) {
        if (key == name) return value;
    }
    return {};
}

Result<store::Tenant> TenantOf(const std::map<std::string, store::Tenant>& tenants,
                               std::string name) {
    if (name.empty()) name = "main";
    const auto found = tenants.find(name);
    if (found != tenants.end()) return found->second;
    return Fail(Code::kNotFound, "unknown tenant '" + name + "'");
}

Result<int> LimitOf(const std::string& text) {
    if (text.empty()) return 100;
    CARESTREAM_ASSIGN(limit, ParseNumber(text, kListMax));
    return static_cast<int>(limit);
}

}  // namespace carestream::app
