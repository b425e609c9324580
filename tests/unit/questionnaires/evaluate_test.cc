// Goal: shipped instruments score by their published cut-offs and raise the flags that they say.
#include "questionnaires/evaluate.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "fhir/validator.h"
#include "questionnaires/check.h"
#include "tests/unit/questionnaires/support.h"

namespace carestream::test {
namespace {

using questionnaires::Entry;
using testing::ElementsAre;
using testing::IsEmpty;

const Entry& Named(const std::string& name) {
    return **Shipped().Find("Questionnaire/" + name);
}

std::string Answer(const std::string& link_id, const std::string& value) {
    return R"({"linkId":")" + link_id + R"(","answer":[{)" + value + "}]}";
}

std::string Coded(const std::string& link_id, const std::string& code) {
    return Answer(link_id,
                  R"("valueCoding":{"system":"urn:carestream:answer","code":")" + code + "\"}");
}

fhir::Node Response(const std::vector<std::string>& items) {
    std::string json = R"({"resourceType":"QuestionnaireResponse","status":"completed","item":[)";
    for (const std::string& item : items) json += (json.back() == '[' ? "" : ",") + item;
    return fhir::ParseJson(json + "]}").value();
}

// Points for the choices of the instrument, in order.
fhir::Node Instrument(const Entry& entry, const std::vector<int>& points) {
    static const std::array<const char*, 4> codes = {"LA6568-5", "LA6569-3", "LA6570-1",
                                                     "LA6571-9"};
    std::vector<std::string> items;
    std::size_t next = 0;
    for (const auto& item : entry.questionnaire.items) {
        if (!item.required || next == points.size()) continue;
        items.push_back(
            Answer(item.link_id, R"("valueCoding":{"system":"http://loinc.org","code":")" +
                                     std::string(codes.at(points[next++])) + "\"}"));
    }
    return Response(items);
}

// `total` over so many items, the last one 0 unless there is no other way.
std::vector<int> Spread(int total, std::size_t items) {
    std::vector<int> points(items, 0);
    for (int& point : points) {
        point = std::min(3, total);
        total -= point;
    }
    return points;
}

std::string Summary(const Entry& entry, const fhir::Node& response) {
    const auto issues = questionnaires::Check(entry.questionnaire, response);
    EXPECT_THAT(issues, IsEmpty()) << issues.front().expression << issues.front().message;
    const auto evaluation = questionnaires::Evaluate(entry.questionnaire, entry.rules, response);
    std::string text;
    for (const auto& score : evaluation.scores) {
        text += score.score->code + "=" + score.value.ToString() + " " +
                (score.band == nullptr ? "-" : score.band->text);
    }
    for (const auto* flag : evaluation.red_flags) text += " !" + flag->name;
    return text;
}

TEST(Phq9, BandsAsPublished) {
    const Entry& phq = Named("phq-9");
    const std::vector<std::pair<int, std::string>> rows = {{0, "Minimal"},
                                                           {4, "Minimal"},
                                                           {5, "Mild"},
                                                           {9, "Mild"},
                                                           {10, "Moderate"},
                                                           {14, "Moderate"},
                                                           {15, "Moderately severe"},
                                                           {19, "Moderately severe"},
                                                           {20, "Severe"},
                                                           {24, "Severe"}};
    for (const auto& [total, band] : rows) {
        EXPECT_EQ(Summary(phq, Instrument(phq, Spread(total, 9))),
                  "44261-6=" + std::to_string(total) + " " + band + " depression" +
                      (total >= 20 ? " !severe-depression" : ""));
    }
}

TEST(Phq9, ItemNineIsARedFlagAtOnePoint) {
    const Entry& phq = Named("phq-9");
    for (const int points : {1, 2, 3}) {
        EXPECT_EQ(Summary(phq, Instrument(phq, {0, 0, 0, 0, 0, 0, 0, 0, points})),
                  "44261-6=" + std::to_string(points) + " Minimal depression !self-harm");
    }
    EXPECT_EQ(Summary(phq, Instrument(phq, {3, 3, 3, 3, 3, 3, 3, 3, 3})),
              "44261-6=27 Severe depression !self-harm !severe-depression");
}

TEST(Phq9, AsksForEachOfItsNineItems) {
    const Entry& phq = Named("phq-9");
    const auto issues =
        questionnaires::Check(phq.questionnaire, Instrument(phq, {0, 0, 0, 0, 0, 0, 0, 0}));
    ASSERT_EQ(issues.size(), 1u);
    EXPECT_EQ(issues[0].message, "'44260-8' is to be answered");
}

TEST(Gad7, BandsAsPublished) {
    const Entry& gad = Named("gad-7");
    const std::vector<std::pair<int, std::string>> rows = {
        {0, "Minimal"},   {4, "Minimal"},   {5, "Mild"},    {9, "Mild"},
        {10, "Moderate"}, {14, "Moderate"}, {15, "Severe"}, {21, "Severe"}};
    for (const auto& [total, band] : rows) {
        EXPECT_EQ(Summary(gad, Instrument(gad, Spread(total, 7))),
                  "70274-6=" + std::to_string(total) + " " + band + " anxiety" +
                      (total >= 15 ? " !severe-anxiety" : ""));
    }
}

TEST(PainReport, NrsIsItsScore) {
    const Entry& pain = Named("pain");
    EXPECT_EQ(Summary(pain, Response({Answer("nrs", "\"valueInteger\":0")})), "72514-3=0 No pain");
    const auto at = [&](int nrs, const std::string& place) {
        return Summary(pain, Response({Answer("nrs", "\"valueInteger\":" + std::to_string(nrs)),
                                       Coded("place", place), Coded("kind", "burning")}));
    };
    EXPECT_EQ(at(4, "leg"), "72514-3=4 Moderate pain");
    EXPECT_EQ(at(9, "leg"), "72514-3=9 Severe pain !severe-pain");
    EXPECT_EQ(at(2, "chest"), "72514-3=2 Mild pain !chest-pain");
}

std::vector<std::string> Calm() {
    return {Answer("pain", "\"valueInteger\":2"),
            Answer("chills", "\"valueBoolean\":false"),
            Coded("bleeding", "none"),
            Answer("wound-open", "\"valueBoolean\":false"),
            Answer("chest-pain", "\"valueBoolean\":false"),
            Answer("breath", "\"valueBoolean\":false"),
            Answer("calf", "\"valueBoolean\":false"),
            Coded("vomiting", "none"),
            Answer("urine", "\"valueBoolean\":false")};
}

TEST(PostOperative, EachFlagByItself) {
    const Entry& entry = Named("post-operative");
    EXPECT_EQ(Summary(entry, Response(Calm())), "72514-3=2 Mild pain");
    const auto with = [&](std::size_t index, const std::string& item) {
        auto items = Calm();
        if (index < items.size()) {
            items[index] = item;
        } else {
            items.push_back(item);
        }
        return Summary(entry, Response(items)).substr(std::string("72514-3=2 Mild pain").size());
    };
    EXPECT_EQ(with(99, Answer("temperature", "\"valueDecimal\":38.4")), "");
    EXPECT_EQ(with(99, Answer("temperature", "\"valueDecimal\":38.5")), " !infection");
    EXPECT_EQ(with(99, Coded("wound-signs", "pus")), " !infection");
    EXPECT_EQ(with(99, Coded("wound-signs", "redness")), "");
    EXPECT_EQ(with(1, Answer("chills", "\"valueBoolean\":true")), " !infection");
    EXPECT_EQ(with(2, Coded("bleeding", "spots")), "");
    EXPECT_EQ(with(2, Coded("bleeding", "heavy")), " !bleeding");
    EXPECT_EQ(with(3, Answer("wound-open", "\"valueBoolean\":true")), " !wound-open");
    EXPECT_EQ(with(4, Answer("chest-pain", "\"valueBoolean\":true")), " !chest");
    EXPECT_EQ(with(5, Answer("breath", "\"valueBoolean\":true")), " !chest");
    EXPECT_EQ(with(6, Answer("calf", "\"valueBoolean\":true")), " !clot");
    EXPECT_EQ(with(7, Coded("vomiting", "all")), " !fluids");
    EXPECT_EQ(with(8, Answer("urine", "\"valueBoolean\":true")), " !fluids");
}

TEST(WoundReport, EachFlagByItself) {
    const Entry& entry = Named("wound");
    const auto of = [&](const std::string& redness, const std::string& fluid, bool opening,
                        const std::vector<std::string>& more, bool fever = false) {
        std::vector<std::string> items = {
            Coded("redness", redness), Coded("fluid", fluid),
            Answer("opening", std::string("\"valueBoolean\":") + (opening ? "true" : "false")),
            Answer("fever", std::string("\"valueBoolean\":") + (fever ? "true" : "false"))};
        items.insert(items.end(), more.begin(), more.end());
        return Summary(entry, Response(items));
    };
    EXPECT_EQ(of("edge", "clear", false, {}), "");
    EXPECT_EQ(of("spreading", "none", false, {}), " !infection");
    EXPECT_EQ(of("none", "pus", false, {}), " !infection");
    EXPECT_EQ(of("none", "none", true, {}), " !opening");
    EXPECT_EQ(of("none", "blood", false, {Answer("dressing", "\"valueBoolean\":true")}),
              " !bleeding");
    EXPECT_EQ(of("none", "blood", false, {Answer("dressing", "\"valueBoolean\":false")}), "");
    EXPECT_EQ(of("none", "none", false, {}, true), " !infection");
}

class ScoreTest : public QuestionnaireTest {};

TEST_F(ScoreTest, PointsOfTheRulesAndAllOf) {
    WriteItems(R"([{"linkId":"a","text":"?","type":"choice","repeats":true,"answerOption":[)"
               R"({"valueCoding":{"code":"x"}},{"valueCoding":{"code":"y"}}]},)"
               R"({"linkId":"b","text":"?","type":"boolean"}])");
    Write(
        "q.rules.yaml",
        "questionnaire: q\nscores:\n  - {score: s, title: S, code: c, sum: [a, b], points: {x: 2, "
        "y: 0.5}, bands: [{from: 1, text: some}]}\nred_flags:\n  - {flag: f, title: F, match: "
        "all, when: [{item: a, is: [x]}, {score: s, at_least: 2, at_most: 2.5}], patient_text: "
        "t}\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.questionnaires) << Mistakes().front();
    const Entry& entry = loaded.questionnaires->all().front();
    const auto coded = [](const std::string& codes) {
        std::string answers;
        for (const char code : codes) {
            answers += (answers.empty() ? "" : ",") + std::string(R"({"valueCoding":{"code":")") +
                       code + "\"}}";
        }
        return R"({"linkId":"a","answer":[)" + answers + "]}";
    };
    EXPECT_EQ(Summary(entry, Response({})), "");
    EXPECT_EQ(Summary(entry, Response({coded("y")})), "c=0.5 -");
    EXPECT_EQ(Summary(entry, Response({coded("xy")})), "c=2.5 some !f");
    EXPECT_EQ(Summary(entry, Response({coded("xy"), Answer("b", "\"valueBoolean\":true")})),
              "c=3.5 some");
    EXPECT_EQ(Summary(entry, Response({Answer("b", "\"valueBoolean\":true")})), "c=1 some");
}

TEST(RedFlags, StandInTheResponseAsTheServerSaysOnly) {
    const Entry& phq = Named("phq-9");
    fhir::Node response = Instrument(phq, {0, 0, 0, 0, 0, 0, 0, 0, 1});
    response.At("extension")
        .Append(fhir::ParseJson(R"({"url":"urn:carestream:red-flag","extension":[{"url":"flag",)"
                                R"("valueCoding":{"code":"forged"}}]})")
                    .value());
    response.At("extension")
        .Append(fhir::ParseJson(R"({"url":"urn:other","valueString":"kept"})").value());
    const auto evaluation = questionnaires::Evaluate(phq.questionnaire, phq.rules, response);
    questionnaires::SetRedFlags(phq.questionnaire, evaluation.red_flags, response);
    const auto flags = questionnaires::RedFlagsOf(response);
    ASSERT_EQ(flags.size(), 1u);
    EXPECT_EQ(flags[0].questionnaire, "phq-9");
    EXPECT_EQ(flags[0].name, "self-harm");
    EXPECT_EQ(flags[0].severity, "high");
    EXPECT_EQ(flags[0].title, "PHQ-9 item 9: thoughts of death or self-harm");
    EXPECT_THAT(flags[0].text, testing::HasSubstr("988"));
    EXPECT_EQ(flags[0].escalate_after, 15LL * 60 * 1'000'000);
    EXPECT_THAT(fhir::ToJson(response), testing::HasSubstr("kept"));
    EXPECT_THAT(fhir::Validate(R4(), response), IsEmpty());
    questionnaires::ClearRedFlags(response);
    EXPECT_THAT(questionnaires::RedFlagsOf(response), IsEmpty());
}

}  // namespace
}  // namespace carestream::test
