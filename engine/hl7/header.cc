#include "hl7/header.h"

#include <algorithm>
#include <array>

#include "hl7/internal/charset.h"
#include "hl7/internal/msh.h"

namespace carestream::hl7 {

namespace {

// The MSH as delimiters are to be searched in it: see MaskTrails.
std::string MaskedMsh(std::string_view msh, const Delimiters& delimiters,
                      std::string_view fallback_charset) {
    const internal::Charset charset =
        internal::ChooseCharsetOfMsh(msh, delimiters.repetition, fallback_charset).charset;
    return internal::MaskTrails(charset.trail, msh);
}

}  // namespace

Result<Header> ScanHeader(std::string_view bytes, std::string_view fallback_charset) {
    CARESTREAM_ASSIGN(found, internal::FindMsh(bytes));
    const std::size_t msh_end =
        internal::FindLineEnd(bytes.substr(0, found.content_end), found.begin + 3);
    const std::string_view msh = bytes.substr(found.begin, msh_end - found.begin);
    const Delimiters& delimiters = found.delimiters;
    std::string masked;
    const bool may_hide = !internal::IsAscii(msh) || msh.find('\x1B') != msh.npos;
    if (may_hide) masked = MaskedMsh(msh, delimiters, fallback_charset);
    const std::string_view search = may_hide ? std::string_view(masked) : msh;

    // MSH-3 to MSH-18, cut in one go; [0] is MSH-3.
    std::array<std::string_view, 16> fields{};
    std::size_t at = std::min(search.find(delimiters.field, 4), search.size());
    for (std::string_view& field : fields) {
        if (at >= search.size()) break;
        const std::size_t end = std::min(search.find(delimiters.field, at + 1), search.size());
        field = search.substr(at + 1, end - at - 1);
        at = end;
    }
    const auto unmasked = [&](std::string_view piece) {
        if (piece.empty()) return std::string();
        return std::string(
            msh.substr(static_cast<std::size_t>(piece.data() - search.data()), piece.size()));
    };
    const auto value = [&](std::size_t field, int component) {
        std::string_view piece = internal::NthPiece(fields[field - 3], delimiters.repetition, 1);
        if (component > 0) piece = internal::NthPiece(piece, delimiters.component, component);
        return unmasked(piece);
    };
    Header header;
    header.delimiters = delimiters;
    header.sending_application = value(3, 0);
    header.sending_facility = value(4, 0);
    header.receiving_application = value(5, 0);
    header.receiving_facility = value(6, 0);
    header.message_code = value(9, 1);
    header.trigger_event = value(9, 2);
    header.structure = value(9, 3);
    header.control_id = value(10, 0);
    header.processing_id = value(11, 1);
    header.version = value(12, 1);
    header.accept_ack = value(15, 0);
    header.application_ack = value(16, 0);
    header.charset = unmasked(fields[15]);
    return header;
}

}  // namespace carestream::hl7
