#pragma once
// The header fields that FHIR's RESTful API gives a meaning. Pure.
// Source: FHIR R4 3.1.0; RFC 9110 (ETag, dates, Accept), RFC 7240 (Prefer).
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace carestream::rest {

enum class ReturnPreference { kRepresentation, kMinimal, kOutcome };

struct Preferences {
    ReturnPreference returning = ReturnPreference::kRepresentation;
    bool strict = false;  // handling=strict
};

// Unknown preferences are ignored, as RFC 7240 2 says; an unknown value of a known one is kInvalid.
[[nodiscard]] Result<Preferences> ParsePrefer(const net::Request& request);

// May the answer be FHIR JSON? `format` is the decoded _format, which wins over Accept; "" =
// absent.
[[nodiscard]] bool AcceptsJson(std::string_view accept, std::string_view format);

// Is a Content-Type FHIR JSON in UTF-8?
[[nodiscard]] bool IsJsonContent(std::string_view content_type);
constexpr std::string_view kJsonPatch = "application/json-patch+json";
[[nodiscard]] bool IsJsonPatchContent(std::string_view content_type);
[[nodiscard]] bool IsFormContent(std::string_view content_type);

// W/"3"
[[nodiscard]] std::string ETagOf(std::int32_t version);
// One tag, weak or strong, holding a version number. Error: kInvalid.
[[nodiscard]] Result<std::int32_t> ParseETag(std::string_view text);
// Is an If-Match "*": any current version? Source: RFC 9110 13.1.1.
[[nodiscard]] bool IsAnyTag(std::string_view if_match);
// Does an If-None-Match list name the version, or "*"?
[[nodiscard]] bool NoneMatchNames(std::string_view if_none_match, std::int32_t version);

// A Host or X-Forwarded-Host that may stand in links: name or address with an optional port.
[[nodiscard]] bool IsHost(std::string_view text);

}  // namespace carestream::rest
