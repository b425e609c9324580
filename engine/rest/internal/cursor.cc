#include "rest/internal/cursor.h"

#include <array>
#include <charconv>

namespace carestream::rest {
namespace {

constexpr std::string_view kTable = "rest-page";
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// base64url without padding. Source: RFC 4648 5.
std::string Encode(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 4 / 3 + 2);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(c);
        count += 8;
        while (count >= 6) {
            count -= 6;
            out += kAlphabet[(bits >> count) & 63];
        }
    }
    if (count > 0) out += kAlphabet[(bits << (6 - count)) & 63];
    return out;
}

bool Decode(std::string_view text, std::string& bytes) {
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const auto digit = kAlphabet.find(c);
        if (digit == std::string_view::npos) return false;
        bits = (bits << 6) | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>((bits >> count) & 255);
        }
    }
    return count < 6 && (bits & ((1u << count) - 1)) == 0;
}

tl::unexpected<Error> NotOurs() {
    return Fail(Code::kInvalid,
                "this is no page of this search; follow the links as they were given", "_page");
}

}  // namespace

std::string SealCursor(const crypto::KeyRing& keys, std::string_view tenant, std::string_view scope,
                       Micros now, const Cursor& cursor) {
    std::string plain = std::to_string(cursor.query_hash);
    plain += ' ';
    plain += std::to_string(cursor.position.size());
    plain += ' ';
    plain += cursor.position;
    plain += cursor.form;
    return Encode(keys.Seal(tenant, kTable, now, scope, plain));
}

Result<Cursor> OpenCursor(const crypto::KeyRing& keys, std::string_view tenant,
                          std::string_view scope, std::string_view text) {
    std::string sealed;
    if (!Decode(text, sealed)) return NotOurs();
    const auto opened = keys.Open(tenant, kTable, scope, sealed);
    if (!opened) return NotOurs();
    const std::string_view plain = *opened;
    Cursor cursor;
    std::size_t size = 0;
    const char* end = plain.data() + plain.size();
    const auto hash = std::from_chars(plain.data(), end, cursor.query_hash);
    if (hash.ec != std::errc() || hash.ptr == end) return NotOurs();
    const auto length = std::from_chars(hash.ptr + 1, end, size);
    if (length.ec != std::errc() || length.ptr == end) return NotOurs();
    const auto begin = static_cast<std::size_t>(length.ptr + 1 - plain.data());
    if (size > plain.size() - begin) return NotOurs();
    cursor.position = std::string(plain.substr(begin, size));
    cursor.form = std::string(plain.substr(begin + size));
    return cursor;
}

}  // namespace carestream::rest
