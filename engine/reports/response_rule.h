#pragma once
// What is checked and completed before a QuestionnaireResponse is stored.
#include <functional>
#include <memory>

#include "questionnaires/questionnaires.h"
#include "rest/operation.h"

namespace carestream::reports {

using CurrentQuestionnaires =
    std::function<std::shared_ptr<const questionnaires::Questionnaires>()>;

// A response to one of our questionnaires is to be completed or amended, about a patient, and an
// answer to it; its red flags are written into it, so that its author reads the clinic's emergency
// text in the answer to the write. Any other response is taken as it is, without red flags, unless
// its questionnaire is named as ours are (Questionnaires::Find).
[[nodiscard]] rest::WriteRule ResponseRule(CurrentQuestionnaires current);

}  // namespace carestream::reports
