#include "hl7/internal/charset.h"

#include <unicode/translit.h>
#include <unicode/ucnv.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "hl7/internal/msh.h"

namespace carestream::hl7::internal {

namespace {

struct Known {
    std::string_view folded;  // lower case, letters and digits only
    std::string_view name;
    Coding coding = Coding::kIcu;
    Trail trail = Trail::kNone;
    bool eight_bit = false;
};

// Table 0211 and what feeds write instead of it.
constexpr std::array kKnown{
    Known{"ascii", "US-ASCII", Coding::kAscii, Trail::kNone, true},
    Known{"usascii", "US-ASCII", Coding::kAscii, Trail::kNone, true},
    Known{"isoir6", "US-ASCII", Coding::kAscii, Trail::kNone, true},
    Known{"unicode", "UTF-8", Coding::kUtf8},
    Known{"unicodeutf8", "UTF-8", Coding::kUtf8},
    Known{"utf8", "UTF-8", Coding::kUtf8},
    Known{"88591", "ISO-8859-1", Coding::kLatin1, Trail::kNone, true},
    Known{"iso88591", "ISO-8859-1", Coding::kLatin1, Trail::kNone, true},
    Known{"latin1", "ISO-8859-1", Coding::kLatin1, Trail::kNone, true},
    Known{"isoir14", "Shift_JIS", Coding::kIcu, Trail::kShiftJis},
    Known{"isoir13", "Shift_JIS", Coding::kIcu, Trail::kShiftJis},
    Known{"jas2020", "ISO-2022-JP", Coding::kIcu, Trail::kIso2022},
    Known{"isoir87", "ISO-2022-JP", Coding::kIcu, Trail::kIso2022},
    Known{"jisx0202", "ISO-2022-JP", Coding::kIcu, Trail::kIso2022},
    Known{"isoir159", "ISO-2022-JP-2", Coding::kIcu, Trail::kIso2022},
    Known{"gb180302000", "GB18030", Coding::kIcu, Trail::kBig5},
    Known{"ksx1001", "EUC-KR"},
    Known{"cns116431992", "EUC-TW"},
    Known{"big5", "Big5", Coding::kIcu, Trail::kBig5},
};

std::string Fold(std::string_view name) {
    std::string folded;
    for (const char c : ToLowerAscii(name)) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) folded.push_back(c);
    }
    return folded;
}

struct CloseConverter {
    void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

Converter Open(const std::string& name) {
    UErrorCode status = U_ZERO_ERROR;
    Converter converter(ucnv_open(name.c_str(), &status));
    if (U_FAILURE(status)) return nullptr;
    ucnv_setToUCallBack(converter.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr,
                        &status);
    ucnv_setFromUCallBack(converter.get(), UCNV_FROM_U_CALLBACK_STOP, nullptr, nullptr, nullptr,
                          &status);
    return U_FAILURE(status) ? nullptr : std::move(converter);
}

Trail TrailOf(UConverter* converter, std::string_view iana) {
    switch (ucnv_getType(converter)) {
        case UCNV_ISO_2022:
        case UCNV_HZ:
            return Trail::kIso2022;
        case UCNV_MBCS:
            if (iana == "Shift_JIS" || iana == "Windows-31J") return Trail::kShiftJis;
            return iana.starts_with("EUC") ? Trail::kNone : Trail::kBig5;
        default:
            return Trail::kNone;
    }
}

// Any name that ICU knows, as far as the set contains ASCII at its place.
std::optional<Charset> FindInIcu(const std::string& name) {
    const Converter converter = Open(name);
    if (converter == nullptr) return std::nullopt;
    UErrorCode status = U_ZERO_ERROR;
    const char* canonical = ucnv_getName(converter.get(), &status);
    // The name used in e-mail is the short one: ISO-8859-2, not ISO_8859-2:1987.
    const char* iana = ucnv_getStandardName(canonical, "MIME", &status);
    if (iana == nullptr) iana = ucnv_getStandardName(canonical, "IANA", &status);
    Charset charset{name, Coding::kIcu, Trail::kNone, false};
    if (U_SUCCESS(status) && iana != nullptr) charset.name = iana;
    charset.trail = TrailOf(converter.get(), charset.name);
    charset.eight_bit = ucnv_getMaxCharSize(converter.get()) == 1;
    constexpr std::string_view kProbe = "MSH|^~\\&\r\n\"09AZaz";
    std::string probe;
    if (!ToUtf8(charset, kProbe, probe) || probe != kProbe) return std::nullopt;
    return charset;
}

constexpr std::array<char16_t, 32> kWindows1252{
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

bool Latin1ToUtf8(std::string_view bytes, std::string& out) {
    const std::size_t before = out.size();
    for (const char byte : bytes) {
        auto c = static_cast<char16_t>(static_cast<unsigned char>(byte));
        if (c >= 0x80 && c < 0xA0) {
            c = kWindows1252[c - 0x80u];
            if (c == 0) {
                out.resize(before);
                return false;
            }
        }
        AppendUtf8(c, out);
    }
    return true;
}

bool Convert(const std::string& from, const std::string& to, std::string_view bytes,
             std::string& out) {
    const Converter reader = Open(from);
    const Converter writer = Open(to);
    if (reader == nullptr || writer == nullptr) return false;
    std::array<char16_t, 512> pivot;
    char16_t* pivot_source = pivot.data();
    char16_t* pivot_target = pivot.data();
    const char* source = bytes.data();
    const char* const source_end = source + bytes.size();
    std::array<char, 1024> chunk;
    const std::size_t before = out.size();
    for (bool reset = true;; reset = false) {
        char* target = chunk.data();
        UErrorCode status = U_ZERO_ERROR;
        ucnv_convertEx(writer.get(), reader.get(), &target, chunk.data() + chunk.size(), &source,
                       source_end, pivot.data(), &pivot_source, &pivot_target,
                       pivot.data() + pivot.size(), static_cast<UBool>(reset), true, &status);
        out.append(chunk.data(), static_cast<std::size_t>(target - chunk.data()));
        if (status == U_BUFFER_OVERFLOW_ERROR) continue;
        if (U_SUCCESS(status)) return true;
        out.resize(before);
        return false;
    }
}

// Characters up to U+00FF without C1; `utf8` is well-formed.
bool Utf8ToLatin1(std::string_view utf8, std::string& out) {
    const std::size_t before = out.size();
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto lead = static_cast<unsigned char>(utf8[i]);
        if (lead < 0x80) {
            out.push_back(utf8[i]);
            continue;
        }
        const unsigned c = i + 1 < utf8.size() ? ((lead & 0x1Fu) << 6) | (utf8[i + 1] & 0x3Fu) : 0;
        if ((lead & 0xE0u) != 0xC0u || c < 0xA0 || c > 0xFF) {
            out.resize(before);
            return false;
        }
        out.push_back(static_cast<char>(c));
        ++i;
    }
    return true;
}

bool Within(char c, unsigned low, unsigned high) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= low && byte <= high;
}

void MaskDoubleBytes(std::string& bytes, Trail trail) {
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
        const char lead = bytes[i];
        const bool is_lead = trail == Trail::kShiftJis
                                 ? Within(lead, 0x81, 0x9F) || Within(lead, 0xE0, 0xFC)
                                 : Within(lead, 0x81, 0xFE);
        if (!is_lead) continue;
        const char next = bytes[i + 1];
        if (!Within(next, 0x40, 0x7E) && !Within(next, 0x80, 0xFE)) continue;
        if (Within(next, 0x40, 0x7E)) bytes[i + 1] = '\x80';
        ++i;
    }
}

// ISO 2022: ESC $ ... selects a two-byte set, ESC ( ... a one-byte set; a line end resets.
void MaskIso2022(std::string& bytes) {
    bool two_byte = false;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (c == '\x1B' && i + 2 < bytes.size()) {
            two_byte = bytes[i + 1] == '$';
            // ESC $ ( D has one byte more than ESC $ B and ESC ( B.
            const bool longer = two_byte && (bytes[i + 2] == '(' || bytes[i + 2] == ')');
            const std::size_t last = std::min(i + (longer ? 3u : 2u), bytes.size() - 1);
            for (++i; i <= last; ++i) {
                if (bytes[i] != '\r' && bytes[i] != '\n') bytes[i] = '\x80';
            }
            --i;
        } else if (c == '\r' || c == '\n') {
            two_byte = false;
        } else if (two_byte && Within(c, 0x21, 0x7E)) {
            bytes[i] = '\x80';
        }
    }
}

// Whether `candidate`, a piece of `msh` that names a set of `trail`, is MSH-18 once that set is
// applied.
bool IsMsh18(std::string_view msh, std::string_view candidate, Trail trail) {
    const std::string masked = MaskTrails(trail, msh);
    const std::string_view field = MshField(masked, 18);
    return field.size() == candidate.size() &&
           field.data() - masked.data() == candidate.data() - msh.data();
}

}  // namespace

std::optional<Charset> FindCharset(std::string_view name) {
    // The usual one, without a search.
    if (name == "UNICODE UTF-8") return Charset{"UTF-8", Coding::kUtf8, Trail::kNone, false};
    const std::string folded = Fold(name);
    for (const Known& known : kKnown) {
        if (known.folded == folded) {
            return Charset{std::string(known.name), known.coding, known.trail, known.eight_bit};
        }
    }
    // 8859/2 to 8859/15: ICU wants the prefix.
    std::string_view digits = folded;
    if (digits.starts_with("iso")) digits.remove_prefix(3);
    if (digits.starts_with("8859") && IsDigits(digits) && digits.size() > 4) {
        return FindInIcu("ISO-8859-" + std::string(digits.substr(4)));
    }
    if (folded.empty() || name.size() > 60) return std::nullopt;
    return FindInIcu(std::string(name));
}

CharsetChoice ChooseCharset(std::string_view declared, char repetition, std::string_view fallback) {
    CharsetChoice choice{{"UTF-8", Coding::kUtf8, Trail::kNone, false}, false, false, false};
    const std::string_view first = NthPiece(declared, repetition, 1);
    if (!Trim(first).empty()) {
        auto found = FindCharset(first);
        choice.declared = found.has_value();
        choice.unknown_declared = !found.has_value();
        if (found) choice.charset = *std::move(found);
    }
    if (!choice.declared && fallback != "UTF-8") {
        auto found = FindCharset(fallback);
        choice.unknown_fallback = !found.has_value();
        if (found) choice.charset = *std::move(found);
    }
    if (declared.size() == first.size()) return choice;
    constexpr int kRepetitionsMax = 8;
    for (int n = 2; n <= kRepetitionsMax; ++n) {
        auto other = FindCharset(NthPiece(declared, repetition, n));
        if (!other || other->trail != Trail::kIso2022) continue;
        // ISO-2022-JP-2 contains ISO-2022-JP. Any other first set is contained only as ASCII.
        const bool wider =
            choice.charset.trail != Trail::kIso2022 || other->name > choice.charset.name;
        if (wider) choice.charset = *std::move(other);
        choice.declared = true;
    }
    return choice;
}

CharsetChoice ChooseCharsetOfMsh(std::string_view msh, char repetition, std::string_view fallback) {
    const std::string_view declared = MshField(msh, 18);
    CharsetChoice choice = ChooseCharset(declared, repetition, fallback);
    const Trail trail = choice.charset.trail;
    if (IsAscii(msh)) return choice;
    if (trail != Trail::kNone) {
        // A sender that names a set which makes its own name another field does not use that set.
        // Its delimiters are what they look like, and its bytes are reported as not of the set.
        if (choice.declared && !IsMsh18(msh, declared, trail)) choice.charset.trail = Trail::kNone;
        return choice;
    }
    constexpr int kShiftMax = 12;
    for (int field = 19; field <= 18 + kShiftMax; ++field) {
        const std::string_view candidate = MshField(msh, field);
        if (candidate.empty()) continue;
        CharsetChoice other = ChooseCharset(candidate, repetition, fallback);
        if (!other.declared || other.charset.trail == Trail::kNone) continue;
        if (IsMsh18(msh, candidate, other.charset.trail)) return other;
    }
    return choice;
}

bool ToUtf8(const Charset& charset, std::string_view bytes, std::string& out) {
    switch (charset.coding) {
        case Coding::kAscii:
            if (!IsAscii(bytes)) return false;
            break;
        case Coding::kUtf8:
            if (!IsUtf8(bytes)) return false;
            break;
        case Coding::kLatin1:
            return Latin1ToUtf8(bytes, out);
        case Coding::kIcu:
            return Convert(charset.name, "UTF-8", bytes, out);
    }
    out.append(bytes);
    return true;
}

bool FromUtf8(const Charset& charset, std::string_view utf8, std::string& out) {
    if (!IsUtf8(utf8)) return false;
    switch (charset.coding) {
        case Coding::kAscii:
            if (!IsAscii(utf8)) return false;
            break;
        case Coding::kUtf8:
            break;
        case Coding::kLatin1:
            return Utf8ToLatin1(utf8, out);
        case Coding::kIcu:
            return Convert("UTF-8", charset.name, utf8, out);
    }
    out.append(utf8);
    return true;
}

std::string Reduce(const Charset& charset, std::string_view utf8) {
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::Transliterator> plain(
        icu::Transliterator::createInstance("Latin-ASCII", UTRANS_FORWARD, status));
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(utf8.data());
    const auto size = static_cast<std::int32_t>(utf8.size());
    std::string out;
    std::string encoded;
    for (std::int32_t at = 0; at < size;) {
        const std::int32_t begin = at;
        UChar32 point = 0;
        U8_NEXT(bytes, at, size, point);
        std::string letter(
            utf8.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(at - begin)));
        if (!FromUtf8(charset, letter, encoded) && point >= 0 && plain != nullptr) {
            icu::UnicodeString text(point);
            plain->transliterate(text);
            letter.clear();
            text.toUTF8String(letter);
        }
        out += FromUtf8(charset, letter, encoded) ? letter : "?";
    }
    return out;
}

std::string MaskTrails(Trail trail, std::string_view bytes) {
    std::string masked(bytes);
    if (trail == Trail::kIso2022) {
        MaskIso2022(masked);
    } else if (trail != Trail::kNone) {
        MaskDoubleBytes(masked, trail);
    }
    return masked;
}

bool IsAscii(std::string_view bytes) {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        if ((word & 0x8080808080808080ull) != 0) return false;
    }
    for (; left > 0; ++at, --left) {
        if (static_cast<unsigned char>(*at) >= 0x80) return false;
    }
    return true;
}

}  // namespace carestream::hl7::internal
