// "name\n{response}": any JSON is checked against a shipped questionnaire and scored; what Check
// finds nothing wrong with stays a valid resource with its red flags. "\n{questionnaire}": any JSON
// is read as a questionnaire or refused, and what was read can be answered.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/json.h"
#include "fhir/validator.h"
#include "questionnaires/check.h"
#include "questionnaires/questionnaires.h"
#include "tests/fuzz/targets/support.h"

namespace {

using namespace carestream;
using namespace carestream::questionnaires;

const Questionnaires& Shipped() {
    static const auto loaded = [] {
        const auto home = FindHome();
        CARESTREAM_ASSERT(home.has_value());
        return Questionnaires::Load(*home / "mappings/questionnaires", "", R4());
    }();
    CARESTREAM_ASSERT(loaded.questionnaires != nullptr);
    return *loaded.questionnaires;
}

void Answer(const Entry& entry, fhir::Node response) {
    const auto issues = Check(entry.questionnaire, response);
    for (const fhir::Issue& issue : issues) CARESTREAM_ASSERT(!issue.message.empty());
    const Evaluation evaluation = Evaluate(entry.questionnaire, entry.rules, response);
    const bool valid = issues.empty() && fhir::Validate(R4(), response).empty();
    if (!response.IsObject()) return;
    SetRedFlags(entry.questionnaire, evaluation.red_flags, response);
    if (valid) CARESTREAM_ASSERT(fhir::Validate(R4(), response).empty());
    CARESTREAM_ASSERT(!valid || RedFlagsOf(response).size() == evaluation.red_flags.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string_view name = TakeLine(text);
    auto node = fhir::ParseJson(text);
    if (!node) return 0;
    if (!name.empty()) {
        const auto found = Shipped().Find("Questionnaire/" + std::string(name));
        if (found && *found != nullptr) Answer(**found, std::move(*node));
        return 0;
    }
    std::vector<Error> errors;
    Entry entry{ReadQuestionnaire(R4(), std::move(*node), "q", "q.json", errors), {}};
    if (errors.empty()) Answer(entry, entry.questionnaire.resource);
    return 0;
}
