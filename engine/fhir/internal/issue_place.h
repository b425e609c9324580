#pragma once
// Where a check stands, linked through the call stack; it becomes text only for an issue.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "fhir/validator.h"

namespace carestream::fhir::internal {

constexpr std::size_t kNoIndex = SIZE_MAX;

struct Place {
    const Place* parent = nullptr;
    std::string_view name;
    std::string_view choice_type;  // renders as .ofType(...)
    std::size_t index = kNoIndex;
};

inline void Render(const Place& place, std::string& out) {
    if (place.parent != nullptr) Render(*place.parent, out);
    if (!place.name.empty()) {
        if (!out.empty()) out += '.';
        out += place.name;
    }
    if (!place.choice_type.empty()) {
        out += ".ofType(";
        out += place.choice_type;
        out += ')';
    }
    if (place.index != kNoIndex) out += '[' + std::to_string(place.index) + ']';
}

inline Issue MakeIssue(const char* code, const Place& place, std::string message) {
    Issue issue{code, {}, std::move(message)};
    Render(place, issue.expression);
    return issue;
}

}  // namespace carestream::fhir::internal
