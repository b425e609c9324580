#include "adapters/http/answer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "hl7/header.h"
#include "net/url.h"

namespace carestream::adapters::http {

namespace {

constexpr int kGatewayTimeout = 504;

// Table 0211 -> IANA.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kCharsets = {{
    {"ASCII", "us-ascii"},
    {"UNICODE UTF-8", "utf-8"},
    {"UTF-8", "utf-8"},
    {"UNICODE UTF-16", "utf-16"},
    {"GB 18030-2000", "gb18030"},
    {"BIG-5", "big5"},
    {"KS X 1001", "euc-kr"},
}};

std::string CharsetOf(std::string_view table_0211) {
    const std::string_view name = Trim(table_0211.substr(0, table_0211.find('~')));
    constexpr std::string_view kLatin = "8859/";
    if (name.starts_with(kLatin) && IsDigits(name.substr(kLatin.size()))) {
        return "iso-8859-" + std::string(name.substr(kLatin.size()));
    }
    const auto known = std::find_if(kCharsets.begin(), kCharsets.end(),
                                    [&](const auto& row) { return row.first == name; });
    return known == kCharsets.end() ? std::string() : std::string(known->second);
}

}  // namespace

Verdict Judge(int status, const std::vector<int>& retry_on) {
    if (status >= 200 && status < 300) return Verdict::kTaken;
    // A gateway passed it on and heard nothing.
    if (status == kGatewayTimeout) return Verdict::kInDoubt;
    if (status >= 400 && status < 500) {
        const bool retry = std::find(retry_on.begin(), retry_on.end(), status) != retry_on.end();
        return retry ? Verdict::kNotNow : Verdict::kRefused;
    }
    return Verdict::kNotNow;
}

bool IsMessage(std::string_view body) {
    return Trim(body).starts_with("MSH");
}

std::string ContentTypeOf(std::string_view bytes) {
    if (bytes.starts_with('{')) return "application/fhir+json";
    const auto header = hl7::ScanHeader(bytes);
    const std::string charset = header ? CharsetOf(header->charset) : std::string();
    return charset.empty() ? "application/hl7-v2" : "application/hl7-v2; charset=" + charset;
}

std::string RequestIdOf(const std::string& control_id) {
    const bool visible = std::all_of(control_id.begin(), control_id.end(),
                                     [](unsigned char c) { return c > ' ' && c < 0x7F; });
    return visible ? control_id : net::PercentEncode(control_id);
}

}  // namespace carestream::adapters::http
