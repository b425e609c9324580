#include "hl7/internal/msh.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace carestream::hl7::internal {

namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr char kStartBlock = 0x0B;
constexpr char kEndBlock = 0x1C;

// A delimiter is a displayable ASCII character that no value needs: a letter, a digit, a space or
// the quote of the null value would make every field ambiguous.
bool IsDelimiter(char c) {
    return c > 0x20 && c < 0x7F && c != '"' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
           !(c >= 'a' && c <= 'z');
}

std::size_t FindContentEnd(std::string_view bytes) {
    std::size_t end = bytes.size();
    for (std::size_t at = bytes.size(); at > 0; --at) {
        const char c = bytes[at - 1];
        if (c == kEndBlock) {
            end = at - 1;
        } else if (c != '\r' && c != '\n' && c != '\0' && c != 0x1A && c != ' ') {
            break;
        }
    }
    return end;
}

// Byte order marks, MLLP start bytes and blanks, in any order.
std::size_t SkipLead(std::string_view bytes, std::vector<Note>& notes) {
    std::size_t at = 0;
    bool mark = false;
    bool start_block = false;
    bool blank = false;
    while (at < bytes.size()) {
        const char c = bytes[at];
        if (bytes.substr(at).starts_with(kBom)) {
            mark = true;
            at += kBom.size();
        } else if (c == kStartBlock || c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            (c == kStartBlock ? start_block : blank) = true;
            ++at;
        } else {
            break;
        }
    }
    if (mark) notes.push_back({"", "byte order mark before the MSH skipped"});
    if (start_block) notes.push_back({"", "MLLP start byte before the MSH skipped"});
    if (blank) notes.push_back({"", "blanks or empty lines before the MSH skipped"});
    return at;
}

tl::unexpected<Error> NoMsh(std::string_view rest, std::size_t at) {
    Error error{Code::kInvalid, "no MSH segment at the start", "MSH", {}, at, false};
    if (rest.empty()) {
        error.message = "the message is empty";
    } else if (rest.starts_with("FHS") || rest.starts_with("BHS")) {
        error.message = "a batch envelope (" + std::string(rest.substr(0, 3)) +
                        "), not a message: split it into its messages first";
    } else if (rest.starts_with("\xFF\xFE") || rest.starts_with("\xFE\xFF") ||
               (rest.size() > 1 && (rest[0] == '\0' || rest[1] == '\0'))) {
        error.message = "UTF-16 or UTF-32 text: HL7 v2 needs a character set that contains ASCII";
    }
    return Fail(std::move(error));
}

// MSH-2 in the order of the standard; what is not there stays 0.
void ReadEncodingCharacters(std::string_view msh2, Msh& msh) {
    const auto at = [&](std::size_t i) { return i < msh2.size() ? msh2[i] : '\0'; };
    msh.delimiters.component = at(0);
    msh.delimiters.repetition = at(1);
    msh.delimiters.escape = at(2);
    msh.delimiters.subcomponent = at(3);
    msh.delimiters.truncation = at(4);
    if (msh2.size() < 4) {
        msh.notes.push_back({"MSH-2",
                             "fewer than four encoding characters: those that are missing are "
                             "taken as not in use"});
    }
}

Result<void> CheckDelimiters(std::string_view msh1_msh2, std::size_t offset) {
    const auto fail = [&](std::string message, std::string path, std::size_t i) {
        return Fail(
            Error{Code::kInvalid, std::move(message), std::move(path), {}, offset + i, false});
    };
    for (std::size_t i = 0; i < msh1_msh2.size(); ++i) {
        if (!IsDelimiter(msh1_msh2[i])) {
            return fail(
                "a byte that cannot be a delimiter (letter, digit, space, quote or not "
                "displayable ASCII)",
                i == 0 ? "MSH-1" : "MSH-2", i);
        }
        const std::size_t first = msh1_msh2.find(msh1_msh2[i]);
        if (first < i) {
            return fail("two delimiters are the same character", "MSH-2", i);
        }
    }
    return {};
}

}  // namespace

Result<Msh> FindMsh(std::string_view bytes) {
    Msh msh;
    msh.begin = SkipLead(bytes, msh.notes);
    const std::string_view rest = bytes.substr(msh.begin);
    if (!rest.starts_with("MSH")) return NoMsh(rest, msh.begin);
    msh.content_end = std::max(FindContentEnd(bytes), msh.begin + 3);
    // The delimiters stand in the first bytes: the rest of the line is not looked at here.
    constexpr std::size_t kStartBytes = 16;
    const std::size_t start = std::min(msh.content_end - msh.begin, kStartBytes);
    const std::size_t line = FindLineEnd(rest.substr(0, start), 3);
    if (line < 4) {
        return Fail(Error{Code::kInvalid,
                          "the MSH ends before its delimiters",
                          "MSH-1",
                          {},
                          msh.begin + line,
                          false});
    }
    const char field = rest[3];
    const std::size_t msh2_end = std::min(rest.substr(0, start).find(field, 4), line);
    msh.msh_2_end = msh.begin + msh2_end;
    const std::string_view msh2 = rest.substr(4, msh2_end - 4);
    msh.delimiters.field = field;
    if (!IsDelimiter(field)) CARESTREAM_TRY(CheckDelimiters(rest.substr(3, 1), msh.begin + 3));
    if (msh2.empty()) {
        return Fail(
            Error{Code::kInvalid, "no encoding characters", "MSH-2", {}, msh.begin + 4, false});
    }
    if (msh2.size() > 6) {
        return Fail(Error{Code::kInvalid,
                          "more encoding characters than the standard knows",
                          "MSH-2",
                          {},
                          msh.begin + 4,
                          false});
    }
    if (msh2.size() >= 5 && msh2[2] == msh2[3]) {
        // `^~\\&` comes out of a programming language's string literal.
        std::string once(msh2);
        once.erase(3, 1);
        CARESTREAM_TRY(CheckDelimiters(field + once, msh.begin + 3));
        ReadEncodingCharacters(once, msh);
        msh.notes.push_back({"MSH-2", "escape character written twice: taken as one"});
        return msh;
    }
    CARESTREAM_TRY(CheckDelimiters(rest.substr(3, 1 + msh2.size()), msh.begin + 3));
    ReadEncodingCharacters(msh2, msh);
    return msh;
}

bool BeginsMsh(std::string_view line, char field) {
    while (!line.empty()) {
        const auto first = static_cast<unsigned char>(line.front());
        const bool mark = line.starts_with(kBom);
        if (!mark && first > ' ' && first != 0x7F) break;
        line.remove_prefix(mark ? kBom.size() : 1);
    }
    if (!line.starts_with("MSH")) return false;
    return line.size() == 3 || line[3] == field || FindMsh(line).has_value();
}

std::size_t FindLineEnd(std::string_view text, std::size_t from) {
    while (from < text.size() && text[from] != '\r' && text[from] != '\n') ++from;
    return from;
}

std::string_view NthPiece(std::string_view text, char delimiter, int n) {
    if (n < 1) return {};
    if (delimiter == 0) return n == 1 ? text : std::string_view{};
    const char* at = text.data();
    const char* const end = at + text.size();
    while (true) {
        const char* cut = at;
        // Pieces are short: a plain loop beats a call of memchr below some 16 bytes.
        const char* const near = end - at > 16 ? at + 16 : end;
        while (cut != near && *cut != delimiter) ++cut;
        if (cut == near && near != end) {
            const void* found = std::memchr(cut, delimiter, static_cast<std::size_t>(end - cut));
            cut = found != nullptr ? static_cast<const char*>(found) : end;
        }
        if (--n == 0) return {at, static_cast<std::size_t>(cut - at)};
        if (cut == end) return {};
        at = cut + 1;
    }
}

int CountPieces(std::string_view text, char delimiter) {
    if (text.empty()) return 0;
    if (delimiter == 0) return 1;
    return 1 + static_cast<int>(std::count(text.begin(), text.end(), delimiter));
}

std::string_view MshField(std::string_view segment, int n) {
    if (segment.size() < 4) return {};
    if (n == 1) return segment.substr(3, 1);
    return NthPiece(segment.substr(4), segment[3], n - 1);
}

}  // namespace carestream::hl7::internal
