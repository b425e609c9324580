#include "fhir/internal/table.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "fhir/definitions.h"

namespace carestream::fhir::internal {

bool TableReader::Next() {
    while (at_ < text_.size()) {
        const std::size_t end = std::min(text_.find('\n', at_), text_.size());
        std::string_view line = text_.substr(at_, end - at_);
        at_ = end + 1;
        ++line_;
        if (line.empty() || line.front() == '#') continue;
        cells_.fill({});
        for (std::size_t cell = 0; cell < kCellsMax; ++cell) {
            const std::size_t tab = line.find('\t');
            cells_[cell] = line.substr(0, tab);
            if (tab == std::string_view::npos) break;
            line.remove_prefix(tab + 1);
        }
        return true;
    }
    return false;
}

Error TableReader::Damaged(std::string message) const {
    Error error{Code::kInvalid, std::move(message), {}, {}, 0, false};
    error.position = {std::string(file_), line_, 1};
    return error;
}

bool ParseCount(std::string_view text, std::uint16_t& value) {
    if (text == "*") {
        value = kUnbounded;
        return true;
    }
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failed == std::errc() && end == text.data() + text.size();
}

}  // namespace carestream::fhir::internal
