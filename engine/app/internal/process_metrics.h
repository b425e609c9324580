#pragma once
// What Linux says about this process.
#include <cstdint>

namespace carestream::app {

struct ProcessFigures {
    std::int64_t resident_bytes = 0;
    double cpu_seconds = 0;
    std::int64_t open_files = 0;
};

[[nodiscard]] ProcessFigures ReadProcessFigures();

}  // namespace carestream::app
