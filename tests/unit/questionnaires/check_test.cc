// Goal: a response that breaks one rule of its questionnaire is refused at that place, and no other
// one is. Method: a table, each rule broken once.
#include "questionnaires/check.h"

#include <gmock/gmock.h>

#include "tests/unit/questionnaires/support.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kItems = R"([
 {"linkId":"intro","text":"Hello","type":"display"},
 {"linkId":"yes","text":"?","type":"boolean","required":true},
 {"linkId":"why","text":"?","type":"text","required":true,"maxLength":4,
  "enableWhen":[{"question":"yes","operator":"=","answerBoolean":true}]},
 {"linkId":"n","text":"?","type":"integer","extension":[
   {"url":"http://hl7.org/fhir/StructureDefinition/minValue","valueInteger":0},
   {"url":"http://hl7.org/fhir/StructureDefinition/maxValue","valueInteger":10}]},
 {"linkId":"high","text":"?","type":"string","enableWhen":[{"question":"n","operator":">=","answerInteger":7}]},
 {"linkId":"pick","text":"?","type":"choice","answerOption":[
   {"valueCoding":{"system":"urn:s","code":"x"}},{"valueCoding":{"system":"urn:s","code":"y"}}],
  "item":[{"linkId":"more","text":"?","type":"string","required":true,
           "enableWhen":[{"question":"pick","operator":"!=","answerCoding":{"system":"urn:s","code":"y"}}]}]},
 {"linkId":"open","text":"?","type":"open-choice","maxLength":5,"repeats":true,"answerOption":[{"valueString":"one"}]},
 {"linkId":"group","type":"group","repeats":true,"item":[
   {"linkId":"day","text":"?","type":"date","required":true},
   {"linkId":"count","text":"?","type":"quantity"}]},
 {"linkId":"either","text":"?","type":"string","enableBehavior":"any","enableWhen":[
   {"question":"n","operator":"exists","answerBoolean":false},
   {"question":"open","operator":"exists","answerBoolean":true}]}])";

constexpr const char* kYes = R"({"linkId":"yes","answer":[{"valueBoolean":false}]})";

struct Row {
    const char* name;
    std::string items;                // after `yes`
    std::vector<std::string> issues;  // "code|expression"
};

class CheckTest : public QuestionnaireTest, public testing::WithParamInterface<Row> {};

fhir::Node Response(const std::string& items) {
    return fhir::ParseJson(
               R"({"resourceType":"QuestionnaireResponse","status":"completed","item":[)" + items +
               "]}")
        .value();
}

std::vector<std::string> IssuesOf(const std::string& items,
                                  const questionnaires::Questionnaires& all) {
    std::vector<std::string> issues;
    for (const fhir::Issue& issue :
         questionnaires::Check(all.all().front().questionnaire, Response(items))) {
        constexpr std::string_view kRoot = "QuestionnaireResponse";
        issues.push_back(issue.code + "|" + issue.expression.substr(kRoot.size()));
    }
    return issues;
}

TEST_P(CheckTest, NamesWhatIsWrong) {
    WriteItems(kItems);
    const auto loaded = Load();
    ASSERT_TRUE(loaded.questionnaires) << Mistakes().front();
    const std::string items = GetParam().items.starts_with("!") ? GetParam().items.substr(1)
                              : GetParam().items.empty()
                                  ? kYes
                                  : std::string(kYes) + "," + GetParam().items;
    EXPECT_THAT(IssuesOf(items, *loaded.questionnaires),
                testing::ElementsAreArray(GetParam().issues));
}

INSTANTIATE_TEST_SUITE_P(
    Each, CheckTest,
    testing::Values(
        Row{"least", "", {}}, Row{"display_may_stand", R"({"linkId":"intro"})", {}},
        Row{"display_answers",
            R"({"linkId":"intro","answer":[{"valueString":"x"}]})",
            {"structure|.item[1].answer"}},
        Row{"required",
            "!{\"linkId\":\"n\",\"answer\":[{\"valueInteger\":1}]}",
            {"required|.item"}},
        Row{"required_without_answer", "!{\"linkId\":\"yes\"}", {"required|.item"}},
        Row{"unknown",
            R"({"linkId":"nn","answer":[{"valueInteger":1}]})",
            {"not-found|.item[1].linkId"}},
        Row{"no_link_id", R"({"answer":[{"valueInteger":1}]})", {"not-found|.item[1].linkId"}},
        Row{"elsewhere",
            R"({"linkId":"day","answer":[{"valueDate":"2026-01-02"}]})",
            {"structure|.item[1].linkId"}},
        Row{"disabled",
            R"({"linkId":"why","answer":[{"valueString":"x"}]})",
            {"business-rule|.item[1]"}},
        Row{"enabled_required",
            R"(!{"linkId":"yes","answer":[{"valueBoolean":true}]})",
            {"required|.item"}},
        Row{"enabled",
            R"(!{"linkId":"yes","answer":[{"valueBoolean":true}]},{"linkId":"why","answer":[{"valueString":"sooo"}]})",
            {}},
        Row{"too_long",
            R"(!{"linkId":"yes","answer":[{"valueBoolean":true}]},{"linkId":"why","answer":[{"valueString":"soooo"}]})",
            {"too-long|.item[1].answer[0].value"}},
        Row{"characters_not_bytes",
            R"(!{"linkId":"yes","answer":[{"valueBoolean":true}]},{"linkId":"why","answer":[{"valueString":"äöüß"}]})",
            {}},
        Row{"wrong_type",
            R"({"linkId":"n","answer":[{"valueString":"1"}]})",
            {"value|.item[1].answer[0].value"}},
        Row{"no_value", R"({"linkId":"n","answer":[{}]})", {"required|.item[1].answer[0]"}},
        Row{"two_values",
            R"({"linkId":"n","answer":[{"valueInteger":1,"valueString":"x"}]})",
            {"required|.item[1].answer[0]"}},
        Row{"too_small",
            R"({"linkId":"n","answer":[{"valueInteger":-1}]})",
            {"value|.item[1].answer[0].value"}},
        Row{"too_large",
            R"({"linkId":"n","answer":[{"valueInteger":11}]})",
            {"value|.item[1].answer[0].value"}},
        Row{"bounds", R"({"linkId":"n","answer":[{"valueInteger":10}]})", {}},
        Row{"two_answers",
            R"({"linkId":"n","answer":[{"valueInteger":1},{"valueInteger":2}]})",
            {"structure|.item[1].answer"}},
        Row{"item_twice",
            R"({"linkId":"n","answer":[{"valueInteger":1}]},{"linkId":"n","answer":[{"valueInteger":2}]})",
            {"structure|.item"}},
        Row{"compares",
            R"({"linkId":"n","answer":[{"valueInteger":7}]},{"linkId":"high","answer":[{"valueString":"x"}]})",
            {}},
        Row{"compares_not",
            R"({"linkId":"n","answer":[{"valueInteger":6}]},{"linkId":"high","answer":[{"valueString":"x"}]})",
            {"business-rule|.item[2]"}},
        Row{"option",
            R"({"linkId":"pick","answer":[{"valueCoding":{"system":"urn:s","code":"y"}}]})",
            {}},
        Row{"no_option",
            R"({"linkId":"pick","answer":[{"valueCoding":{"system":"urn:s","code":"z"}}]})",
            {"required|.item[1].answer[0].item", "code-invalid|.item[1].answer[0].value"}},
        Row{"other_system",
            R"({"linkId":"pick","answer":[{"valueCoding":{"system":"urn:t","code":"x"},"item":[{"linkId":"more","answer":[{"valueString":"x"}]}]}]})",
            {"code-invalid|.item[1].answer[0].value"}},
        Row{"option_of_other_type",
            R"({"linkId":"pick","answer":[{"valueString":"x","item":[{"linkId":"more","answer":[{"valueString":"x"}]}]}]})",
            {"value|.item[1].answer[0].value"}},
        Row{"nested_required",
            R"({"linkId":"pick","answer":[{"valueCoding":{"system":"urn:s","code":"x"}}]})",
            {"required|.item[1].answer[0].item"}},
        Row{"nested",
            R"({"linkId":"pick","answer":[{"valueCoding":{"system":"urn:s","code":"x"},"item":[{"linkId":"more","answer":[{"valueString":"x"}]}]}]})",
            {}},
        Row{"nested_disabled",
            R"({"linkId":"pick","answer":[{"valueCoding":{"system":"urn:s","code":"y"},"item":[{"linkId":"more","answer":[{"valueString":"x"}]}]}]})",
            {"business-rule|.item[1].answer[0].item[0]"}},
        Row{"nested_beside_the_answer",
            R"({"linkId":"pick","item":[{"linkId":"more","answer":[{"valueString":"x"}]}]})",
            {"structure|.item[1].item"}},
        Row{"open_option",
            R"({"linkId":"open","answer":[{"valueString":"one"},{"valueString":"two"}]})",
            {}},
        Row{"open_too_long",
            R"({"linkId":"open","answer":[{"valueString":"longer"}]})",
            {"too-long|.item[1].answer[0].value"}},
        Row{"group",
            R"({"linkId":"group","item":[{"linkId":"day","answer":[{"valueDate":"2026-01-02"}]}]},{"linkId":"group","item":[{"linkId":"day","answer":[{"valueDate":"2026-01-03"}]}]})",
            {}},
        Row{"group_required",
            R"({"linkId":"group","item":[{"linkId":"count","answer":[{"valueQuantity":{"value":1}}]}]})",
            {"required|.item[1].item"}},
        Row{"group_answers",
            R"({"linkId":"group","answer":[{"valueString":"x"}],"item":[{"linkId":"day","answer":[{"valueDate":"2026-01-02"}]}]})",
            {"structure|.item[1].answer"}},
        Row{"any_first", R"({"linkId":"either","answer":[{"valueString":"x"}]})", {}},
        Row{"any_none",
            R"({"linkId":"n","answer":[{"valueInteger":1}]},{"linkId":"either","answer":[{"valueString":"x"}]})",
            {"business-rule|.item[2]"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(QuestionnaireTest, TooManyAnswersToOneThatRepeats) {
    WriteItems(kItems);
    const auto loaded = Load();
    std::string answers = R"({"valueString":"one"})";
    for (std::size_t i = 1; i < questionnaires::kAnswersMax; ++i) {
        answers += R"(,{"valueString":"one"})";
    }
    const auto with = [&](const std::string& list) {
        return std::string(kYes) + R"(,{"linkId":"open","answer":[)" + list + "]}";
    };
    EXPECT_THAT(IssuesOf(with(answers), *loaded.questionnaires), IsEmpty());
    EXPECT_THAT(IssuesOf(with(answers + R"(,{"valueString":"one"})"), *loaded.questionnaires),
                ElementsAre("structure|.item[1].answer"));
}

TEST_F(QuestionnaireTest, MessagesHoldNoAnswers) {
    WriteItems(kItems);
    const auto loaded = Load();
    const auto issues = questionnaires::Check(
        loaded.questionnaires->all().front().questionnaire,
        Response(R"({"linkId":"SECRET"},{"linkId":"why","answer":[{"valueString":"SECRET"}]},)"
                 R"({"linkId":"pick","answer":[{"valueCoding":{"code":"SECRET"}}]})"));
    EXPECT_GE(issues.size(), 3u);
    for (const fhir::Issue& issue : issues) {
        EXPECT_EQ(issue.message.find("SECRET"), std::string::npos) << issue.message;
    }
}

TEST_F(QuestionnaireTest, StopsAtTheLimit) {
    WriteItems(kItems);
    const auto loaded = Load();
    std::string items = R"({"linkId":"0"})";
    for (int i = 1; i < 100; ++i) items += R"(,{"linkId":"0"})";
    EXPECT_EQ(questionnaires::Check(loaded.questionnaires->all().front().questionnaire,
                                    Response(items), 10)
                  .size(),
              10u);
}

}  // namespace
}  // namespace carestream::test
