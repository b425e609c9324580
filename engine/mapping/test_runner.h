#pragma once
// Runs the tests written beside the maps (mappings/tests/**/*.yaml; the form is in
// mappings/README.md).
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "mapping/program.h"

namespace carestream::mapping {

struct TestReport {
    std::size_t passed = 0;
    std::size_t failed = 0;
    // Of failed tests and of files that are no tests; each with the place of the expectation. They
    // may show values of the test's own, synthetic message.
    std::vector<Error> failures;
};

// One file, or every *.yaml below a folder, in the order of names.
[[nodiscard]] TestReport RunTests(const Program& program, const std::filesystem::path& path);

}  // namespace carestream::mapping
