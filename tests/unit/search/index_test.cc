// Goal: the index holds what queries will ask for, once per element and within its budget.
#include "search/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/text.h"
#include "fhir/json.h"
#include "tests/unit/search/samples.h"

namespace carestream::search {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::UnorderedElementsAre;

class IndexTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        definitions_ = LoadDefinitions();
        auto indexer = Indexer::Create(definitions_);
        ASSERT_TRUE(indexer) << indexer.error().ToString();
        indexer_ = *indexer;
    }
    static void TearDownTestSuite() {
        indexer_.reset();
        definitions_.reset();
    }
    static IndexEntries Extract(std::string_view json) {
        Result<fhir::Node> node = fhir::ParseJson(json);
        EXPECT_TRUE(node) << node.error().ToString();
        return indexer_->Extract(*node);
    }
    // "space form value" of each token whose space begins so.
    static std::vector<std::string> Tokens(const IndexEntries& entries,
                                           std::string_view space = {}) {
        std::vector<std::string> out;
        for (const TokenEntry& token : entries.tokens) {
            if (token.space.starts_with(space)) {
                out.push_back(std::string(token.space) + " " + std::string(token.form) + " " +
                              token.value);
            }
        }
        return out;
    }
    inline static std::shared_ptr<const fhir::Definitions> definitions_;
    inline static std::shared_ptr<const Indexer> indexer_;
};

TEST_F(IndexTest, Observation) {
    const IndexEntries entries = Extract(kObservation);
    EXPECT_EQ(entries.patient_id, "p1");
    EXPECT_THAT(
        Tokens(entries),
        UnorderedElementsAre(
            "Observation.status c final", "Observation.category c laboratory",
            "Observation.category sc "
            "http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            "Observation.code c 2339-0", "Observation.code sc http://loinc.org|2339-0",
            "Observation.encounter r Encounter/e1", "Observation.performer r Organization/lab"));
    ASSERT_EQ(entries.dates.size(), 1u);
    EXPECT_TRUE(entries.has_main_date);
    EXPECT_EQ(FormatInstant(entries.main_date), "2024-05-06T07:08:09.000Z");
    EXPECT_EQ(entries.dates[0].low, entries.main_date);
    EXPECT_EQ(entries.dates[0].high, entries.main_date + 999'999);
    ASSERT_EQ(entries.numbers.size(), 1u);
    EXPECT_EQ(entries.numbers[0].value, 5.4);
    EXPECT_THAT(entries.references, ElementsAre("Encounter/e1", "Organization/lab", "Patient/p1"));
}

TEST_F(IndexTest, ComponentsShareTheNumbersOfTheWhole) {
    const IndexEntries entries = Extract(kBloodPressure);
    ASSERT_EQ(entries.numbers.size(), 2u);
    EXPECT_EQ(entries.numbers[0].parameter, Extract(kObservation).numbers[0].parameter);
    EXPECT_THAT(Tokens(entries, "Observation.component"),
                UnorderedElementsAre("Observation.component.code c 8480-6",
                                     "Observation.component.code sc http://loinc.org|8480-6",
                                     "Observation.component.code c 8462-4",
                                     "Observation.component.code sc http://loinc.org|8462-4"));
}

TEST_F(IndexTest, PatientIsPrivateAndFoundByWords) {
    const IndexEntries entries = Extract(kPatient);
    EXPECT_EQ(entries.patient_id, "p1");
    EXPECT_TRUE(entries.dates.empty());
    EXPECT_FALSE(entries.has_main_date);
    EXPECT_THAT(
        Tokens(entries, "Patient.name"),
        UnorderedElementsAre("Patient.name p2 mu", "Patient.name p3 mul", "Patient.name p4 mull",
                             "Patient.name p6 muller", "Patient.name p2 jo", "Patient.name p3 jos",
                             "Patient.name p4 jose", "Patient.name p1 q"));
    EXPECT_THAT(Tokens(entries, "Patient.birthDate"),
                ElementsAre("Patient.birthDate d 1974-12-25", "Patient.birthDate m 1974-12",
                            "Patient.birthDate y 1974"));
    EXPECT_THAT(Tokens(entries, "Patient.telecom"),
                UnorderedElementsAre("Patient.telecom c 5551234567",
                                     "Patient.telecom c jose@example.test"));
    EXPECT_THAT(Tokens(entries, "Patient.deceased"), ElementsAre("Patient.deceased c false"));
    EXPECT_THAT(Tokens(entries, "Patient.identifier"),
                UnorderedElementsAre("Patient.identifier c 12345",
                                     "Patient.identifier sc urn:test:mrn|12345"));
}

TEST_F(IndexTest, StaysWithinItsBudget) {
    EXPECT_LE(Extract(kObservation).tokens.size(), 8u);
    EXPECT_LE(Extract(kPatient).tokens.size(), 45u);
}

TEST_F(IndexTest, TheSubjectIsNoTokenButOtherPatientsAre) {
    const IndexEntries one = Extract(R"({"resourceType": "Observation", "status": "final",
        "code": {"text": "x"}, "subject": {"reference": "Patient/a"},
        "performer": [{"reference": "Patient/b"}, {"reference": "Patient/a"}]})");
    EXPECT_EQ(one.patient_id, "a");
    EXPECT_THAT(Tokens(one, "Observation.subject"), ElementsAre());
    EXPECT_THAT(
        Tokens(one, "Observation.performer"),
        ElementsAre("Observation.performer r Patient/a", "Observation.performer r Patient/b"));

    const IndexEntries two = Extract(R"({"resourceType": "Appointment", "status": "booked",
        "participant": [{"actor": {"reference": "Patient/a"}}, {"actor": {"reference": "Patient/b"}},
                        {"actor": {"reference": "Location/l/_history/3"}}]})");
    EXPECT_EQ(two.patient_id, "");
    EXPECT_THAT(Tokens(two, "Appointment.participant.actor"),
                ElementsAre("Appointment.participant.actor r Location/l",
                            "Appointment.participant.actor r Patient/a",
                            "Appointment.participant.actor r Patient/b"));

    const IndexEntries group = Extract(R"({"resourceType": "Observation", "status": "final",
        "code": {"text": "x"}, "subject": {"reference": "Group/g"}})");
    EXPECT_EQ(group.patient_id, "");
    EXPECT_THAT(Tokens(group, "Observation.subject"), ElementsAre("Observation.subject r Group/g"));
}

TEST_F(IndexTest, DatesMeanTheirIntervals) {
    const auto encounter = [](std::string_view period) {
        return Extract(R"({"resourceType": "Encounter", "status": "finished", "period": )" +
                       std::string(period) + "}");
    };
    const IndexEntries open = encounter(R"({"start": "2024-02"})");
    ASSERT_EQ(open.dates.size(), 1u);
    EXPECT_EQ(FormatInstant(open.dates[0].low), "2024-02-01T00:00:00.000Z");
    EXPECT_EQ(open.dates[0].high, kDateOpenHigh);
    EXPECT_EQ(encounter(R"({"end": "2024"})").dates[0].low, kDateOpenLow);
    EXPECT_TRUE(encounter(R"({"start": "2025", "end": "2024"})").dates.empty());
    EXPECT_TRUE(encounter(R"({"start": "not a date"})").dates.empty());
    EXPECT_EQ(FormatInstant(kDateOpenLow), "0001-01-01T00:00:00.000Z");
    EXPECT_EQ(FormatInstant(kDateOpenHigh, false), "9999-12-31T23:59:59.999999Z");
}

TEST_F(IndexTest, ReadsWhatIsDamagedAsFarAsItCan) {
    for (const std::string_view json :
         {R"({})", R"([])", R"("x")", R"({"resourceType": "Nothing"})",
          R"({"resourceType": "Patient", "name": "x", "birthDate": 7, "identifier": {"value": 3}})",
          R"({"resourceType": "Observation", "subject": [{"reference": "Patient/1"}, null, 5],
              "valueQuantity": {"value": "high"}, "code": {"coding": [null, "x", {"code": 5}]}})"}) {
        Extract(json);
    }
    EXPECT_EQ(Extract(R"({"resourceType": "Patient", "gender": "male"})").tokens.size(), 2u);
}

TEST_F(IndexTest, LongTextsCostNoMoreThanShortOnes) {
    const std::string text(100'000, 'a');
    const IndexEntries entries =
        Extract(R"({"resourceType": "Observation", "valueString": ")" + text + "\"}");
    EXPECT_THAT(Tokens(entries), ElementsAre("Observation.valueString p3 aaa",
                                             "Observation.valueString p8 aaaaaaaa"));
}

}  // namespace
}  // namespace carestream::search
