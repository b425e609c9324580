// Goal: queries mean what FHIR R4 3.1.1 says; what is not offered says so and names the parameter.
#include "search/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/text.h"
#include "fhir/json.h"
#include "search/index.h"
#include "search/main_date.h"
#include "tests/unit/search/samples.h"

namespace carestream::search {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Parameters = std::vector<std::pair<std::string, std::string>>;

class QueryTest : public testing::Test {
protected:
    static void SetUpTestSuite() { definitions_ = LoadDefinitions(); }
    static void TearDownTestSuite() { definitions_.reset(); }

    static Result<Query> Parse(std::string_view type, const Parameters& parameters,
                               std::string_view patient = {}, const QueryLimits& limits = {}) {
        return ParseQuery(*definitions_, type, parameters, patient, limits);
    }
    static Criterion One(std::string_view type, const std::string& name, const std::string& value) {
        Result<Query> query = Parse(type, {{name, value}});
        EXPECT_TRUE(query) << query.error().ToString();
        if (!query || query->criteria.size() != 1) return {};
        return query->criteria[0];
    }
    static std::vector<std::string> Probes(const Criterion& criterion) {
        std::vector<std::string> out;
        for (const TokenProbe& probe : criterion.tokens) {
            out.push_back(probe.space + " " + probe.form + " " + probe.value);
        }
        return out;
    }
    static bool Holds(std::string_view json, const std::string& name, const std::string& value) {
        const fhir::Node node = *fhir::ParseJson(json);
        const std::string type(node.TextOf("resourceType"));
        const Result<Query> query = Parse(type, {{name, value}});
        EXPECT_TRUE(query) << name << "=" << value << ": " << query.error().ToString();
        if (!query || query->criteria.empty()) return false;
        return Matches(*definitions_, node, type, query->criteria[0]);
    }
    static std::string Refusal(std::string_view type, const std::string& name,
                               const std::string& value) {
        const Result<Query> query = Parse(type, {{name, value}});
        if (query) return "accepted";
        EXPECT_EQ(query.error().path, name);
        return std::string(ToString(query.error().code));
    }
    inline static std::shared_ptr<const fhir::Definitions> definitions_;
};

TEST_F(QueryTest, Tokens) {
    Criterion code = One("Observation", "code", "http://loinc.org|2339-0,718-7");
    EXPECT_THAT(Probes(code), ElementsAre("Observation.code sc http://loinc.org|2339-0",
                                          "Observation.code c 718-7"));
    EXPECT_FALSE(code.lossy);
    EXPECT_THAT(code.values, ElementsAre("http://loinc.org|2339-0", "718-7"));

    EXPECT_THAT(Probes(One("Observation", "combo-code", "x")),
                ElementsAre("Observation.code c x", "Observation.component.code c x"));
    EXPECT_THAT(Probes(One("Patient", "identifier", "urn:a|7\\,\\|b")),
                ElementsAre("Patient.identifier sc urn:a|7,|b"));
    const Criterion bare = One("Observation", "code", "|2339-0");
    EXPECT_THAT(Probes(bare), ElementsAre("Observation.code c 2339-0"));
    EXPECT_TRUE(bare.lossy);
    EXPECT_TRUE(One("Observation", "code", "http://loinc.org|").needs_companion);
    EXPECT_TRUE(One("Observation", "status", "http://hl7.org/fhir/observation-status|final").lossy);
    const Criterion phone = One("Patient", "phone", "555-123 4567");
    EXPECT_THAT(Probes(phone),
                ElementsAre("Patient.telecom c 5551234567", "Patient.telecom c +5551234567"));
    EXPECT_THAT(Probes(One("Patient", "email", "7@x.test")),
                ElementsAre("Patient.telecom c 7@x.test"));
    EXPECT_TRUE(phone.lossy);

    const Criterion negated = One("Observation", "status:not", "final");
    EXPECT_TRUE(negated.negated && negated.needs_companion && negated.lossy);
    EXPECT_THAT(Probes(negated), IsEmpty());
}

TEST_F(QueryTest, TokensMatchByTheirTrueValues) {
    EXPECT_TRUE(Holds(kObservation, "code", "2339-0"));
    EXPECT_TRUE(Holds(kObservation, "code", "http://loinc.org|"));
    EXPECT_FALSE(Holds(kObservation, "code", "|2339-0"));
    EXPECT_FALSE(Holds(kObservation, "code", "http://other|2339-0"));
    EXPECT_TRUE(Holds(kObservation, "status", "http://hl7.org/fhir/observation-status|final"));
    EXPECT_FALSE(Holds(kObservation, "status", "http://other|final"));
    EXPECT_FALSE(Holds(kObservation, "status:not", "amended,final"));
    EXPECT_TRUE(Holds(kObservation, "method:not", "x"));
    EXPECT_TRUE(Holds(kObservation, "method:missing", "true"));
    EXPECT_FALSE(Holds(kObservation, "code:missing", "true"));
    EXPECT_TRUE(Holds(kObservation, "code:missing", "false"));
    EXPECT_TRUE(Holds(kPatient, "phone", "5551234567"));
    EXPECT_TRUE(Holds(kPatient, "phone", "(555) 123-45.67"));
    EXPECT_TRUE(Holds(kPatient, "phone", "+555 1234567"));
    EXPECT_FALSE(Holds(kPatient, "phone", "1234567"));
    EXPECT_FALSE(Holds(kPatient, "email", "5551234567"));
    EXPECT_TRUE(Holds(kPatient, "email", "JOSE@example.test"));
    EXPECT_TRUE(Holds(kPatient, "telecom", "email|jose@example.test"));
    EXPECT_TRUE(Holds(kPatient, "active", "true"));
    EXPECT_TRUE(Holds(kPatient, "deceased", "false"));
    EXPECT_FALSE(Holds(kPatient, "deceased", "true"));
    EXPECT_TRUE(Holds(kPatient, "gender", "male,female"));
}

TEST_F(QueryTest, ReferencesAndTheSubject) {
    const Criterion patient = One("Observation", "patient", "p1,Patient/p2");
    EXPECT_EQ(patient.kind, CriterionKind::kPatient);
    EXPECT_THAT(patient.ids, ElementsAre("p1", "p2"));
    EXPECT_THAT(patient.tokens, IsEmpty());
    EXPECT_FALSE(patient.lossy);

    EXPECT_THAT(One("Observation", "subject:Patient", "p1").ids, ElementsAre("p1"));
    const Criterion group = One("Observation", "subject", "Group/g");
    EXPECT_EQ(group.kind, CriterionKind::kToken);
    EXPECT_THAT(Probes(group), ElementsAre("Observation.subject r Group/g"));
    const Criterion bare = One("Observation", "subject", "x");
    EXPECT_THAT(bare.ids, ElementsAre("x"));
    EXPECT_EQ(bare.tokens.size(), 3u);

    // Several patients may take part: the token stands beside the column.
    const Criterion several = One("Appointment", "patient", "p1");
    EXPECT_THAT(several.ids, ElementsAre("p1"));
    EXPECT_THAT(Probes(several), ElementsAre("Appointment.participant.actor r Patient/p1"));
    EXPECT_THAT(Probes(One("Observation", "performer", "Patient/p1")),
                ElementsAre("Observation.performer r Patient/p1"));
    EXPECT_THAT(Probes(One("Patient", "link", "Patient/p9")),
                ElementsAre("Patient.link.other r Patient/p9"));

    QueryLimits limits;
    limits.base_url = "https://here.test/fhir/r4";
    const auto absolute =
        Parse("Observation", {{"subject", "https://here.test/fhir/r4/Patient/p1"}}, {}, limits);
    EXPECT_THAT(absolute->criteria[0].ids, ElementsAre("p1"));
    EXPECT_THAT(Probes(One("Observation", "subject", "https://there.test/fhir/Patient/p1")),
                ElementsAre("Observation.subject r https://there.test/fhir/Patient/p1"));

    EXPECT_TRUE(Holds(kObservation, "subject", "Patient/p1"));
    EXPECT_TRUE(Holds(kObservation, "patient", "p1"));
    EXPECT_FALSE(Holds(kObservation, "patient", "p2"));
    EXPECT_FALSE(Holds(kObservation, "patient", "Group/p1"));
    EXPECT_TRUE(Holds(kObservation, "encounter", "e1"));
    EXPECT_EQ(Refusal("Observation", "subject", "Nothing/1"), "invalid");
    EXPECT_EQ(Refusal("Observation", "subject", "a b"), "invalid");
    EXPECT_EQ(Refusal("Observation", "subject:Patient", "Group/1"), "invalid");
    EXPECT_EQ(Refusal("Observation", "subject:identifier", "a|b"), "unsupported");
}

TEST_F(QueryTest, LinkedPatientsCountOnceTheStoreAddsThem) {
    Criterion criterion = One("Observation", "patient", "survivor");
    const fhir::Node node = *fhir::ParseJson(kObservation);
    EXPECT_FALSE(Matches(*definitions_, node, "Observation", criterion));
    criterion.ids.push_back("p1");
    EXPECT_TRUE(Matches(*definitions_, node, "Observation", criterion));
}

TEST_F(QueryTest, ManyAskAtOnce) {
    const auto fresh = LoadDefinitions();
    std::vector<std::thread> threads;
    std::atomic<int> understood = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (const char* type : {"Observation", "Appointment", "DiagnosticReport"}) {
                const auto query = ParseQuery(*fresh, type, {{"date", "2026"}}, "p1");
                if (query && query->criteria.size() == 2) ++understood;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(understood, 12);
}

TEST_F(QueryTest, Compartment) {
    const Result<Query> query = Parse("Observation", {}, "p1");
    ASSERT_TRUE(query);
    const Criterion& criterion = query->criteria[0];
    EXPECT_EQ(criterion.kind, CriterionKind::kPatient);
    EXPECT_THAT(criterion.ids, ElementsAre("p1"));
    EXPECT_THAT(Probes(criterion), ElementsAre("Observation.performer r Patient/p1"));
    EXPECT_TRUE(criterion.lossy);
    const auto in = [&](std::string_view json) {
        return Matches(*definitions_, *fhir::ParseJson(json), "Observation", criterion);
    };
    EXPECT_TRUE(in(kObservation));
    EXPECT_TRUE(in(R"({"resourceType": "Observation", "subject": {"reference": "Patient/x"},
                       "performer": [{"reference": "Patient/p1"}]})"));
    EXPECT_FALSE(in(R"({"resourceType": "Observation", "subject": {"reference": "Patient/x"}})"));
    EXPECT_TRUE(Parse("Encounter", {}, "p1")->criteria[0].tokens.empty());
    EXPECT_TRUE(Parse("Patient", {}, "p1"));
    EXPECT_EQ(Parse("Location", {}, "p1").error().code, Code::kInvalid);
}

TEST_F(QueryTest, Strings) {
    EXPECT_THAT(Probes(One("Patient", "name", "Mü")), ElementsAre("Patient.name p2 mu"));
    EXPECT_THAT(Probes(One("Patient", "family", "MULLE")), ElementsAre("Patient.name p4 mull"));
    EXPECT_THAT(Probes(One("Patient", "given:exact", "Q")), ElementsAre("Patient.name p1 q"));
    EXPECT_THAT(Probes(One("Patient", "address-city", "New York")),
                ElementsAre("Patient.address p4 york"));
    EXPECT_TRUE(One("Patient", "name", "M").needs_companion);
    EXPECT_TRUE(One("Patient", "name:contains", "uller").needs_companion);
    EXPECT_TRUE(One("Patient", "name", "Mu").lossy);
    for (const auto& [name, value] : Parameters{{"name", "mul"},
                                                {"name", "JOSÉ"},
                                                {"family", "Müller"},
                                                {"family:exact", "Müller"},
                                                {"family:contains", "ÜLL"},
                                                {"given", "q"},
                                                {"address", "main street"},
                                                {"address", "Main"},
                                                {"address-city", "new yo"},
                                                {"address-postalcode", "100"},
                                                {"address-state", "ny"}}) {
        EXPECT_TRUE(Holds(kPatient, name, value)) << name << "=" << value;
    }
    for (const auto& [name, value] : Parameters{{"family", "jos"},
                                                {"family:exact", "müller"},
                                                {"family:exact", "Mül"},
                                                {"name", "ller"},
                                                {"address", "street main"},
                                                {"address-city", "ny"}}) {
        EXPECT_FALSE(Holds(kPatient, name, value)) << name << "=" << value;
    }
    EXPECT_EQ(Refusal("Patient", "name", "---"), "invalid");
    EXPECT_EQ(Refusal("Patient", "phonetic", "x"), "unsupported");
}

TEST_F(QueryTest, Dates) {
    const Criterion date = One("Observation", "date", "ge2024-05,lt2020");
    EXPECT_EQ(date.kind, CriterionKind::kDate);
    EXPECT_EQ(date.parameter_id, MainDateId(*definitions_, "Observation"));
    ASSERT_EQ(date.ranges.size(), 2u);
    EXPECT_EQ(date.ranges[0].relation, Relation::kAtOrAbove);
    EXPECT_EQ(FormatInstant(date.ranges[0].low), "2024-05-01T00:00:00.000Z");
    EXPECT_FALSE(date.lossy);
    // The observation is of 2024-05-06T07:08:09Z.
    for (const std::string_view value :
         {"2024", "2024-05-06", "eq2024-05-06T07:08:09Z", "2024-05-06T09:08:09+02:00",
          "2024-05-06T09:08:09 02:00", "2024-05-06T07:08Z", "ne2023", "gt2024-05-05",
          "ge2024-05-06", "ge2024", "le2024", "lt2025", "sa2024-05-05", "eb2024-05-07",
          "ap2024-05-06", "2023,2024"}) {
        EXPECT_TRUE(Holds(kObservation, "date", std::string(value))) << value;
    }
    for (const std::string_view value :
         {"2023", "2024-05-07", "ne2024", "gt2024", "lt2024", "sa2024-05-06", "eb2024-05-06",
          "2024-05-06T07:08:10Z", "ap2023"}) {
        EXPECT_FALSE(Holds(kObservation, "date", std::string(value))) << value;
    }
    // A period that goes on is not contained in any year, but reaches into all that follow.
    constexpr std::string_view kStay =
        R"({"resourceType": "Encounter", "period": {"start": "2024-03-01"}})";
    EXPECT_TRUE(Holds(kStay, "date", "gt2030"));
    EXPECT_FALSE(Holds(kStay, "date", "2024"));
    EXPECT_TRUE(Holds(kStay, "date", "ap2027"));
    EXPECT_FALSE(Holds(kStay, "date", "sa2024-03-01"));
    for (const std::string_view value :
         {"x", "xx2024", "2024-13", "2024-02-30", "ge", "2024-05-06T", "20240506", "2024-5"}) {
        EXPECT_EQ(Refusal("Observation", "date", std::string(value)), "invalid") << value;
    }
}

TEST_F(QueryTest, BirthDatesAreTokens) {
    EXPECT_THAT(Probes(One("Patient", "birthdate", "1974-12-25")),
                ElementsAre("Patient.birthDate d 1974-12-25"));
    EXPECT_THAT(Probes(One("Patient", "birthdate", "1974-12")),
                ElementsAre("Patient.birthDate m 1974-12"));
    EXPECT_THAT(Probes(One("Patient", "birthdate", "1974")),
                ElementsAre("Patient.birthDate y 1974"));
    EXPECT_FALSE(One("Patient", "birthdate", "1974").lossy);
    EXPECT_TRUE(One("Patient", "birthdate", "ge1974").needs_companion);
    const Result<Query> range =
        Parse("Patient", {{"birthdate", "ge1974-12-30"}, {"birthdate", "lt1976-02-02"}});
    ASSERT_TRUE(range);
    EXPECT_THAT(Probes(range->criteria[0]),
                ElementsAre("Patient.birthDate d 1974", "Patient.birthDate d 1974-12",
                            "Patient.birthDate d 1974-12-30", "Patient.birthDate d 1974-12-31",
                            "Patient.birthDate y 1975", "Patient.birthDate d 1976",
                            "Patient.birthDate m 1976-01", "Patient.birthDate d 1976-02",
                            "Patient.birthDate d 1976-02-01", "Patient.birthDate d 1976-02-02"));
    EXPECT_TRUE(range->criteria[0].lossy);
    EXPECT_FALSE(range->criteria[0].needs_companion);
    EXPECT_TRUE(Parse("Patient", {{"birthdate", "ge1800"}, {"birthdate", "lt2020"}})
                    ->criteria[0]
                    .needs_companion);
    EXPECT_TRUE(Holds(kPatient, "birthdate", "ge1974-12-25"));
    EXPECT_FALSE(Holds(kPatient, "birthdate", "gt1974-12-25"));
}

TEST_F(QueryTest, NumbersAndQuantities) {
    const Criterion value =
        One("Observation", "value-quantity", "5.4|http://unitsofmeasure.org|mmol/L");
    EXPECT_EQ(value.kind, CriterionKind::kNumber);
    EXPECT_TRUE(value.lossy);
    EXPECT_EQ(value.ranges[0].number_low, 5.35);
    EXPECT_LT(value.ranges[0].number_high, 5.45);
    EXPECT_EQ(One("Observation", "combo-value-quantity", "5").parameter_id, value.parameter_id);
    EXPECT_FALSE(One("Observation", "combo-value-quantity", "5").lossy);
    for (const std::string_view text :
         {"5.4", "5", "gt5.3", "ge5.4", "le5.4", "lt5.41", "ne5.3", "ap5", "sa5.3", "eb5.5",
          "5.4||mmol/L", "5.4|http://unitsofmeasure.org|mmol/L", "5.40", "54e-1"}) {
        EXPECT_TRUE(Holds(kObservation, "value-quantity", std::string(text))) << text;
    }
    for (const std::string_view text : {"5.5", "5.3", "gt5.4", "lt5.4", "ne5.4", "ap4", "5.401",
                                        "5.4||mg/dL", "5.4|urn:x|mmol/L", "6"}) {
        EXPECT_FALSE(Holds(kObservation, "value-quantity", std::string(text))) << text;
    }
    EXPECT_FALSE(Holds(kBloodPressure, "value-quantity", "120"));
    EXPECT_TRUE(Holds(kBloodPressure, "component-value-quantity", "120"));
    EXPECT_TRUE(Holds(kBloodPressure, "combo-value-quantity", "gt100"));
    const Criterion coarse = One("RiskAssessment", "probability", "1e2");
    EXPECT_EQ(coarse.ranges[0].number_low, 50.0);
    for (const std::string_view text : {"x", "5,", "5|mg", "5|a|b|c", "gt", "0x5", "1e999"}) {
        if (text == "5,") continue;
        EXPECT_EQ(Refusal("Observation", "value-quantity", std::string(text)), "invalid") << text;
    }
}

TEST_F(QueryTest, Composites) {
    const Criterion pair = One("Observation", "code-value-quantity", "http://loinc.org|2339-0$gt5");
    EXPECT_THAT(Probes(pair), ElementsAre("Observation.code sc http://loinc.org|2339-0"));
    EXPECT_TRUE(pair.lossy);
    EXPECT_TRUE(Holds(kObservation, "code-value-quantity", "2339-0$gt5"));
    EXPECT_FALSE(Holds(kObservation, "code-value-quantity", "2339-0$gt6"));
    // Both parts must hold for one component.
    EXPECT_TRUE(Holds(kBloodPressure, "component-code-value-quantity", "8480-6$120"));
    EXPECT_FALSE(Holds(kBloodPressure, "component-code-value-quantity", "8480-6$80"));
    EXPECT_TRUE(Holds(kBloodPressure, "combo-code-value-quantity", "8462-4$lt90||mm[Hg]"));
    EXPECT_EQ(Refusal("Observation", "code-value-quantity", "a"), "invalid");
}

TEST_F(QueryTest, Control) {
    const Result<Query> query = Parse("Observation", {{"_count", "5"},
                                                      {"_sort", "-date"},
                                                      {"_total", "accurate"},
                                                      {"_include", "Observation:subject:Patient"},
                                                      {"_revinclude", "Provenance:target"},
                                                      {"_id", "a,b"},
                                                      {"_lastUpdated", "ge2024"},
                                                      {"_format", "json"},
                                                      {"colour", "red"},
                                                      {"status", ""}});
    ASSERT_TRUE(query) << query.error().ToString();
    EXPECT_EQ(query->count, 5);
    EXPECT_EQ(query->sort->kind, SortKey::Kind::kMainDate);
    EXPECT_TRUE(query->sort->descending);
    EXPECT_EQ(query->total, Query::Total::kExact);
    ASSERT_EQ(query->includes.size(), 2u);
    EXPECT_TRUE(query->includes[1].reverse);
    EXPECT_THAT(query->unknown, ElementsAre("colour"));
    EXPECT_EQ(query->criteria.size(), 2u);
    EXPECT_EQ(query->self.size(), 7u);

    EXPECT_EQ(Parse("Patient", {{"_count", "99999999999999"}})->count, 1000);
    EXPECT_EQ(Parse("Patient", {{"_summary", "count"}})->count, 0);
    EXPECT_EQ(Parse("Patient", {{"_sort", "_lastUpdated"}})->sort->kind,
              SortKey::Kind::kLastUpdated);
    EXPECT_NE(MainDateId(*definitions_, "Encounter"), 0u);
    EXPECT_NE(MainDateId(*definitions_, "Condition"), 0u);
    EXPECT_EQ(MainDateId(*definitions_, "Patient"), 0u);
}

// FHIR R4 3.1.1.3 has them ignored; a search must not become wider without a word.
TEST_F(QueryTest, WhatHasNoValueIsListedAndChecked) {
    const Result<Query> query = Parse("Observation", {{"status", ""},
                                                      {"code:not", ""},
                                                      {"date", ""},
                                                      {"_sort", ""},
                                                      {"_lastUpdated", ""},
                                                      {"colour", ""},
                                                      {"code", "718-7"}});
    ASSERT_TRUE(query) << query.error().ToString();
    EXPECT_THAT(query->empty, ElementsAre("status", "code:not", "date", "_sort", "_lastUpdated"));
    EXPECT_THAT(query->unknown, ElementsAre("colour"));
    EXPECT_EQ(query->criteria.size(), 1u);
    EXPECT_THAT(query->self, ElementsAre(Pair("code", "718-7")));
    for (const std::string_view name :
         {"patient", "subject", "subject:Patient", "subject:missing", "encounter", "performer",
          "_id", "code:exact", "_id:not", "_sort:x"}) {
        EXPECT_NE(Refusal("Observation", std::string(name), ""), "accepted") << name;
    }
    EXPECT_EQ(Refusal("Observation", "patient", ""), "invalid");
    EXPECT_EQ(Refusal("Observation", "_id", ""), "invalid");
    EXPECT_EQ(Refusal("Observation", "code:exact", ""), "invalid");
    EXPECT_EQ(Refusal("Observation", "code:text", ""), "unsupported");
    EXPECT_EQ(Refusal("Patient", "organization", ""), "invalid");
    EXPECT_EQ(Refusal("Observation", "patient", ","), "invalid");
}

TEST_F(QueryTest, SaysWhatIsNotOffered) {
    struct Case {
        const char* name;
        const char* value;
        const char* refusal;
    };
    for (const Case& c : {Case{"subject:Patient.name", "x", "unsupported"},
                          {"subject.name", "x", "unsupported"},
                          {"_has:Observation:patient:code", "x", "unsupported"},
                          {"_text", "x", "unsupported"},
                          {"_content", "x", "unsupported"},
                          {"_elements", "id", "unsupported"},
                          {"_summary", "true", "unsupported"},
                          {"_format", "xml", "unsupported"},
                          {"code:in", "x", "unsupported"},
                          {"code:text", "x", "unsupported"},
                          {"code:exact", "x", "invalid"},
                          {"_include", "*", "unsupported"},
                          {"_include:iterate", "Observation:subject", "unsupported"},
                          {"_include", "Observation:code", "invalid"},
                          {"_include", "Patient:organization", "invalid"},
                          {"_sort", "date,code", "unsupported"},
                          {"_sort", "code", "unsupported"},
                          {"_sort", "nothing", "invalid"},
                          {"_count", "-1", "invalid"},
                          {"_total", "some", "invalid"},
                          {"code:missing", "maybe", "invalid"},
                          {"code", ",", "invalid"}}) {
        EXPECT_EQ(Refusal("Observation", c.name, c.value), c.refusal) << c.name << "=" << c.value;
    }
    EXPECT_EQ(Refusal("Bundle", "message", "x"), "unsupported");
    EXPECT_EQ(Parse("Nothing", {}).error().code, Code::kInvalid);
    QueryLimits limits;
    limits.values_max = 2;
    EXPECT_EQ(Parse("Patient", {{"_id", "a,b,c"}}, {}, limits).error().code, Code::kLimit);
    limits.parameters_max = 1;
    EXPECT_EQ(Parse("Patient", {{"_id", "a"}, {"_id", "a"}}, {}, limits).error().code,
              Code::kLimit);
}

TEST_F(QueryTest, IncludedReferences) {
    const fhir::Node node = *fhir::ParseJson(kObservation);
    EXPECT_THAT(IncludedReferences(*definitions_, node, {"Observation", "subject", "", false}),
                ElementsAre("Patient/p1"));
    EXPECT_THAT(IncludedReferences(*definitions_, node, {"Observation", "subject", "Group", false}),
                IsEmpty());
    EXPECT_THAT(IncludedReferences(*definitions_, node, {"Encounter", "subject", "", false}),
                IsEmpty());
}

TEST_F(QueryTest, EveryParameterIsOfferedOrRefusedByName) {
    int offered = 0;
    for (const std::string_view type : definitions_->ResourceTypes()) {
        for (const fhir::SearchParameter* parameter : definitions_->SearchParameters(type)) {
            std::string value = "x";
            if (parameter->type == "date") value = "2024";
            if (parameter->type == "number" || parameter->type == "quantity") value = "1";
            if (parameter->type == "composite") continue;
            const auto query = Parse(type, {{std::string(parameter->code), value}});
            if (query) {
                ++offered;
                EXPECT_THAT(query->unknown, IsEmpty());
            } else {
                EXPECT_EQ(query.error().code, Code::kUnsupported)
                    << type << " " << parameter->code << ": " << query.error().ToString();
            }
        }
    }
    EXPECT_GT(offered, 1600);
}

}  // namespace
}  // namespace carestream::search
