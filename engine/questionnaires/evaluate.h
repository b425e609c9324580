#pragma once
// Scores and red flags of a response. Pure.
#include <string>
#include <vector>

#include "fhir/decimal.h"
#include "fhir/node.h"
#include "questionnaires/rules.h"

namespace carestream::questionnaires {

struct ScoreValue {
    const Score* score = nullptr;
    fhir::Decimal value;
    const Band* band = nullptr;  // nullptr: it lies in none
};

struct Evaluation {
    std::vector<ScoreValue> scores;         // without those that nothing was answered to
    std::vector<const RedFlag*> red_flags;  // in the order of the rules
};

// Of a response that Check found nothing wrong with; any other one gives what can be told. Points
// into `rules`.
[[nodiscard]] Evaluation Evaluate(const Questionnaire& questionnaire, const Rules& rules,
                                  const fhir::Node& response);

}  // namespace carestream::questionnaires
