#pragma once
// Decoded HL7 text -> the text of a FHIR primitive.
#include <optional>
#include <string>
#include <string_view>

#include "fhir/definitions.h"
#include "fhir/node.h"
#include "mapping/internal/time.h"
#include "mapping/program.h"

namespace carestream::mapping::internal {

struct Conversion {
    std::optional<Zone> zone;  // for times without an offset
    Dst dst = Dst::kEarlier;
    bool unsure_offset = false;  // out: a local time occurred twice or never
};

// Changes `text` into the form of `primitive`. False and a reason that names no value. `text` must
// be UTF-8; blanks around it do not count; an empty text is not asked for.
[[nodiscard]] bool ToPrimitive(fhir::Primitive primitive, std::string& text, Conversion& conversion,
                               std::string_view& reason);

// The JSON value of a converted text.
[[nodiscard]] fhir::Node PrimitiveNode(fhir::Primitive primitive, std::string text);

// A JSON number out of an HL7 number: sign, leading zeros and a bare point are repaired; the digits
// stay. False if it is none.
[[nodiscard]] bool NormalizeNumber(std::string& text);

// Percent-encodes what may not stand in the last part of a URN.
[[nodiscard]] std::string UrnPart(std::string_view text);
// scheme ":" without blanks.
[[nodiscard]] bool IsUri(std::string_view text);
[[nodiscard]] bool IsOid(std::string_view text);

// Base64 of the bytes of `first` and `second`, which ToBase64 gave, with `between`.
[[nodiscard]] std::string AppendBase64(std::string first, std::string_view between,
                                       std::string_view second);
// Checks and strips blanks and line ends. False if it is no base64.
[[nodiscard]] bool CleanBase64(std::string& text);

}  // namespace carestream::mapping::internal
