#include "search/internal/tokens.h"

#include <array>

#include "base/clock.h"

namespace carestream::search {

std::span<const std::size_t> PrefixLengths(Prefixes prefixes) {
    static constexpr std::array<std::size_t, 5> kName = {2, 3, 4, 6, 8};
    static constexpr std::array<std::size_t, 3> kAddress = {2, 4, 6};
    static constexpr std::array<std::size_t, 2> kStart = {3, 8};
    switch (prefixes) {
        case Prefixes::kNameWords:
            return kName;
        case Prefixes::kAddressWords:
            return kAddress;
        case Prefixes::kStart:
            break;
    }
    return kStart;
}

std::string_view PrefixForm(std::size_t length) {
    constexpr std::array<std::string_view, 9> kForms = {"",   "p1", "p2", "p3", "p4",
                                                        "p5", "p6", "p7", "p8"};
    return kForms[length];
}

std::string SystemCode(std::string_view system, std::string_view code) {
    std::string out;
    out.reserve(system.size() + code.size() + 1);
    return out.append(system).append(1, '|').append(code);
}

PrivateDate PrivateDateOf(const fhir::Temporal& date) {
    const std::string low = FormatInstant(date.Low());
    PrivateDate out;
    out.year = low.substr(0, 4);
    std::size_t size = 4;
    if (date.precision >= fhir::Temporal::Precision::kMonth) {
        size = 7;
        out.month = low.substr(0, 7);
    }
    if (date.precision >= fhir::Temporal::Precision::kDay) size = 10;
    out.day = low.substr(0, size);
    return out;
}

}  // namespace carestream::search
