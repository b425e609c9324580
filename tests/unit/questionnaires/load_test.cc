// Goal: each mistake in a questionnaire or its rules is named with its place and what was meant.
// Method: a good file, broken once in each row.
#include <gmock/gmock.h>

#include "tests/unit/questionnaires/support.h"

namespace carestream::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kItems = R"([
 {"linkId":"a","text":"A?","type":"boolean"},
 {"linkId":"b","text":"B?","type":"choice","answerOption":[
   {"valueCoding":{"code":"x","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":2}]}},
   {"valueCoding":{"code":"y"}}]},
 {"linkId":"c","text":"C?","type":"string","enableWhen":[{"question":"a","operator":"=","answerBoolean":true}]}])";

constexpr const char* kRules = R"(questionnaire: q
scores:
  - score: total
    title: Total
    code: c-1
    sum: [a, b]
    points: {y: 3}
    bands:
      - {from: 0, text: low}
      - {from: 3, text: high}
red_flags:
  - flag: bad
    title: Bad
    when:
      - {item: b, is: [x]}
      - {score: total, at_least: 3}
    patient_text: Call us.
)";

struct Row {
    const char* name;
    const char* from;
    const char* to;
    const char* mistake;
};

class BrokenQuestionnaire : public QuestionnaireTest, public testing::WithParamInterface<Row> {};
class BrokenRules : public QuestionnaireTest, public testing::WithParamInterface<Row> {};

std::string Broken(std::string text, const Row& row) {
    const auto at = text.find(row.from);
    EXPECT_NE(at, std::string::npos) << row.from;
    return at == std::string::npos ? text
                                   : text.replace(at, std::string_view(row.from).size(), row.to);
}

TEST_F(QuestionnaireTest, GoodFilesHaveNoMistakes) {
    WriteItems(kItems);
    Write("q.rules.yaml", kRules);
    EXPECT_THAT(Mistakes(), IsEmpty());
    ASSERT_TRUE(Load().questionnaires);
    EXPECT_EQ(Load().questionnaires->all().size(), 1u);
}

TEST_F(QuestionnaireTest, AnAbsentFolderHoldsNone) {
    std::filesystem::remove_all(folder_);
    EXPECT_TRUE(Load().questionnaires->all().empty());
}

TEST_P(BrokenQuestionnaire, IsNamed) {
    WriteItems(Broken(kItems, GetParam()));
    EXPECT_THAT(Mistakes(), Contains(HasSubstr(GetParam().mistake)));
    EXPECT_FALSE(Load().questionnaires);
}

INSTANTIATE_TEST_SUITE_P(
    Each, BrokenQuestionnaire,
    testing::Values(
        Row{"no_type", R"("type":"boolean")", R"("type":"bool")",
            "questionnaires/q.json: Questionnaire.item[0].type"},
        Row{"attachment", R"("type":"boolean")", R"("type":"attachment")",
            "questionnaires/q.json: Questionnaire.item[0].type: 'attachment' is not offered here"},
        Row{"twice", R"("linkId":"b")", R"("linkId":"a")",
            "Questionnaire.item[1].linkId: 'a' is there twice"},
        Row{"no_text", R"("text":"A?",)", "", "Questionnaire.item[0].text: is missing"},
        Row{"later", R"("question":"a")", R"("question":"c")",
            "Questionnaire.item[2].enableWhen[0].question: 'c' is no item that stands before"},
        Row{"misspelt", R"("question":"a")", R"("question":"B")", "did you mean 'b'?"},
        Row{"other_type", R"("answerBoolean":true)", R"("answerString":"true")",
            "enableWhen[0].answerString: is to be answerBoolean"},
        Row{"no_order", R"("operator":"=")", R"("operator":">")",
            "enableWhen[0].operator: the answers of the question have no order"},
        Row{"behavior", R"("answerBoolean":true})",
            R"("answerBoolean":true},{"question":"b","operator":"exists","answerBoolean":true})",
            "Questionnaire.item[2].enableBehavior: is missing"},
        Row{"no_options", R"("type":"boolean")", R"("type":"choice")",
            "Questionnaire.item[0].answerOption: is missing"},
        Row{"value_set", R"("type":"boolean")", R"("type":"boolean","answerValueSet":"urn:x")",
            "Questionnaire.item[0].answerValueSet: is not offered"},
        Row{"mixed_options", R"({"valueCoding":{"code":"y"}})", R"({"valueString":"y"})",
            "Questionnaire.item[1].answerOption[1]: is of another type than the first"},
        Row{"no_code", R"({"code":"y"})", R"({"display":"y"})",
            "Questionnaire.item[1].answerOption[1].valueCoding.code: is missing"},
        Row{"length", R"("type":"boolean")", R"("type":"boolean","maxLength":3)",
            "Questionnaire.item[0].maxLength: is of texts only"},
        Row{"bound", R"("type":"boolean")",
            R"("type":"integer","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/minValue","valueDecimal":3}])",
            "Questionnaire.item[0].extension: a bound is of"},
        Row{"unknown_element", R"("type":"boolean")", R"("type":"boolean","requierd":true)",
            "requierd"},
        Row{"syntax", R"("linkId":"a",)", R"("linkId":"a")", "questionnaires/q.json:2:"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_P(BrokenRules, IsNamed) {
    WriteItems(kItems);
    Write("q.rules.yaml", Broken(kRules, GetParam()));
    EXPECT_THAT(Mistakes(), Contains(HasSubstr(GetParam().mistake)));
    EXPECT_FALSE(Load().questionnaires);
}

INSTANTIATE_TEST_SUITE_P(
    Each, BrokenRules,
    testing::Values(
        Row{"other_name", "questionnaire: q", "questionnaire: p",
            "questionnaires/q.rules.yaml:1:16: is to be 'q'"},
        Row{"unknown_key", "title: Total", "titl: Total", "did you mean 'title'"},
        Row{"sum_unknown", "sum: [a, b]", "sum: [A, b]",
            "questionnaires/q.rules.yaml:6:11: 'A' is no linkId of the questionnaire, did you mean "
            "'a'?"},
        Row{"sum_text", "sum: [a, b]", "sum: [c]", "the answers of 'c' have no number"},
        Row{"sum_twice", "sum: [a, b]", "sum: [a, a]", "'a' is there twice"},
        Row{"sum_empty", "sum: [a, b]", "sum: []", "'sum' names nothing"},
        Row{"points_unknown", "{y: 3}", "{z: 3}", "'z' is no option of what is summed up"},
        Row{"points_text", "{y: 3}", "{y: many}", "'y': the points are to be a number"},
        Row{"bands", "from: 3", "from: 0", "q.rules.yaml:10:16: bands are to ascend"},
        Row{"band_text", "from: 3", "from: x", "'from' is to be a number"},
        Row{"item_unknown", "item: b", "item: bb",
            "q.rules.yaml:15:16: 'bb' is no linkId of the questionnaire, did you mean 'b'?"},
        Row{"both", "item: b,", "item: b, score: total,", "either an 'item' or a 'score'"},
        Row{"neither", "item: b, ", "", "either an 'item' or a 'score'"},
        Row{"no_test", ", is: [x]", "", "a test needs 'is', 'at_least' or 'at_most'"},
        Row{"answer_unknown", "is: [x]", "is: [z]", "'z' is no answer that 'b' offers"},
        Row{"boolean_unknown", "item: b, is: [x]", "item: a, is: [yes]",
            "'yes' is no answer that 'a' offers"},
        Row{"is_of_text", "item: b, is: [x]", "item: c, is: [x]",
            "'is' is of booleans and choices"},
        Row{"number_of_text", "item: b, is: [x]", "item: c, at_most: 1",
            "the answers of 'c' have no number"},
        Row{"no_number", "at_least: 3", "at_least: three", "'at_least' is to be a number"},
        Row{"score_unknown", "score: total, at", "score: totl, at",
            "no score 'totl', did you mean 'total'?"},
        Row{"score_is", "at_least: 3", "is: [3]", "'is' is of items"},
        Row{"name", "flag: bad", "flag: Bad Flag", "'flag': small letters"},
        Row{"no_text", "    patient_text: Call us.\n", "", "patient_text"},
        Row{"too_soon", "patient_text:", "escalate_after: 1s\n    patient_text:", "at least"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(QuestionnaireTest, FilesBelongTogether) {
    WriteItems(kItems);
    WriteItems(kItems, "p");
    Write("phq.rules.yaml", "questionnaire: phq\n");
    Write("q.yaml", "questionnaire: q\n");
    Write("r.json", R"({"resourceType":"Patient"})");
    Write("s.json",
          R"({"resourceType":"Questionnaire","id":"t","url":"urn:a|1","status":"active"})");
    const auto mistakes = Mistakes();
    EXPECT_THAT(mistakes,
                Contains(HasSubstr("phq.rules.yaml:1:16: there is no readable phq.json")));
    EXPECT_THAT(mistakes, Contains(HasSubstr("questionnaires/q.yaml: is neither <name>.json nor")));
    EXPECT_THAT(mistakes, Contains(HasSubstr("r.json: resourceType: the file is to hold one")));
    EXPECT_THAT(mistakes, Contains(HasSubstr("s.json: Questionnaire.id: is to be 's'")));
    EXPECT_THAT(mistakes, Contains(HasSubstr("s.json: Questionnaire.url: holds a '|'")));
    EXPECT_THAT(mistakes, Contains(HasSubstr("s.json: Questionnaire.version: is missing")));
    EXPECT_THAT(mistakes, Contains(HasSubstr("s.json: Questionnaire.title: is missing")));
}

TEST_F(QuestionnaireTest, TwoOfOneUrlAreAMistake) {
    Write("p.json", R"({"resourceType":"Questionnaire","id":"p","url":"urn:test:q","version":"1",)"
                    R"("title":"P","status":"active"})");
    WriteItems(R"([{"linkId":"a","text":"A?","type":"boolean"}])");
    EXPECT_THAT(Mistakes(), Contains(HasSubstr("q.json: its url is also that of p.json")));
}

TEST_F(QuestionnaireTest, AUrlThatNoResponseCouldNameIsAMistake) {
    for (const char* url : {"urn:a|1", "urn:a#b", "http://a.example/Questionnaire/q/_history/1"}) {
        Write("q.json", R"({"resourceType":"Questionnaire","id":"q","url":")" + std::string(url) +
                            R"(","version":"1","title":"Q","status":"active"})");
        EXPECT_THAT(Mistakes(), Contains(HasSubstr("q.json: Questionnaire.url: holds a '"))) << url;
    }
}

TEST_F(QuestionnaireTest, AUrlBelowTheServersOwnBaseIsFoundWithoutIt) {
    Write("a.json", R"({"resourceType":"Questionnaire","id":"a","version":"1","title":"A",)"
                    R"("status":"active","url":"https://a.example/fhir/r4/Questionnaire/z"})");
    const auto one = Load();
    ASSERT_TRUE(one.questionnaires);
    for (const char* name : {"https://a.example/fhir/r4/Questionnaire/z/_history/3|1#part",
                             "Questionnaire/z", "Questionnaire/z|1", "Questionnaire/a"}) {
        const auto found = one.questionnaires->Find(name);
        ASSERT_TRUE(found && *found != nullptr) << name;
    }
    // Nearest is the one that is called so.
    WriteItems(kItems, "z");
    const auto two = Load();
    ASSERT_TRUE(two.questionnaires);
    EXPECT_EQ((*two.questionnaires->Find("Questionnaire/z"))->questionnaire.name, "z");
}

TEST(ShippedQuestionnaires, AreFoundByTheirNames) {
    const auto& shipped = Shipped();
    EXPECT_EQ(shipped.all().size(), 5u);
    for (const char* canonical :
         {"urn:carestream:questionnaire:phq-9", "urn:carestream:questionnaire:phq-9|1.0",
          "urn:carestream:questionnaire:phq-9#x", "urn:carestream:questionnaire:phq-9|1.0#x",
          "urn:carestream:questionnaire:phq-9/_history/1", "Questionnaire/phq-9",
          "Questionnaire/phq-9|1.0", "Questionnaire/phq-9#x", "Questionnaire/phq-9/_history/1",
          "Questionnaire/phq-9/_history/1|1.0#x"}) {
        const auto found = shipped.Find(canonical);
        ASSERT_TRUE(found) << canonical;
        ASSERT_NE(*found, nullptr) << canonical;
        EXPECT_EQ((*found)->questionnaire.name, "phq-9");
    }
    EXPECT_EQ(shipped.Find("http://elsewhere.example/Questionnaire/phq-9").value(), nullptr);
    EXPECT_EQ(shipped.Find("").value(), nullptr);
    EXPECT_THAT(shipped.Find("urn:carestream:questionnaire:phq-9|0.9").error().message,
                HasSubstr("read Questionnaire/phq-9 again, which is 1.0"));
    EXPECT_THAT(shipped.Find("urn:carestream:questionnaire:phq9").error().message,
                HasSubstr("did you mean 'urn:carestream:questionnaire:phq-9'?"));
    EXPECT_THAT(shipped.Find("Questionnaire/phq-9/_history/1|0.9").error().message,
                HasSubstr("read Questionnaire/phq-9 again, which is 1.0"));
}

TEST(ShippedQuestionnaires, ARelativeNameIsOneOfThemOrAMistake) {
    const auto& shipped = Shipped();
    for (const char* name :
         {"Questionnaire/phq9", "Questionnaire/phq-9/", "Questionnaire/phq-9?_format=json",
          "Questionnaire/phq%2D9", "Questionnaire/", "/Questionnaire/phq-9", "questionnaire/phq-9",
          "phq-9", "|1.0", "/_history/1", "Questionnaire/urn:carestream:questionnaire:phq-9"}) {
        const auto found = shipped.Find(name);
        ASSERT_FALSE(found) << name;
        EXPECT_EQ(found.error().path, "QuestionnaireResponse.questionnaire") << name;
        EXPECT_THAT(found.error().message, HasSubstr("GET Questionnaire lists")) << name;
    }
    EXPECT_THAT(shipped.Find("Questionnaire/phq9").error().message,
                HasSubstr("did you mean 'Questionnaire/phq-9'?"));
    // One that the response contains; somebody else's.
    for (const char* name : {"#contained", "urn:uuid:6b2c3d8e-0d0b-4c57-8d0f-0a4f3f1d2c11",
                             "https://elsewhere.example/fhir/Questionnaire/phq9|2#x"}) {
        const auto found = shipped.Find(name);
        ASSERT_TRUE(found) << name;
        EXPECT_EQ(*found, nullptr) << name;
    }
}

}  // namespace
}  // namespace carestream::test
