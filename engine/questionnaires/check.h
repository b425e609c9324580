#pragma once
// Is a QuestionnaireResponse an answer to its Questionnaire? Source: FHIR R4 QuestionnaireResponse,
// Questionnaire.item (type, required, repeats, enableWhen, answerOption). Pure.
#include <cstddef>
#include <vector>

#include "fhir/node.h"
#include "fhir/validator.h"
#include "questionnaires/questionnaire.h"

namespace carestream::questionnaires {

// By index of the item: its answers, wherever they stand in the response.
using Answers = std::vector<std::vector<const fhir::Node*>>;
[[nodiscard]] Answers AnswersOf(const Questionnaire& questionnaire, const fhir::Node& response);

// Empty = it is. Names linkIds and what is asked for, never an answer. What is required counts only
// where it is enabled, and inside a group or below an answer only where that is there. Stops after
// `issues_max`. Any JSON may be given; the depth is bounded by that of the questionnaire.
[[nodiscard]] std::vector<fhir::Issue> Check(const Questionnaire& questionnaire,
                                             const fhir::Node& response,
                                             std::size_t issues_max = 50);

}  // namespace carestream::questionnaires
