#include "command_test.h"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <vector>

#include "app/folders.h"
#include "channel/test_runner.h"
#include "channels.h"
#include "content.h"
#include "fhir/json.h"
#include "mapping/test_runner.h"
#include "terminal.h"

namespace carestream::cli {

namespace fs = std::filesystem;

namespace {

using mapping::TestCase;

struct Found {
    std::vector<TestCase> cases;
    std::vector<Error> errors;  // of what should be tested

    void Add(std::vector<TestCase> more) {
        std::move(more.begin(), more.end(), std::back_inserter(cases));
    }
};

void TestFolder(const channel::GenerationInputs& inputs, const std::vector<std::string>& overlays,
                const fs::path& tests, Found& found) {
    if (!fs::is_directory(tests) || !found.errors.empty()) return;
    const auto compiled =
        mapping::Program::Compile(inputs.mappings, inputs.definitions, inputs.dictionary, overlays);
    found.errors = compiled.errors;
    app::LocateMappings(inputs.mappings, found.errors);
    fhir::Guides guides(inputs.schemas_fhir, inputs.definitions);
    if (compiled.program) found.Add(mapping::RunTests(*compiled.program, tests, &guides));
}

void TestMaps(const channel::GenerationInputs& inputs, Found& found) {
    TestFolder(inputs, {}, inputs.mappings / "tests", found);
    std::error_code ignored;
    std::vector<fs::path> overlays;
    for (const auto& entry : fs::directory_iterator(inputs.mappings / "overlays", ignored)) {
        overlays.push_back(entry.path());
    }
    std::sort(overlays.begin(), overlays.end());
    for (const fs::path& overlay : overlays) {
        TestFolder(inputs, {overlay.filename().string()}, overlay / "tests", found);
    }
}

void TestChannels(const channel::GenerationInputs& inputs, Found& found) {
    const channel::Loaded loaded = channel::LoadGeneration(inputs, 1);
    found.errors = loaded.errors;
    app::LocateMappings(inputs.mappings, found.errors);
    if (!loaded.generation) return;
    found.Add(channel::RunChannelTests(*loaded.generation, inputs.channels));
}

Found RunAll(const TestOptions& options) {
    Found found;
    const auto places = PlacesIn(options.folder, options.config);
    const auto content = LoadContent();
    if (!places || !content) {
        found.errors = {places ? content.error() : places.error()};
        return found;
    }
    const ReadInputs read = ReadInputsOf(*content, *places);
    found.errors = read.errors;
    // A folder of the user's: only what it holds.
    const bool all = options.folder.empty();
    if (found.errors.empty() && (all || !places->mappings.empty())) TestMaps(read.inputs, found);
    if (found.errors.empty() && (all || !places->channels.empty())) {
        TestChannels(read.inputs, found);
    }
    return found;
}

bool Matches(const TestCase& test, const std::string& filter) {
    return test.position.file.find(filter) != std::string::npos ||
           test.note.find(filter) != std::string::npos;
}

fhir::Node ToNode(const mapping::TestFailure& failure) {
    fhir::Node node = fhir::Node::Object();
    node.Set("line", fhir::Node::Number(std::to_string(failure.error.position.line)));
    node.Set("path", fhir::Node::String(failure.error.path));
    node.Set("expected", fhir::Node::String(failure.expected));
    node.Set("got", fhir::Node::String(failure.got));
    node.Set("message", fhir::Node::String(failure.error.message));
    return node;
}

std::string ToJsonLine(const TestCase& test) {
    fhir::Node node = fhir::Node::Object();
    node.Set("file", fhir::Node::String(test.position.file));
    node.Set("line", fhir::Node::Number(std::to_string(test.position.line)));
    node.Set("note", fhir::Node::String(test.note));
    node.Set("passed", fhir::Node::Boolean(test.failures.empty()));
    fhir::Node& failures = node.Set("failures", fhir::Node::Array());
    for (const mapping::TestFailure& failure : test.failures) failures.Append(ToNode(failure));
    return fhir::ToJson(node);
}

void Print(const TestCase& test, bool json) {
    if (json) {
        std::cout << ToJsonLine(test) << '\n';
        return;
    }
    for (const mapping::TestFailure& failure : test.failures) {
        std::cout << failure.error.ToString() << '\n';
    }
}

int NothingRan(const TestOptions& options) {
    PrintError(options.filter.empty()
                   ? "no test found; mappings/tests/*.yaml test maps, channels/NAME.test.yaml "
                     "tests channels/NAME.yaml (carestream test --help shows one)"
                   : "no test has '" + options.filter + "' in its file's name or note");
    return 2;
}

}  // namespace

int Test(const TestOptions& options) {
    Found found = RunAll(options);
    if (!found.errors.empty()) {
        for (const Error& error : found.errors) PrintError(error);
        return 2;
    }
    std::erase_if(found.cases,
                  [&](const TestCase& test) { return !Matches(test, options.filter); });
    if (found.cases.empty()) return NothingRan(options);
    const auto passed = std::count_if(found.cases.begin(), found.cases.end(),
                                      [](const TestCase& test) { return test.failures.empty(); });
    const auto failed = static_cast<std::ptrdiff_t>(found.cases.size()) - passed;
    for (const TestCase& test : found.cases) Print(test, options.json);
    if (!options.json) {
        std::cout << Paint(
                         failed == 0 ? Style::kGreen : Style::kRed,
                         std::to_string(passed) + " passed, " + std::to_string(failed) + " failed")
                  << '\n';
    }
    return failed == 0 ? 0 : 1;
}

}  // namespace carestream::cli
