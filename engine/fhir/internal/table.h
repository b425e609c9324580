#pragma once
// Reads a line table of schemas/fhir/r4: '#' lines are comments, cells are separated by tabs,
// missing cells at the end are empty.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace carestream::fhir::internal {

// Iterates over lines; the views point into `text`.
class TableReader {
public:
    static constexpr std::size_t kCellsMax = 8;

    TableReader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

    // Goes to the next line with content; false at the end.
    bool Next();
    [[nodiscard]] std::string_view operator[](std::size_t cell) const { return cells_[cell]; }
    // An error that names file and line.
    [[nodiscard]] Error Damaged(std::string message) const;

private:
    std::string_view text_;
    std::string_view file_;
    std::size_t at_ = 0;
    int line_ = 0;
    std::array<std::string_view, kCellsMax> cells_;
};

// A cardinality: a number, or "*" for kUnbounded. False for anything else.
[[nodiscard]] bool ParseCount(std::string_view text, std::uint16_t& value);

}  // namespace carestream::fhir::internal
