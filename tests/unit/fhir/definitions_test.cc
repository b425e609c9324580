// Goal: the committed tables are R4 as published and every lookup the other modules rely on holds.
#include "fhir/definitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <string>

namespace carestream::fhir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using Membership = Definitions::Membership;

const std::filesystem::path kFolder =
    std::filesystem::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4";

class DefinitionsTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        auto loaded = Definitions::Load(kFolder);
        ASSERT_TRUE(loaded) << loaded.error().ToString();
        definitions_ = *loaded;
    }
    static void TearDownTestSuite() { definitions_.reset(); }
    ResolvedElement Resolve(std::string_view type, std::string_view member) {
        const TypeDefinition* definition = definitions_->FindType(type);
        return definition == nullptr ? ResolvedElement{}
                                     : definitions_->Resolve(*definition, member);
    }
    inline static std::shared_ptr<const Definitions> definitions_;
};

TEST_F(DefinitionsTest, ResourceTypesAreClosedAndNumbered) {
    const auto types = definitions_->ResourceTypes();
    ASSERT_EQ(types.size(), 146u);
    EXPECT_EQ(types.front(), "Account");
    EXPECT_EQ(types.back(), "VisionPrescription");
    EXPECT_TRUE(std::is_sorted(types.begin(), types.end()));
    for (std::size_t i = 0; i < types.size(); ++i) {
        EXPECT_EQ(definitions_->ResourceTypeNumber(types[i]), static_cast<int>(i) + 1);
    }
    // The numbers are in the store: a change of one of them is a change of the schema.
    EXPECT_EQ(definitions_->ResourceTypeNumber("Patient"), 103);
    for (const char* none : {"", "Resource", "DomainResource", "HumanName", "patient",
                             "SubscriptionStatus", "MetadataResource"}) {
        EXPECT_EQ(definitions_->ResourceTypeNumber(none), 0) << none;
    }
}

TEST_F(DefinitionsTest, ElementsComeInDefinitionOrderWithInheritedOnesFirst) {
    const TypeDefinition* patient = definitions_->FindType("Patient");
    ASSERT_NE(patient, nullptr);
    std::vector<std::string_view> names;
    for (const auto& element : patient->elements) names.push_back(element.name);
    EXPECT_THAT(
        names, ElementsAre("id", "meta", "implicitRules", "language", "text", "contained",
                           "extension", "modifierExtension", "identifier", "active", "name",
                           "telecom", "gender", "birthDate", "deceased", "address", "maritalStatus",
                           "multipleBirth", "photo", "contact", "communication",
                           "generalPractitioner", "managingOrganization", "link"));
    EXPECT_EQ(patient->kind, TypeKind::kResource);
    EXPECT_EQ(definitions_->FindType("Patient.contact")->kind, TypeKind::kBackbone);
    EXPECT_EQ(definitions_->FindType("date")->primitive, Primitive::kDate);
    EXPECT_TRUE(definitions_->FindType("DomainResource")->abstract);
    EXPECT_EQ(definitions_->FindType("Nonsense"), nullptr);
}

TEST_F(DefinitionsTest, ResolvesMembers) {
    const ResolvedElement gender = Resolve("Patient", "gender");
    ASSERT_NE(gender.element, nullptr);
    EXPECT_EQ(gender.type, "code");
    EXPECT_EQ(gender.definition, definitions_->FindType("code"));
    EXPECT_EQ(gender.element->strength, BindingStrength::kRequired);
    EXPECT_EQ(gender.element->value_set, "http://hl7.org/fhir/ValueSet/administrative-gender");
    EXPECT_EQ(Resolve("Patient", "id").type, "id");
    EXPECT_EQ(Resolve("Patient", "contact").type, "Patient.contact");
    EXPECT_EQ(Resolve("Patient.contact", "name").type, "HumanName");
    EXPECT_EQ(Resolve("Observation", "valueQuantity").type, "Quantity");
    EXPECT_EQ(Resolve("Observation", "valueQuantity").element->name, "value");
    EXPECT_EQ(Resolve("Observation", "valueDateTime").type, "dateTime");
    EXPECT_EQ(Resolve("Observation", "value").element, nullptr);
    EXPECT_EQ(Resolve("Observation", "valueAddress").element, nullptr);
    EXPECT_EQ(Resolve("Extension", "valueAddress").type, "Address");
    EXPECT_EQ(Resolve("Extension", "url").type, "uri");
    EXPECT_EQ(Resolve("Bundle.entry", "link").type, "Bundle.link");
    EXPECT_EQ(Resolve("Bundle.entry", "resource").type, "Resource");
    EXPECT_EQ(Resolve("Questionnaire.item", "item").type, "Questionnaire.item");
    EXPECT_EQ(Resolve("Timing", "repeat").type, "Timing.repeat");
    EXPECT_THAT(Resolve("Patient.link", "other").element->targets,
                ElementsAre("Patient", "RelatedPerson"));
    EXPECT_EQ(Resolve("Age", "value").type, "decimal");
    EXPECT_EQ(Resolve("string", "extension").type, "Extension");
}

// The npm package mixes later elements into R4; they must not come back with a regeneration.
TEST_F(DefinitionsTest, HoldsR4AsPublished) {
    EXPECT_EQ(Resolve("Meta", "project").element, nullptr);
    EXPECT_EQ(Resolve("Binary", "url").element, nullptr);
    EXPECT_EQ(Resolve("ResearchStudy", "label").element, nullptr);
    EXPECT_NE(Resolve("ResearchStudy", "objective").element, nullptr);
    EXPECT_EQ(Resolve("EvidenceVariable.characteristic", "usageContext").type, "UsageContext");
    EXPECT_EQ(Resolve("EvidenceVariable.characteristic", "definitionExpression").element->name,
              "definition");
}

TEST_F(DefinitionsTest, EveryElementResolvesToItself) {
    std::size_t elements = 0;
    for (const std::string_view name : definitions_->ResourceTypes()) {
        const TypeDefinition* type = definitions_->FindType(name);
        for (const ElementDefinition& element : type->elements) {
            ++elements;
            ASSERT_FALSE(element.types.empty());
            if (!element.choice) {
                EXPECT_EQ(definitions_->Resolve(*type, element.name).element, &element);
            }
        }
    }
    EXPECT_GT(elements, 3000u);
}

TEST_F(DefinitionsTest, SearchParameters) {
    std::set<std::string_view> urls;
    std::size_t pairs = 0;
    for (const std::string_view base : definitions_->ResourceTypes()) {
        for (const SearchParameter* parameter : definitions_->SearchParameters(base)) {
            urls.insert(parameter->url);
            if (parameter->base == base) ++pairs;
            EXPECT_EQ(definitions_->FindSearchParameter(base, parameter->code), parameter);
        }
    }
    EXPECT_EQ(urls.size(), 1378u);
    EXPECT_EQ(pairs, 1700u);  // and nine of Resource and DomainResource: 1,709
    const SearchParameter* patient = definitions_->FindSearchParameter("Observation", "patient");
    ASSERT_NE(patient, nullptr);
    EXPECT_EQ(patient->expression, "Observation.subject.where(resolve() is Patient)");
    EXPECT_EQ(patient->type, "reference");
    EXPECT_EQ(definitions_->FindSearchParameter("Patient", "_lastUpdated")->base, "Resource");
    EXPECT_EQ(definitions_->FindSearchParameter("Patient", "_text")->base, "DomainResource");
    EXPECT_EQ(definitions_->FindSearchParameter("Bundle", "_text"), nullptr);
    EXPECT_EQ(definitions_->FindSearchParameter("Patient", "colour"), nullptr);
    EXPECT_EQ(definitions_->FindSearchParameter("InsurancePlan", "name")->expression,
              "InsurancePlan.name | InsurancePlan.alias");
    const SearchParameter* composite =
        definitions_->FindSearchParameter("Observation", "code-value-quantity");
    ASSERT_EQ(composite->components.size(), 2u);
    EXPECT_EQ(composite->components[0].code, "code");
    EXPECT_EQ(composite->components[1].code, "value-quantity");
    EXPECT_THAT(definitions_->FindSearchParameter("Encounter", "subject")->targets,
                ElementsAre("Group", "Patient"));
}

TEST_F(DefinitionsTest, Compartments) {
    EXPECT_THAT(definitions_->CompartmentParameters("Patient", "Observation"),
                ElementsAre("subject", "performer"));
    EXPECT_THAT(definitions_->CompartmentParameters("Patient", "Patient"),
                ElementsAre("{def}", "link"));
    EXPECT_THAT(definitions_->CompartmentParameters("Encounter", "Encounter"), Contains("{def}"));
    EXPECT_THAT(definitions_->CompartmentParameters("Patient", "Organization"), IsEmpty());
    EXPECT_THAT(definitions_->CompartmentParameters("Starship", "Observation"), IsEmpty());
}

TEST_F(DefinitionsTest, ValueSets) {
    const auto member = [&](std::string_view set, std::string_view system, std::string_view code) {
        const std::string base = set.starts_with("v3-") ? "http://terminology.hl7.org/ValueSet/"
                                                        : "http://hl7.org/fhir/ValueSet/";
        return definitions_->InValueSet(base + std::string(set), system, code);
    };
    EXPECT_EQ(member("administrative-gender", "", "female"), Membership::kIn);
    EXPECT_EQ(member("administrative-gender", "", "F"), Membership::kOut);
    EXPECT_EQ(member("administrative-gender", "http://hl7.org/fhir/administrative-gender", "male"),
              Membership::kIn);
    EXPECT_EQ(member("administrative-gender", "http://example.org", "male"), Membership::kOut);
    // Several systems, single codes of them, filters resolved, and what is not ours.
    EXPECT_EQ(
        member("marital-status", "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M"),
        Membership::kIn);
    EXPECT_EQ(
        member("marital-status", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK"),
        Membership::kIn);
    EXPECT_EQ(
        member("marital-status", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "NASK"),
        Membership::kOut);
    EXPECT_EQ(
        member("v3-ActEncounterCode", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "IMP"),
        Membership::kIn);
    EXPECT_EQ(
        member("v3-ActEncounterCode", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "ABUSE"),
        Membership::kOut);
    EXPECT_EQ(member("all-types", "", "Patient"), Membership::kIn);
    EXPECT_EQ(member("currencies", "urn:iso:std:iso:4217", "EUR"), Membership::kUnknown);
    EXPECT_EQ(member("no-such-set", "", "x"), Membership::kUnknown);
}

TEST_F(DefinitionsTest, Displays) {
    EXPECT_EQ(definitions_->Display("http://hl7.org/fhir/administrative-gender", "female"),
              "Female");
    EXPECT_EQ(definitions_->Display("http://terminology.hl7.org/CodeSystem/v2-0203", "MR"),
              "Medical record number");
    EXPECT_EQ(definitions_->Display("http://terminology.hl7.org/CodeSystem/v3-ActCode", "IMP"),
              "inpatient encounter");
    EXPECT_EQ(definitions_->Display("http://terminology.hl7.org/CodeSystem/v2-0203", "none"), "");
    EXPECT_EQ(definitions_->Display("http://example.org", "MR"), "");
    const char* gender = "http://hl7.org/fhir/administrative-gender";
    EXPECT_EQ(definitions_->InCodeSystem(gender, "other"), Membership::kIn);
    EXPECT_EQ(definitions_->InCodeSystem(gender, "F"), Membership::kOut);
    EXPECT_EQ(definitions_->InCodeSystem("http://loinc.org", "718-7"), Membership::kUnknown);
}

TEST_F(DefinitionsTest, WhatIsDerivedIsMadeOnceForEach) {
    struct Counter {
        int count = 0;
    };
    struct Other {
        int count = 0;
    };
    ++definitions_->Derived<Counter>().count;
    EXPECT_EQ(++definitions_->Derived<Counter>().count, 2);
    EXPECT_EQ(definitions_->Derived<Other>().count, 0);
    const auto others = Definitions::Load(kFolder);
    ASSERT_TRUE(others);
    EXPECT_EQ((*others)->Derived<Counter>().count, 0);
}

TEST(DefinitionsLoadTest, NamesWhatIsMissingOrDamaged) {
    const std::filesystem::path folder = testing::TempDir() + "/r4_damaged";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    auto loaded = Definitions::Load(folder);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kNotFound);
    EXPECT_THAT(loaded.error().path, testing::HasSubstr("types.tsv"));
    std::filesystem::copy(kFolder, folder, std::filesystem::copy_options::recursive);
    std::ofstream(folder / "types.tsv", std::ios::app) << "e\tbroken\tmany\n";
    loaded = Definitions::Load(folder);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kInvalid);
    EXPECT_EQ(loaded.error().position.file, "types.tsv");
    EXPECT_GT(loaded.error().position.line, 5000);
}

}  // namespace
}  // namespace carestream::fhir
