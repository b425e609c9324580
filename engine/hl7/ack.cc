#include "hl7/ack.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "base/text.h"
#include "hl7/encoder.h"
#include "hl7/internal/charset.h"

namespace carestream::hl7 {

namespace {

std::string FormatTime(Micros time) {
    using namespace std::chrono;
    const sys_seconds seconds =
        floor<std::chrono::seconds>(sys_time<microseconds>(microseconds(time)));
    const sys_days day = floor<days>(seconds);
    const year_month_day date(day);
    const hh_mm_ss clock(seconds - day);
    char text[32];
    const int size = std::snprintf(
        text, sizeof text, "%04d%02u%02u%02d%02d%02d+0000", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()));
    return std::string(text, static_cast<std::size_t>(size));
}

// "2.5.1" -> 20501, so that versions compare; 0 if it is none.
int VersionNumber(std::string_view version) {
    int number = 0;
    int parts = 0;
    for (const std::string_view part : Split(version, '.')) {
        if (!IsDigits(part) || part.size() > 2 || ++parts > 3) return 0;
        number = number * 100 + (part[0] - '0') * (part.size() == 2 ? 10 : 1) +
                 (part.size() == 2 ? part[1] - '0' : 0);
    }
    for (; parts < 3; ++parts) number *= 100;
    return number;
}

class AckWriter {
public:
    AckWriter(const Header& header, std::string_view control_id, Micros time)
        : header_(header), delimiters_(header.delimiters) {
        version_ = VersionNumber(header.version);
        auto choice = internal::ChooseCharset(header.charset, delimiters_.repetition, "UTF-8");
        declares_charset_ = !header.charset.empty() && EchoedFieldsEndIn(choice.charset.trail);
        if (choice.declared && declares_charset_) charset_ = std::move(choice.charset);
        WriteMsh(control_id, time);
    }

    // Before 2.5 (version 0: not legible, taken as new) ERR has only its first field.
    [[nodiscard]] bool old_error() const { return version_ != 0 && version_ < 20500; }

    void WriteMsa(AckCode code, std::string_view text) {
        out_ += "MSA";
        AddField(std::string(ToString(code)));
        AddField(header_.control_id);
        if (!text.empty()) AddField(Text(text));
        out_ += '\r';
    }

    void WriteError(const AckError& error) {
        out_ += "ERR";
        if (old_error()) {
            AddField(OldLocation(error));
        } else {
            AddField("");
            AddField(Location(error.location));
            AddField(CodedError(error.code, delimiters_.component));
            AddField(std::string(1, error.severity));
            if (!error.user_text.empty()) {
                for (int i = 0; i < 3; ++i) AddField("");
                AddField(Text(error.user_text));
            }
        }
        out_ += '\r';
    }

    [[nodiscard]] std::string Take() { return std::move(out_); }

private:
    // An echoed field may hold MLLP's own bytes (0x0B, 0x1C), which would end the answer's frame
    // or begin another message in it.
    void AddField(std::string_view raw) {
        out_ += delimiters_.field;
        std::copy_if(raw.begin(), raw.end(), std::back_inserter(out_),
                     [](char c) { return c != 0x0B && c != 0x1C; });
    }

    // Whether no echoed field, read in the sender's set, ends within a two-byte character, which
    // would hide the delimiter after it. A sender that names another set than it uses writes such;
    // its control id must come back as it was, so the name of the set is what is left out.
    [[nodiscard]] bool EchoedFieldsEndIn(internal::Trail trail) const {
        const auto ends = [&](std::string_view raw) {
            return internal::MaskTrails(trail, std::string(raw) + delimiters_.field).back() ==
                   delimiters_.field;
        };
        return ends(header_.receiving_application) && ends(header_.receiving_facility) &&
               ends(header_.sending_application) && ends(header_.sending_facility) &&
               ends(header_.trigger_event) && ends(header_.control_id) &&
               ends(header_.processing_id) && ends(header_.version);
    }

    void WriteMsh(std::string_view control_id, Micros time) {
        const Delimiters& d = delimiters_;
        out_ = "MSH";
        out_ += d.field;
        for (const char c : {d.component, d.repetition, d.escape, d.subcomponent, d.truncation}) {
            if (c == 0) break;
            out_ += c;
        }
        AddField(header_.receiving_application);
        AddField(header_.receiving_facility);
        AddField(header_.sending_application);
        AddField(header_.sending_facility);
        AddField(Text(FormatTime(time)));
        AddField("");
        AddField(MessageType());
        AddField(Text(control_id));
        AddField(header_.processing_id.empty() ? "P" : header_.processing_id);
        AddField(header_.version.empty() ? "2.5" : header_.version);
        if (declares_charset_) {
            for (int field = 13; field < 18; ++field) AddField("");
            AddField(header_.charset);
        }
        out_ += '\r';
    }

    // MSH-9.3 came with 2.3.1; before 2.2 there was the code alone.
    [[nodiscard]] std::string MessageType() const {
        std::string type = "ACK";
        const bool has_event = !header_.trigger_event.empty() && version_ != 20100;
        if (has_event) type += delimiters_.component + header_.trigger_event;
        if (version_ != 0 && version_ < 20301) return type;
        if (has_event) type += delimiters_.component + std::string("ACK");
        return type;
    }

    // Text of ours in the sender's character set; what the set lacks becomes '?'.
    [[nodiscard]] std::string Text(std::string_view utf8) const {
        const std::string escaped = EscapeText(utf8, delimiters_);
        std::string encoded;
        if (internal::FromUtf8(charset_, escaped, encoded)) return encoded;
        encoded = escaped;
        std::replace_if(
            encoded.begin(), encoded.end(),
            [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
        return encoded;
    }

    [[nodiscard]] std::string Location(std::string_view location) const {
        std::string raw;
        for (const std::string_view part : Split(location, '^')) {
            if (!raw.empty()) raw += delimiters_.component;
            raw += EscapeText(part, delimiters_);
        }
        return raw;
    }

    [[nodiscard]] static std::string CodedError(int code, char separator) {
        std::string raw = std::to_string(code);
        raw += separator;
        raw += ErrorText(code);
        raw += separator;
        return raw + "HL70357";
    }

    // ERR-1: segment, sequence, field and, as subcomponents, the code.
    [[nodiscard]] std::string OldLocation(const AckError& error) const {
        const std::vector<std::string_view> parts = Split(error.location, '^');
        std::string raw;
        for (std::size_t i = 0; i < 3; ++i) {
            if (i < parts.size()) raw += EscapeText(parts[i], delimiters_);
            raw += delimiters_.component;
        }
        if (delimiters_.subcomponent == 0) return raw + std::to_string(error.code);
        return raw + CodedError(error.code, delimiters_.subcomponent);
    }

    const Header& header_;
    Delimiters delimiters_;
    internal::Charset charset_{"US-ASCII", internal::Coding::kAscii, internal::Trail::kNone, true};
    bool declares_charset_ = false;
    int version_ = 0;
    std::string out_;
};

}  // namespace

std::string_view ErrorText(int code) {
    switch (code) {
        case 0:
            return "Message accepted";
        case 100:
            return "Segment sequence error";
        case 101:
            return "Required field missing";
        case 102:
            return "Data type error";
        case 103:
            return "Table value not found";
        case 104:
            return "Value too long";
        case 200:
            return "Unsupported message type";
        case 201:
            return "Unsupported event code";
        case 202:
            return "Unsupported processing id";
        case 203:
            return "Unsupported version id";
        case 204:
            return "Unknown key identifier";
        case 205:
            return "Duplicate key identifier";
        case 206:
            return "Application record locked";
        case 207:
            return "Application internal error";
        default:
            return {};
    }
}

std::string_view ToString(AckCode code) {
    switch (code) {
        case AckCode::kAA:
            return "AA";
        case AckCode::kAE:
            return "AE";
        case AckCode::kAR:
            return "AR";
        case AckCode::kCA:
            return "CA";
        case AckCode::kCE:
            return "CE";
        case AckCode::kCR:
            return "CR";
    }
    return "AE";
}

std::string BuildAck(const Header& header, AckCode code, std::string_view control_id, Micros time,
                     const std::vector<AckError>& errors) {
    AckWriter writer(header, control_id, time);
    const bool has_text = writer.old_error() && !errors.empty();
    writer.WriteMsa(code, has_text ? std::string_view(errors.front().user_text) : "");
    for (const AckError& error : errors) writer.WriteError(error);
    return writer.Take();
}

bool WantsAcceptAck(const Header& header, bool success) {
    if (header.accept_ack == "NE") return false;
    if (header.accept_ack == "ER") return !success;
    if (header.accept_ack == "SU") return success;
    return true;
}

}  // namespace carestream::hl7
