#pragma once
// What answers mean: scores and red flags, as YAML (mappings/questionnaires/<name>.rules.yaml).
// Pure.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/spec.h"
#include "fhir/decimal.h"
#include "questionnaires/questionnaire.h"

namespace carestream::questionnaires {

struct Band {
    fhir::Decimal from;  // up to the next band's
    std::string text;
};

struct Score {
    std::string name;
    std::string title;
    std::string system;  // of the Observation's code
    std::string code;
    std::string unit;                             // UCUM
    std::vector<std::size_t> sum;                 // indexes of items
    std::map<std::string, fhir::Decimal> points;  // by option code; before those of the options
    std::vector<Band> bands;                      // ascending; below the first: none
};

// One test of an answer or of a score. What has no answer fulfils none.
struct Test {
    std::optional<std::size_t> item;   // index
    std::optional<std::size_t> score;  // index; one of both is there
    std::vector<std::string> is;       // codes, texts, "true", "false"
    std::optional<fhir::Decimal> at_least;
    std::optional<fhir::Decimal> at_most;
};

enum class Severity : std::uint8_t { kHigh, kMedium, kLow };
// "high", ...
[[nodiscard]] std::string_view ToString(Severity severity);

struct RedFlag {
    std::string name;
    std::string title;  // for staff
    Severity severity = Severity::kHigh;
    std::vector<Test> when;
    bool all = false;           // of the tests; else one is enough
    std::string patient_text;   // shown at once to whoever answered
    Micros escalate_after = 0;  // unless somebody acknowledges it; 0 = never
};

struct Rules {
    std::vector<Score> scores;
    std::vector<RedFlag> red_flags;
};

// The declaration of a rules file.
[[nodiscard]] config::Spec RulesSpec();

// All mistakes are appended, with file:line:column and the nearest name.
[[nodiscard]] Rules ReadRules(const Questionnaire& questionnaire, const config::Values& values,
                              std::vector<Error>& errors);

}  // namespace carestream::questionnaires
