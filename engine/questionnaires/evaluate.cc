#include "questionnaires/evaluate.h"

#include <algorithm>
#include <optional>

#include "questionnaires/check.h"

namespace carestream::questionnaires {

namespace {

std::optional<fhir::Decimal> PointsOf(const Score& score, const Item& item,
                                      const fhir::Node& answer) {
    const fhir::Member* value = ValueOf(answer);
    if (value != nullptr && value->name == "valueCoding") {
        const auto points = score.points.find(std::string(value->value.TextOf("code")));
        if (points != score.points.end()) return points->second;
    }
    return NumberOf(item, answer);
}

class Evaluator {
public:
    Evaluator(const Questionnaire& questionnaire, const Rules& rules, const fhir::Node& response)
        : questionnaire_(questionnaire),
          rules_(rules),
          answers_(AnswersOf(questionnaire, response)) {}

    Evaluation Run() {
        Evaluation evaluation;
        for (const Score& score : rules_.scores) {
            values_.push_back(Sum(score));
            if (values_.back()) {
                evaluation.scores.push_back({&score, *values_.back(), BandOf(score)});
            }
        }
        for (const RedFlag& flag : rules_.red_flags) {
            const auto holds = [&](const Test& test) { return Holds(test); };
            const bool raised = flag.all ? std::all_of(flag.when.begin(), flag.when.end(), holds)
                                         : std::any_of(flag.when.begin(), flag.when.end(), holds);
            if (raised) evaluation.red_flags.push_back(&flag);
        }
        return evaluation;
    }

private:
    [[nodiscard]] std::optional<fhir::Decimal> Sum(const Score& score) const {
        std::optional<fhir::Decimal> sum;
        for (const std::size_t index : score.sum) {
            for (const fhir::Node* answer : answers_[index]) {
                const auto points = PointsOf(score, questionnaire_.items[index], *answer);
                if (!points) continue;
                sum = fhir::Decimal::Add(sum.value_or(fhir::Decimal(0)), *points);
                if (!sum) return std::nullopt;  // out of any range that means something
            }
        }
        return sum;
    }

    [[nodiscard]] const Band* BandOf(const Score& score) const {
        const Band* found = nullptr;
        for (const Band& band : score.bands) {
            if (fhir::Decimal::Compare(band.from, *values_.back()) <= 0) found = &band;
        }
        return found;
    }

    static bool InRange(const Test& test, const std::optional<fhir::Decimal>& number) {
        if (!test.at_least && !test.at_most) return true;
        if (!number) return false;
        return (!test.at_least || fhir::Decimal::Compare(*number, *test.at_least) >= 0) &&
               (!test.at_most || fhir::Decimal::Compare(*number, *test.at_most) <= 0);
    }

    [[nodiscard]] bool Holds(const Test& test) const {
        if (test.score) return values_[*test.score] && InRange(test, values_[*test.score]);
        const Item& item = questionnaire_.items[*test.item];
        const auto& answers = answers_[*test.item];
        return std::any_of(answers.begin(), answers.end(), [&](const fhir::Node* answer) {
            return IsOneOf(test, *answer) && InRange(test, NumberOf(item, *answer));
        });
    }

    static bool IsOneOf(const Test& test, const fhir::Node& answer) {
        if (test.is.empty()) return true;
        const fhir::Member* value = ValueOf(answer);
        if (value == nullptr) return false;
        const std::string_view text = value->name == "valueCoding"
                                          ? value->value.TextOf("code")
                                          : std::string_view(value->value.text());
        return std::find(test.is.begin(), test.is.end(), text) != test.is.end();
    }

    const Questionnaire& questionnaire_;
    const Rules& rules_;
    const Answers answers_;
    std::vector<std::optional<fhir::Decimal>> values_;  // by index of the score
};

}  // namespace

Evaluation Evaluate(const Questionnaire& questionnaire, const Rules& rules,
                    const fhir::Node& response) {
    return Evaluator(questionnaire, rules, response).Run();
}

}  // namespace carestream::questionnaires
