#include "search/internal/fold.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace carestream::search {
namespace {

bool IsAscii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool Continues(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

class Builder {
public:
    explicit Builder(std::size_t size) { out_.reserve(size); }
    void Gap() { gap_ = !out_.empty(); }
    std::string& Next() {
        if (gap_) out_ += ' ';
        gap_ = false;
        return out_;
    }
    std::string Take() { return std::move(out_); }

private:
    std::string out_;
    bool gap_ = false;
};

std::string FoldAscii(std::string_view text) {
    Builder builder(text.size());
    for (const char c : text) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            builder.Next() += c;
        else if (c >= 'A' && c <= 'Z')
            builder.Next() += static_cast<char>(c - 'A' + 'a');
        else if (c != '\'')
            builder.Gap();
    }
    return builder.Take();
}

}  // namespace

std::string Fold(std::string_view text) {
    if (IsAscii(text)) return FoldAscii(text);
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* folder = icu::Normalizer2::getNFKCCasefoldInstance(status);
    const icu::Normalizer2* decomposer = icu::Normalizer2::getNFKDInstance(status);
    if (U_FAILURE(status)) return FoldAscii(text);
    const icu::UnicodeString folded = folder->normalize(icu::UnicodeString::fromUTF8(text), status);
    const icu::UnicodeString plain = decomposer->normalize(folded, status);
    if (U_FAILURE(status)) return FoldAscii(text);
    Builder builder(text.size());
    for (std::int32_t i = 0; i < plain.length();) {
        const UChar32 c = plain.char32At(i);
        i += U16_LENGTH(c);
        const std::int8_t category = u_charType(c);
        const bool apostrophe = c == '\'' || c == 0x2019 || c == 0x02BC;
        if (category == U_NON_SPACING_MARK || category == U_ENCLOSING_MARK || apostrophe) continue;
        if (!u_isalnum(c) && category != U_COMBINING_SPACING_MARK) {
            builder.Gap();
            continue;
        }
        icu::UnicodeString(c).toUTF8String(builder.Next());
    }
    return builder.Take();
}

std::vector<std::string_view> Words(std::string_view folded) {
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at < folded.size();) {
        const std::size_t end = std::min(folded.find(' ', at), folded.size());
        if (end > at) words.push_back(folded.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

std::string_view Prefix(std::string_view folded, std::size_t count) {
    std::size_t at = 0;
    for (std::size_t seen = 0; at < folded.size(); ++at) {
        if (!Continues(folded[at]) && seen++ == count) return folded.substr(0, at);
    }
    return CharacterCount(folded) == count ? folded : std::string_view();
}

std::size_t CharacterCount(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !Continues(c); }));
}

bool StartsAWord(std::string_view folded, std::string_view needle) {
    for (std::size_t at = folded.find(needle); at != std::string_view::npos;
         at = folded.find(needle, at + 1)) {
        if (at == 0 || folded[at - 1] == ' ') return true;
    }
    return false;
}

std::string NormalContact(std::string_view value) {
    std::string out;
    const bool mail = value.find('@') != std::string_view::npos;
    for (char c : value) {
        if (!mail && std::string_view(" -().\t/").find(c) != std::string_view::npos) continue;
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        out += c;
    }
    return out;
}

std::string OtherPlus(std::string_view contact) {
    const bool plus = contact.starts_with('+');
    const std::string_view number = contact.substr(plus ? 1 : 0);
    if (number.empty() || !IsDigit(number.front()) || number.find('@') != number.npos) return {};
    return plus ? std::string(number) : "+" + std::string(number);
}

}  // namespace carestream::search
