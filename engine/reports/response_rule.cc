#include "reports/response_rule.h"

#include <utility>
#include <vector>

#include "questionnaires/check.h"
#include "questionnaires/evaluate.h"

namespace carestream::reports {

namespace {

std::vector<fhir::Issue> IssuesOf(const questionnaires::Questionnaires& all,
                                  const fhir::Node& response) {
    const auto entry = all.Find(response.TextOf("questionnaire"));
    if (!entry) return {{"not-found", entry.error().path, entry.error().message}};
    if (*entry == nullptr) return {};
    std::vector<fhir::Issue> issues;
    const std::string_view status = response.TextOf("status");
    if (status != "completed" && status != "amended") {
        issues.push_back({"business-rule", "QuestionnaireResponse.status",
                          "completed and amended responses are taken; drafts stay with the app, "
                          "and what was reported is corrected, not withdrawn"});
    }
    const fhir::Node* subject = response.Find("subject");
    if (subject == nullptr || !subject->TextOf("reference").starts_with("Patient/")) {
        issues.push_back({"required", "QuestionnaireResponse.subject",
                          "a reference to the Patient (Patient/<id>) is asked for"});
    }
    auto answers = questionnaires::Check((*entry)->questionnaire, response);
    std::move(answers.begin(), answers.end(), std::back_inserter(issues));
    return issues;
}

}  // namespace

rest::WriteRule ResponseRule(CurrentQuestionnaires current) {
    rest::WriteRule rule;
    rule.type = "QuestionnaireResponse";
    rule.validate = [current](const fhir::Node& response) {
        return IssuesOf(*current(), response);
    };
    rule.check = [current](const auth::Principal&, fhir::Node& response) -> Result<void> {
        questionnaires::ClearRedFlags(response);
        // Another generation than a moment ago, perhaps: then it may be none of ours any more.
        const auto all = current();
        CARESTREAM_ASSIGN(entry, all->Find(response.TextOf("questionnaire")));
        if (entry == nullptr) return {};
        const auto evaluation =
            questionnaires::Evaluate(entry->questionnaire, entry->rules, response);
        questionnaires::SetRedFlags(entry->questionnaire, evaluation.red_flags, response);
        return {};
    };
    return rule;
}

}  // namespace carestream::reports
