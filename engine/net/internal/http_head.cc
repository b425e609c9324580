#include "net/internal/http_head.h"

#include <array>
#include <charconv>

#include "base/text.h"

namespace carestream::net {
namespace {

char Lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

void AppendNumber(std::size_t number, std::string& out) {
    std::array<char, 20> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number);
    out.append(text.data(), end.ptr);
}

void AppendHeader(std::string_view name, std::string_view value, std::string& out) {
    out += name;
    out += ": ";
    const std::size_t start = out.size();
    out += value;
    for (std::size_t i = start; i < out.size(); ++i) {
        if (static_cast<unsigned char>(out[i]) < 0x20) out[i] = ' ';
    }
    out += "\r\n";
}

// The weight after "name" in an element such as "gzip;q=0.5": only zero or not matters here.
bool WeightIsZero(std::string_view parameters) {
    const auto q = parameters.find("q=");
    if (q == std::string_view::npos) return false;
    const auto weight = Trim(parameters.substr(q + 2));
    return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

std::string_view ReasonPhrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 426:
            return "Upgrade Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        default:
            return "Status";
    }
}

void AppendHead(const Response& response, const HeadOptions& options, std::string& out) {
    out += "HTTP/1.1 ";
    AppendNumber(static_cast<std::size_t>(response.status), out);
    out += ' ';
    out += ReasonPhrase(response.status);
    out += "\r\n";
    AppendHeader("Date", options.date, out);
    for (const auto& [name, value] : response.headers) AppendHeader(name, value, out);
    if (options.gzip) AppendHeader("Content-Encoding", "gzip", out);
    if (options.vary) AppendHeader("Vary", "Accept-Encoding", out);
    if (HasBody(response.status)) {
        out += "Content-Length: ";
        AppendNumber(options.content_bytes, out);
        out += "\r\n";
    }
    if (!options.keep_alive) {
        out += "Connection: close\r\n";
    } else if (options.http_1_0) {
        out += "Connection: keep-alive\r\n";
    }
    out += "\r\n";
}

bool AcceptsGzip(std::string_view accept_encoding) {
    bool star = false;
    for (std::string_view element : Split(accept_encoding, ',')) {
        const auto semicolon = element.find(';');
        const std::string_view name = Trim(element.substr(0, semicolon));
        const bool zero =
            semicolon != std::string_view::npos && WeightIsZero(element.substr(semicolon));
        if (EqualsIgnoringCase(name, "gzip")) return !zero;
        if (name == "*") star = !zero;
    }
    return star;
}

bool Compressible(const Response& response) {
    bool text = false;
    for (const auto& [name, value] : response.headers) {
        // What is offered in ranges is sent as it is: its tag is of these very bytes.
        if (EqualsIgnoringCase(name, "Content-Encoding") ||
            EqualsIgnoringCase(name, "Accept-Ranges")) {
            return false;
        }
        if (EqualsIgnoringCase(name, "Content-Type")) {
            text = value.starts_with("text/") || value.find("json") != std::string::npos ||
                   value.find("xml") != std::string::npos;
        }
    }
    return text;
}

bool HasBody(int status) {
    return status >= 200 && status != 204 && status != 304;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (Lower(a[i]) != Lower(b[i])) return false;
    }
    return true;
}

}  // namespace carestream::net
