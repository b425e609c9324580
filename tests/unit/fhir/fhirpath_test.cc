// Goal: FHIRPath gives what search parameters need, and any expression from outside ends with a
// result or a named error. The language as a whole is checked by
// tests/conformance/fhirpath_test.cc.
#include "fhir/fhirpath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "fhir/json.h"

namespace carestream::fhir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kObservation = R"({
  "resourceType": "Observation", "id": "o1", "status": "final",
  "contained": [{"resourceType": "Device", "id": "d"}],
  "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
  "subject": {"reference": "Patient/p1"}, "device": {"reference": "#d"},
  "performer": [{"reference": "Practitioner/x/_history/2"},
                {"reference": "http://elsewhere.test/fhir/Organization/o"},
                {"type": "CareTeam", "identifier": {"value": "7"}}],
  "effectivePeriod": {"start": "2024-02-29", "end": "2024-03-01T10:00:00Z"},
  "valueQuantity": {"value": 120.50, "unit": "mm Hg", "code": "mm[Hg]"},
  "component": [{"code": {"text": "a"}, "valueString": "x"},
                {"code": {"text": "b"}, "valueInteger": 7}],
  "_issued": {"extension": [{"url": "http://e.test/why", "valueCode": "unknown"}]}})";

class FhirPathTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        auto loaded =
            Definitions::Load(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4");
        ASSERT_TRUE(loaded) << loaded.error().ToString();
        definitions_ = *loaded;
        observation_ = *ParseJson(kObservation);
    }
    static void TearDownTestSuite() { definitions_.reset(); }

    // Each item as "type:value".
    static std::vector<std::string> Evaluate(std::string_view expression,
                                             const EvaluateLimits& limits = {}) {
        const Result<FhirPath> path = FhirPath::Compile(expression);
        if (!path) return {"syntax: " + path.error().message};
        const auto result = path->Evaluate(*definitions_, observation_, "Observation", limits);
        if (!result) return {std::string(ToString(result.error().code))};
        std::vector<std::string> out;
        for (const PathItem& item : result->items) {
            out.push_back(std::string(item.type) + ":" +
                          (item.node->IsObject() ? "{}" : item.node->text()));
        }
        return out;
    }
    inline static std::shared_ptr<const Definitions> definitions_;
    inline static Node observation_;
};

TEST_F(FhirPathTest, ResolvesThroughItsCallerAndKnowsHisVariables) {
    const Node patient = *ParseJson(R"({"resourceType": "Patient", "gender": "other"})");
    const Node word = Node::String("S12");
    EvaluateLimits limits;
    limits.resolve = [&](std::string_view reference) {
        return reference == "Patient/p1" ? &patient : nullptr;
    };
    limits.variables = {{"event", &word}, {"focus", &patient}};
    EXPECT_THAT(Evaluate("subject.resolve().gender", limits), ElementsAre("code:other"));
    EXPECT_THAT(Evaluate("performer.resolve().ofType(Practitioner)", limits),
                ElementsAre("Practitioner:{}"));
    EXPECT_THAT(Evaluate("device.resolve().id", limits), ElementsAre("id:d"));
    EXPECT_THAT(Evaluate("%event", limits), ElementsAre("string:S12"));
    EXPECT_THAT(Evaluate("%focus.gender", limits), ElementsAre("code:other"));
    EXPECT_THAT(Evaluate("%event"), ElementsAre("invalid"));
}

TEST_F(FhirPathTest, CompilesEverySearchParameter) {
    std::size_t count = 0;
    std::set<std::string_view> seen;
    for (const std::string_view type : definitions_->ResourceTypes()) {
        Node empty = Node::Object();
        empty.Set("resourceType", Node::String(std::string(type)));
        for (const SearchParameter* parameter : definitions_->SearchParameters(type)) {
            if (parameter->expression.empty() || !seen.insert(parameter->expression).second)
                continue;
            const Result<FhirPath> path = FhirPath::Compile(parameter->expression);
            ASSERT_TRUE(path) << parameter->expression << ": " << path.error().ToString();
            EXPECT_TRUE(path->Evaluate(*definitions_, empty, type)) << parameter->expression;
            ++count;
        }
    }
    EXPECT_GT(count, 1000u);
}

TEST_F(FhirPathTest, NavigatesChoicesArraysAndSiblings) {
    EXPECT_THAT(Evaluate("Observation.value.value"), ElementsAre("decimal:120.50"));
    EXPECT_THAT(Evaluate("Observation.valueQuantity"), IsEmpty());
    EXPECT_THAT(Evaluate("(Observation.value.ofType(Quantity)).code"), ElementsAre("code:mm[Hg]"));
    EXPECT_THAT(Evaluate("Observation.effective.ofType(dateTime)"), IsEmpty());
    EXPECT_THAT(Evaluate("component.value"), ElementsAre("string:x", "integer:7"));
    EXPECT_THAT(Evaluate("Observation.issued.extension.value"), ElementsAre("code:unknown"));
    EXPECT_THAT(Evaluate("Observation.issued.hasValue()"), ElementsAre("System.Boolean:false"));
    EXPECT_THAT(Evaluate("Patient.name"), IsEmpty());
    EXPECT_THAT(Evaluate("Resource.id"), ElementsAre("id:o1"));
    EXPECT_THAT(Evaluate("component.code.type().name.first()"),
                ElementsAre("System.String:CodeableConcept"));
}

TEST_F(FhirPathTest, ResolvesReferencesToTheirTypes) {
    EXPECT_THAT(Evaluate("Observation.subject.where(resolve() is Patient).reference"),
                ElementsAre("string:Patient/p1"));
    EXPECT_THAT(Evaluate("Observation.subject.where(resolve() is Group)"), IsEmpty());
    EXPECT_THAT(Evaluate("performer.resolve()"),
                ElementsAre("Practitioner:{}", "Organization:{}", "CareTeam:{}"));
    EXPECT_THAT(Evaluate("device.resolve().id"), ElementsAre("id:d"));
    EXPECT_THAT(Evaluate("subject.resolve().id"), IsEmpty());
}

TEST_F(FhirPathTest, KeepsPartialDatesOpen) {
    EXPECT_THAT(Evaluate("effective.start = @2024-02-29"), ElementsAre("System.Boolean:true"));
    EXPECT_THAT(Evaluate("effective.start < @2024-02-29T12:00:00Z"), IsEmpty());
    EXPECT_THAT(Evaluate("effective.end = @2024-03-01T12:00:00+02:00"),
                ElementsAre("System.Boolean:true"));
    EXPECT_THAT(Evaluate("@2024-01-31 + 1 month"), ElementsAre("System.Date:2024-02-29"));
    EXPECT_THAT(Evaluate("@9999-12-31 + 1 day"), IsEmpty());
}

TEST_F(FhirPathTest, RefusesWhatIsNotSound) {
    struct Case {
        std::string_view expression;
        std::string_view code;
    };
    for (const Case& c : {Case{"component.single()", "invalid"}, Case{"1 < 'a'", "invalid"},
                          Case{"now()", "unsupported"}, Case{"'a'.matches('(')", "invalid"},
                          Case{"%secret", "invalid"}, Case{"(1 | 2) + 1", "invalid"}}) {
        EXPECT_THAT(Evaluate(c.expression), ElementsAre(std::string(c.code))) << c.expression;
    }
    for (const std::string_view text :
         {"", "a.", "a b", "(a", "a[", "'x", "@2024-13", "@2024-02-30", "foo()", "where()", "1 +",
          "a.b(", "`a", "'\\q'", "$that", "a..b", "99999999999", "é"}) {
        EXPECT_FALSE(FhirPath::Compile(text)) << text;
    }
    EXPECT_EQ(FhirPath::Compile("a.b c").error().offset_bytes, 4u);
}

TEST_F(FhirPathTest, IsBounded) {
    const std::string deep(200, '(');
    EXPECT_EQ(FhirPath::Compile(deep + "1").error().code, Code::kLimit);
    std::string sum = "1";
    for (int i = 0; i < 200; ++i) sum += "+1";
    EXPECT_EQ(FhirPath::Compile(sum).error().code, Code::kLimit);
    EXPECT_EQ(FhirPath::Compile(std::string(20'000, ' ')).error().code, Code::kLimit);
    std::string path = "component";
    for (int i = 0; i < 500; ++i) path += ".code";
    EXPECT_TRUE(FhirPath::Compile(path));

    EvaluateLimits limits;
    limits.steps_max = 100;
    EXPECT_THAT(Evaluate("Observation.descendants().descendants().count()", limits),
                ElementsAre("limit"));
    limits = {};
    limits.items_max = 3;
    EXPECT_THAT(Evaluate("descendants()", limits), ElementsAre("limit"));
    // Doubling: 2^40 characters are never made.
    std::string doubled = "'aaaaaaaaaaaaaaaa'";
    for (int i = 0; i < 40; ++i) doubled += ".select($this & $this)";
    EXPECT_THAT(Evaluate(doubled), ElementsAre("limit"));
    EXPECT_THAT(Evaluate("(1 | 2 | 3).repeat($this + 1).count()", limits), ElementsAre("limit"));
    EXPECT_THAT(Evaluate("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')"),
                ElementsAre("limit"));
}

TEST_F(FhirPathTest, ComparesQuantitiesOfOneKind) {
    EXPECT_THAT(Evaluate("value > 16.0 'k' & 'x'"), ElementsAre("invalid"));
    EXPECT_THAT(Evaluate("value = 120.5 'mm[Hg]'"), ElementsAre("System.Boolean:true"));
    EXPECT_THAT(Evaluate("value > 16.0 'kPa'"), ElementsAre("System.Boolean:true"));
    EXPECT_THAT(Evaluate("1 'g' > 1 'm'"), IsEmpty());
    EXPECT_THAT(Evaluate("1 'L' = 1000 'mL'"), ElementsAre("System.Boolean:true"));
    EXPECT_THAT(Evaluate("1 year = 12 months"), ElementsAre("System.Boolean:false"));
}

}  // namespace
}  // namespace carestream::fhir
