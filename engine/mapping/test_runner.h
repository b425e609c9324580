#pragma once
// Runs the tests written beside maps and channels; the form is in mappings/README.md. Channels'
// own: channel/test_runner.h.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/profiles.h"
#include "mapping/program.h"

namespace carestream::mapping {

// One thing that is not as the test says, or a mistake of the test itself (then `error` alone). May
// show values: they are of the test's own, synthetic message.
struct TestFailure {
    Error error;  // the place, the path and what is wrong, in words
    std::string expected;
    std::string got;
};

struct TestCase {
    Position position;
    std::string note;
    std::vector<TestFailure> failures;  // in file order; empty: passed
};

// Whose tests they are.
struct TestSubject {
    std::function<Mapped(const hl7::Message&, const MapContext&)> map;
    // Of messages that are made (`render`); absent: such tests have no place here.
    std::function<Result<Rendered>(const RenderRequest&, const Destination&)> render;
    std::optional<MapContext> sender;  // absent: each test may say it under `channel`
    fhir::Guides* guides = nullptr;    // for `channel: {profiles: [..]}`; not owned
};

// One file: a test, or a list of tests.
[[nodiscard]] std::vector<TestCase> RunTests(const TestSubject& subject,
                                             const std::filesystem::path& file);

// Every *.yaml below a folder, in the order of names.
[[nodiscard]] std::vector<TestCase> RunTests(const Program& program,
                                             const std::filesystem::path& folder,
                                             fhir::Guides* guides = nullptr);

}  // namespace carestream::mapping
