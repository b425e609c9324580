#pragma once
// What fuzz targets share.
#include <string_view>

#include "base/assert.h"
#include "base/home.h"
#include "fhir/definitions.h"

namespace carestream {

inline const fhir::Definitions& R4() {
    static const auto definitions = [] {
        const auto home = FindHome();
        CARESTREAM_ASSERT(home.has_value());
        auto loaded = fhir::Definitions::Load(*home / "schemas/fhir/r4");
        CARESTREAM_ASSERT(loaded.has_value());
        return *loaded;
    }();
    return *definitions;
}

// The text before the next "\n", which is taken off with it.
inline std::string_view TakeLine(std::string_view& text) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return line;
}

}  // namespace carestream
