// Goal: scores and red flags become resources that are valid, and no write stops the clock of an
// escalation but one that acknowledges.
#include "reports/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/home.h"
#include "fhir/json.h"
#include "fhir/validator.h"

namespace carestream {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr Micros kNow = 1'780'000'000'000'000;
constexpr Micros kMinute = 60'000'000;

const fhir::Definitions& R4() {
    static const auto definitions =
        fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
    return *definitions;
}

fhir::Node Response(const std::string& author) {
    return fhir::ParseJson(
               R"({"resourceType":"QuestionnaireResponse","status":"completed","authored":)"
               R"("2026-05-04T10:00:00Z","subject":{"reference":"Patient/p"},"author":{"reference":")" +
               author + "\"}}")
        .value();
}

questionnaires::RaisedFlag Raised() {
    return {"phq-9", "self-harm", "Item 9", "medium", "Call.", 15 * kMinute};
}

fhir::Node Flag() {
    return reports::FlagOf({"q", 2, Response("Patient/p")}, "f", Raised(), kNow);
}

TEST(ScoreObservation, SaysWhatWasScored) {
    questionnaires::Score score;
    score.title = "Total";
    score.system = "http://loinc.org";
    score.code = "44261-6";
    score.unit = "{score}";
    const questionnaires::Band band{fhir::Decimal(0), "Minimal"};
    const fhir::Node response = Response("Device/d");
    const auto of = [&](std::int32_t version) {
        return reports::ScoreObservation({"q", version, response}, "o",
                                         {&score, fhir::Decimal(3), &band});
    };
    EXPECT_THAT(fhir::Validate(R4(), of(1)), IsEmpty());
    EXPECT_EQ(fhir::ToJson(of(1)),
              R"({"resourceType":"Observation","id":"o","status":"final","category":[{"coding":[{)"
              R"("system":"http://terminology.hl7.org/CodeSystem/observation-category","code":)"
              R"("survey"}],"text":"Survey"}],"code":{"coding":[{"system":"http://loinc.org",)"
              R"("code":"44261-6"}],"text":"Total"},"subject":{"reference":"Patient/p"},)"
              R"("effectiveDateTime":"2026-05-04T10:00:00Z","valueQuantity":{"value":3,"unit":)"
              R"("{score}","system":"http://unitsofmeasure.org","code":"{score}"},)"
              R"("interpretation":[{"text":"Minimal"}],"derivedFrom":[{"reference":)"
              R"("QuestionnaireResponse/q/_history/1"}]})")
        << "a Device performs nothing in R4";
    EXPECT_EQ(of(2).TextOf("status"), "amended");
    EXPECT_EQ(reports::ScoredVersion(of(2)), 2);
    const fhir::Node gone = reports::WithoutScore({"q", 3, response}, of(2));
    EXPECT_EQ(gone.TextOf("status"), "entered-in-error");
    EXPECT_EQ(reports::ScoredVersion(gone), 3);
    EXPECT_THAT(fhir::Validate(R4(), gone), IsEmpty());
}

TEST(RedFlag, IsAFlagThatEscalates) {
    const fhir::Node flag = Flag();
    EXPECT_THAT(fhir::Validate(R4(), flag), IsEmpty());
    EXPECT_EQ(flag.TextOf("status"), "active");
    EXPECT_EQ(reports::EscalateAt(flag), kNow + 15 * kMinute);
    const std::string text = fhir::ToJson(flag);
    EXPECT_THAT(text, HasSubstr(R"("system":"urn:carestream:red-flag:phq-9","code":"self-harm")"));
    EXPECT_THAT(text, HasSubstr(R"("code":"PM")"));
    EXPECT_THAT(text, HasSubstr("QuestionnaireResponse/q/_history/2"));
    EXPECT_THAT(text, HasSubstr(R"("author":{"reference":"Patient/p"})"));
    const fhir::Node other =
        reports::FlagOf({"q", 1, Response("RelatedPerson/r")}, "f", Raised(), kNow);
    EXPECT_EQ(other.Find("author"), nullptr) << "R4 knows no such author of a Flag";
    auto never = Raised();
    never.escalate_after = 0;
    const fhir::Node quiet = reports::FlagOf({"q", 1, Response("Patient/p")}, "f", never, kNow);
    EXPECT_FALSE(reports::EscalateAt(quiet));
    EXPECT_THAT(fhir::Validate(R4(), quiet), IsEmpty());
}

TEST(RedFlag, EscalatesOnce) {
    fhir::Node flag = Flag();
    reports::Escalate(flag);
    EXPECT_FALSE(reports::EscalateAt(flag));
    EXPECT_EQ(flag.TextOf("status"), "active");
    EXPECT_THAT(fhir::ToJson(flag), HasSubstr(R"("code":"escalated")"));
    EXPECT_THAT(fhir::ToJson(flag), HasSubstr(R"("code":"medium")"));
    EXPECT_THAT(fhir::Validate(R4(), flag), IsEmpty());
}

TEST(RedFlag, OneWithoutATimeDoesNotWait) {
    fhir::Node flag = Flag();
    flag.Remove("extension");
    EXPECT_EQ(reports::EscalateAt(flag), 0);
}

TEST(KeepEscalation, AWriteThatLeavesItOutDoesNotStopTheClock) {
    fhir::Node written = Flag();
    written.Remove("meta");
    written.Remove("extension");
    reports::KeepEscalation(Flag(), written);
    EXPECT_EQ(reports::EscalateAt(written), kNow + 15 * kMinute);
    fhir::Node later = Flag();
    later.Find("extension")
        ->items()
        .back()
        .Set("valueInstant", fhir::Node::String("2099-01-01T00:00:00Z"));
    reports::KeepEscalation(Flag(), later);
    EXPECT_EQ(reports::EscalateAt(later), kNow + 15 * kMinute);
}

TEST(KeepEscalation, AcknowledgedIsOver) {
    for (const char* status : {"inactive", "entered-in-error"}) {
        fhir::Node written = Flag();
        written.Set("status", fhir::Node::String(status));
        reports::KeepEscalation(Flag(), written);
        EXPECT_THAT(fhir::ToJson(written), Not(HasSubstr("waiting")));
        fhir::Node again = written;
        again.Set("status", fhir::Node::String("active"));
        reports::KeepEscalation(written, again);
        EXPECT_FALSE(reports::EscalateAt(again));
    }
}

TEST(KeepEscalation, EscalatedStaysSo) {
    fhir::Node before = Flag();
    reports::Escalate(before);
    fhir::Node written = Flag();  // as it was read before it escalated
    reports::KeepEscalation(before, written);
    EXPECT_FALSE(reports::EscalateAt(written));
    EXPECT_THAT(fhir::ToJson(written), HasSubstr("escalated"));
}

TEST(KeepEscalation, OtherFlagsAndTypesAreLeftAlone) {
    const auto kept = [](const std::string& json) {
        fhir::Node resource = fhir::ParseJson(json).value();
        reports::KeepEscalation(fhir::Node(), resource);
        return fhir::ToJson(resource) == json;
    };
    EXPECT_TRUE(kept(R"({"resourceType":"Flag","status":"active","code":{"text":"x"}})"));
    EXPECT_TRUE(
        kept(R"({"resourceType":"Flag","status":"inactive","meta":{"tag":[{"code":"x"}]}})"));
    EXPECT_TRUE(kept(R"({"resourceType":"Observation","status":"final"})"));
}

}  // namespace
}  // namespace carestream
