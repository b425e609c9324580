#include "questionnaires/rules.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace carestream::questionnaires {

namespace {

using config::Field;
using config::Type;
using config::Values;

Field TestField() {
    return {.key = "when",
            .type = Type::kObject,
            .description = "Tests of answers and scores. What was not answered fulfils none.",
            .required = true,
            .list = true,
            .fields = {
                {.key = "item", .description = "linkId of the question.", .example = "chest-pain"},
                {.key = "score", .description = "Instead: the name of a score."},
                {.key = "is",
                 .description = "The answer is one of these: codes of the options, `true`, "
                                "`false`.",
                 .list = true,
                 .default_text = "[]"},
                {.key = "at_least",
                 .description = "The number, the points of the answer, or the score is no less."},
                {.key = "at_most", .description = "It is no more."},
            }};
}

Field ScoreField() {
    return {
        .key = "scores",
        .type = Type::kObject,
        .description = "Sums over answers, each an Observation.",
        .list = true,
        .fields = {
            {.key = "score", .description = "Its name.", .required = true, .example = "total"},
            {.key = "title", .description = "For people; the text of the code.", .required = true},
            {.key = "system",
             .description = "Of the Observation's code.",
             .default_text = "http://loinc.org"},
            {.key = "code",
             .description = "Of the Observation.",
             .required = true,
             .example = "44261-6"},
            {.key = "unit", .description = "UCUM.", .default_text = "\"{score}\""},
            {.key = "sum",
             .description = "linkIds of what is summed up: points of options (extension "
                            "`ordinalValue`), numbers, 1 for yes. Without an answer to any of "
                            "them there is no score.",
             .required = true,
             .list = true},
            {.key = "points",
             .description = "Points by the option's code, for options that have none.",
             .map = true},
            {.key = "bands",
             .type = Type::kObject,
             .description = "What the score means, ascending.",
             .list = true,
             .fields = {{.key = "from", .description = "Begins here.", .required = true},
                        {.key = "text", .description = "The interpretation.", .required = true}}},
        }};
}

Field RedFlagField() {
    return {.key = "red_flags",
            .type = Type::kObject,
            .description = "Answers that somebody has to look at.",
            .list = true,
            .fields = {
                {.key = "flag",
                 .description = "Its name: small letters, digits, `-`.",
                 .required = true,
                 .example = "self-harm"},
                {.key = "title", .description = "For staff.", .required = true},
                {.key = "severity",
                 .type = Type::kChoice,
                 .description = "How urgent it is.",
                 .default_text = "high",
                 .choices = {"high", "medium", "low"}},
                TestField(),
                {.key = "match",
                 .type = Type::kChoice,
                 .description = "Is one of the tests enough?",
                 .default_text = "any",
                 .choices = {"any", "all"}},
                {.key = "patient_text",
                 .description = "Shown at once to whoever answered: what to do now. The clinic's "
                                "own words and numbers.",
                 .required = true},
                {.key = "escalate_after",
                 .type = Type::kDuration,
                 .description = "When the topic `red-flag-escalated` fires, unless somebody has "
                                "set the Flag's status to another than `active`.",
                 .default_text = "15m",
                 .choices = {"never"},
                 .min = 60'000,
                 .max = 30LL * 86'400'000},
            }};
}

bool IsName(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-';
    });
}

class Reader {
public:
    Reader(const Questionnaire& questionnaire, std::vector<Error>& errors)
        : questionnaire_(questionnaire), errors_(errors) {}

    Rules Read(const Values& values) {
        for (const Values& score : values.Objects("scores")) ReadScore(score);
        for (const Values& flag : values.Objects("red_flags")) ReadFlag(flag);
        return std::move(rules_);
    }

private:
    void Say(const Position& position, std::string message) {
        errors_.push_back(Error{Code::kInvalid, std::move(message), {}, position, 0, false});
    }

    template <typename Named>
    void CheckName(const Values& values, const char* key, const std::vector<Named>& before) {
        const std::string& name = values.String(key);
        const std::string quoted = "'" + name + "'";
        if (!name.empty() && !IsName(name)) {
            Say(values.PositionOf(key),
                "'" + std::string(key) + "': small letters, digits and '-' only, at most 64");
        }
        if (std::any_of(before.begin(), before.end(),
                        [&](const Named& known) { return known.name == name; })) {
            Say(values.PositionOf(key), quoted + " is there twice");
        }
    }

    std::optional<std::size_t> IndexOf(const std::string& link_id, const Position& position) {
        const auto found = questionnaire_.by_link_id.find(link_id);
        if (found != questionnaire_.by_link_id.end()) return found->second;
        std::vector<std::string_view> names;
        for (const Item& item : questionnaire_.items) names.push_back(item.link_id);
        Say(position,
            "'" + link_id + "' is no linkId of the questionnaire" + DidYouMean(link_id, names));
        return std::nullopt;
    }

    std::optional<fhir::Decimal> Number(const Values& values, const char* key) {
        if (!values.Has(key)) return std::nullopt;
        const auto number = fhir::Decimal::Parse(values.String(key));
        if (!number) Say(values.PositionOf(key), "'" + std::string(key) + "' is to be a number");
        return number;
    }

    static bool HasNumber(const Item& item) {
        return item.type == ItemType::kInteger || item.type == ItemType::kDecimal ||
               item.type == ItemType::kQuantity || item.type == ItemType::kBoolean ||
               std::any_of(item.options.begin(), item.options.end(),
                           [](const Option& option) { return option.points.has_value(); });
    }

    void ReadScore(const Values& values) {
        Score score;
        CheckName(values, "score", rules_.scores);
        score.name = values.String("score");
        score.title = values.String("title");
        score.system = values.String("system");
        score.code = values.String("code");
        score.unit = values.String("unit");
        for (const auto& [code, text] : values.Map("points")) {
            const auto number = fhir::Decimal::Parse(text);
            if (!number) {
                Say(values.PositionOf("points"), "'" + code + "': the points are to be a number");
            } else {
                score.points[code] = *number;
            }
        }
        const auto& sum = values.Strings("sum");
        if (values.Has("sum") && sum.empty()) Say(values.PositionOf("sum"), "'sum' names nothing");
        for (std::size_t i = 0; i < sum.size(); ++i) {
            const auto index = IndexOf(sum[i], values.ItemPosition("sum", i));
            if (!index) continue;
            const Item& item = questionnaire_.items[*index];
            const bool pointed =
                std::any_of(item.options.begin(), item.options.end(), [&](const Option& option) {
                    return score.points.count(std::string(option.value.TextOf("code"))) != 0;
                });
            if (!pointed && !HasNumber(item)) {
                Say(values.ItemPosition("sum", i),
                    "the answers of '" + sum[i] +
                        "' have no number: give their options an ordinalValue, or name 'points'");
            }
            if (std::find(score.sum.begin(), score.sum.end(), *index) != score.sum.end()) {
                Say(values.ItemPosition("sum", i), "'" + sum[i] + "' is there twice");
            }
            score.sum.push_back(*index);
        }
        CheckPoints(values, score);
        for (const Values& band : values.Objects("bands")) {
            const auto from = Number(band, "from");
            if (!from) continue;
            if (!score.bands.empty() &&
                fhir::Decimal::Compare(score.bands.back().from, *from) >= 0) {
                Say(band.PositionOf("from"), "bands are to ascend");
            }
            score.bands.push_back({*from, band.String("text")});
        }
        rules_.scores.push_back(std::move(score));
    }

    void CheckPoints(const Values& values, const Score& score) {
        std::vector<std::string_view> codes;
        for (const std::size_t index : score.sum) {
            for (const Option& option : questionnaire_.items[index].options) {
                codes.push_back(option.value.TextOf("code"));
            }
        }
        for (const auto& [code, points] : score.points) {
            if (std::find(codes.begin(), codes.end(), code) != codes.end()) continue;
            Say(values.PositionOf("points"),
                "'" + code + "' is no option of what is summed up" + DidYouMean(code, codes));
        }
    }

    void ReadFlag(const Values& values) {
        RedFlag flag;
        CheckName(values, "flag", rules_.red_flags);
        flag.name = values.String("flag");
        flag.title = values.String("title");
        flag.patient_text = values.String("patient_text");
        const std::string& severity = values.String("severity");
        flag.severity = severity == "low"      ? Severity::kLow
                        : severity == "medium" ? Severity::kMedium
                                               : Severity::kHigh;
        flag.all = values.String("match") == "all";
        const bool never = values.String("escalate_after") == "never";
        flag.escalate_after = never ? 0 : values.Integer("escalate_after") * 1000;
        if (values.Has("when") && values.Objects("when").empty()) {
            Say(values.PositionOf("when"), "'when' tests nothing");
        }
        for (const Values& test : values.Objects("when")) ReadTest(test, flag);
        rules_.red_flags.push_back(std::move(flag));
    }

    void ReadTest(const Values& values, RedFlag& flag) {
        Test test;
        const bool by_item = values.Has("item");
        const Position& place = values.PositionOf("item");
        if (by_item == values.Has("score")) {
            return Say(place, "a test names either an 'item' or a 'score'");
        }
        test.is = values.Strings("is");
        test.at_least = Number(values, "at_least");
        test.at_most = Number(values, "at_most");
        const bool numeric = values.Has("at_least") || values.Has("at_most");
        if (test.is.empty() && !numeric) {
            Say(by_item ? place : values.PositionOf("score"),
                "a test needs 'is', 'at_least' or 'at_most'");
        }
        if (by_item) {
            test.item = IndexOf(values.String("item"), place);
            if (!test.item) return;
            CheckItemTest(values, questionnaire_.items[*test.item], numeric);
        } else {
            test.score = ScoreOf(values);
            if (!test.is.empty()) Say(values.PositionOf("is"), "'is' is of items");
        }
        flag.when.push_back(std::move(test));
    }

    std::optional<std::size_t> ScoreOf(const Values& values) {
        const std::string& name = values.String("score");
        std::vector<std::string_view> names;
        for (std::size_t i = 0; i < rules_.scores.size(); ++i) {
            if (rules_.scores[i].name == name) return i;
            names.push_back(rules_.scores[i].name);
        }
        Say(values.PositionOf("score"), "no score '" + name + "'" + DidYouMean(name, names));
        return std::nullopt;
    }

    void CheckItemTest(const Values& values, const Item& item, bool numeric) {
        if (numeric && !HasNumber(item)) {
            Say(values.PositionOf(values.Has("at_least") ? "at_least" : "at_most"),
                "the answers of '" + item.link_id + "' have no number");
        }
        const auto& is = values.Strings("is");
        std::vector<std::string_view> known;
        if (item.type == ItemType::kBoolean) known = {"true", "false"};
        for (const Option& option : item.options) {
            known.push_back(option.member == "valueCoding" ? option.value.TextOf("code")
                                                           : std::string_view(option.value.text()));
        }
        if (!is.empty() && known.empty()) {
            Say(values.PositionOf("is"), "'is' is of booleans and choices");
            return;
        }
        for (std::size_t i = 0; i < is.size(); ++i) {
            if (std::find(known.begin(), known.end(), is[i]) != known.end()) continue;
            Say(values.ItemPosition("is", i), "'" + is[i] + "' is no answer that '" + item.link_id +
                                                  "' offers" + DidYouMean(is[i], known));
        }
    }

    const Questionnaire& questionnaire_;
    std::vector<Error>& errors_;
    Rules rules_;
};

}  // namespace

std::string_view ToString(Severity severity) {
    switch (severity) {
        case Severity::kHigh:
            return "high";
        case Severity::kMedium:
            return "medium";
        case Severity::kLow:
            return "low";
    }
    return "high";
}

config::Spec RulesSpec() {
    return {.name = "questionnaire-rules",
            .title = "Rules of a questionnaire (`mappings/questionnaires/<name>.rules.yaml`)",
            .description =
                "What answers mean: scores, which become Observations, and red flags, "
                "which become Flags. The questionnaire itself is "
                "`mappings/questionnaires/<name>.json`, a FHIR R4 Questionnaire.",
            .fields = {{.key = "questionnaire",
                        .description = "Its name, as the file is called.",
                        .required = true,
                        .example = "phq-9"},
                       ScoreField(),
                       RedFlagField()}};
}

Rules ReadRules(const Questionnaire& questionnaire, const Values& values,
                std::vector<Error>& errors) {
    return Reader(questionnaire, errors).Read(values);
}

}  // namespace carestream::questionnaires
