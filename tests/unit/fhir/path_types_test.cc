// Goal: a misspelt name in an expression is found when a file is read; no right one is refused.
#include "fhir/path_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace carestream::fhir {
namespace {

class PathTypesTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        auto loaded =
            Definitions::Load(std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4");
        ASSERT_TRUE(loaded) << loaded.error().ToString();
        definitions_ = *loaded;
    }
    static void TearDownTestSuite() { definitions_.reset(); }

    // The types with commas between, "?" where anything may come; or "offset: message".
    static std::string Of(std::string_view type, std::string_view expression) {
        const Result<FhirPath> path = FhirPath::Compile(expression);
        if (!path) return "syntax: " + path.error().message;
        const auto types =
            TypesOf(*path, expression, *definitions_, type, {{"focus", "Patient"}, {"event", ""}});
        if (!types) {
            return std::to_string(types.error().offset_bytes) + ": " + types.error().message;
        }
        std::string out;
        for (const std::string_view one : types->types) {
            out += (out.empty() ? "" : ",") + std::string(one);
        }
        return types->known ? out : out + "?";
    }
    inline static std::shared_ptr<const Definitions> definitions_;
};

TEST_F(PathTypesTest, FollowsNames) {
    EXPECT_EQ(Of("Patient", "name.given"), "string");
    EXPECT_EQ(Of("Patient", "Patient.contact.name"), "HumanName");
    EXPECT_EQ(Of("Patient", "contact"), "Patient.contact");
    EXPECT_EQ(Of("Patient", "deceased"), "boolean,dateTime");
    EXPECT_EQ(Of("Observation", "value.ofType(Quantity).unit"), "string");
    EXPECT_EQ(Of("Observation", "(value as Quantity).value"), "decimal");
    EXPECT_EQ(Of("Patient", "identifier.where(type.coding.code = 'MR').value"), "string");
    EXPECT_EQ(Of("Patient", "name.first().family & ' ' & name.given.first()"), "System.String");
    EXPECT_EQ(Of("Patient", "birthDate | deceased.ofType(dateTime)"), "date,dateTime");
    EXPECT_EQ(Of("Patient", "name.exists() and active"), "System.Boolean");
    EXPECT_EQ(Of("Patient", "contact.select(telecom)"), "ContactPoint");
    EXPECT_EQ(Of("Patient", "extension('u').value.ofType(Coding).code"), "code");
    EXPECT_EQ(Of("QuestionnaireResponse", "repeat(item).where(answer.exists()).linkId"), "string");
    EXPECT_EQ(Of("Patient", "iif(active, name.family, 'x')"), "string,System.String");
    EXPECT_EQ(Of("Patient", "%focus.birthDate"), "date");
    EXPECT_EQ(Of("Patient", "contained.code"), "?");
    EXPECT_EQ(Of("Appointment", "participant.actor.resolve().ofType(Location).name"), "string");
    EXPECT_EQ(Of("Appointment", "participant.where(actor.resolve() is Location)"),
              "Appointment.participant");
}

TEST_F(PathTypesTest, NamesTheMistakeAndItsPlace) {
    EXPECT_EQ(Of("Patient", "name.famly"),
              "5: HumanName has no element 'famly', did you mean 'family'?");
    EXPECT_EQ(Of("Patient", "identifier.where(typ.exists())"),
              "17: Identifier has no element 'typ', did you mean 'type'?");
    EXPECT_EQ(Of("Observation", "valueQuantity.unit"),
              "0: 'valueQuantity' is written value.ofType(Quantity) in an expression");
    EXPECT_EQ(Of("Patient", "value.ofType(Quantitty)"), "0: Patient has no element 'value'");
    EXPECT_EQ(Of("Observation", "subject.resolve().ofType(Patiens)"),
              "25: unknown type 'Patiens', did you mean 'Patient'?");
    EXPECT_EQ(Of("Patient", "%fokus.name"), "1: no variable '%fokus', did you mean 'focus'?");
    EXPECT_EQ(Of("Patient", "(name | address).zip"), "17: HumanName, Address has no element 'zip'");
}

}  // namespace
}  // namespace carestream::fhir
