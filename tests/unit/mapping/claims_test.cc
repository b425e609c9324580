// Goal: with a guide a resource says which profiles it meets, and never one that it does not;
// without one nothing is different. Method: small contents with one gap each; the shipped content
// and its overlay over the corpus, read in place, every claim asked again of the finished
// resources.
#include <map>
#include <sstream>

#include "hl7/batch.h"
#include "mapping/test_runner.h"
#include "support.h"

namespace carestream::mapping {
namespace {

const std::shared_ptr<const fhir::Profiles>& UsCore() {
    static const auto loaded =
        fhir::Guides(fs::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir", TestDefinitions())
            .Get("us-core")
            .value();
    return loaded;
}

MapContext Asked() {
    MapContext context = TestContext();
    context.profiles = {UsCore()};
    return context;
}

const Program& Shipped(const std::vector<std::string>& overlays) {
    static std::map<std::vector<std::string>, std::shared_ptr<const Program>> programs;
    auto& program = programs[overlays];
    if (program == nullptr) {
        auto compiled = Program::Compile(fs::path(CARESTREAM_SOURCE_DIR) / "mappings",
                                         TestDefinitions(), TestDictionary(), overlays);
        EXPECT_TRUE(compiled.errors.empty()) << Lines(compiled.errors);
        program = compiled.program;
    }
    return *program;
}

std::vector<std::string> ClaimsOf(const fhir::Node& resource) {
    std::vector<std::string> claims;
    const fhir::Node* meta = resource.Find("meta");
    const fhir::Node* list = meta == nullptr ? nullptr : meta->Find("profile");
    if (list == nullptr) return claims;
    for (const fhir::Node& one : list->items()) {
        const fhir::Profile* profile = UsCore()->Find(one.text());
        claims.emplace_back(profile == nullptr ? "unknown " + one.text() : profile->name);
    }
    return claims;
}

std::vector<std::string> ClaimsOf(const Mapped& mapped, const std::string& type) {
    const fhir::Change* change = Find(mapped, type);
    EXPECT_NE(change, nullptr) << type;
    return change == nullptr ? std::vector<std::string>() : ClaimsOf(change->resource);
}

using Names = std::vector<std::string>;

Mapped Map(const std::string& segments, const MapContext& context) {
    return Shipped({}).Map(
        Parse("MSH|^~\\&|A|MAIN|C|D|20260102||ADT^A08^ADT_A01|1|P|2.5.1\n" + segments), context);
}

bool HasNote(const Mapped& mapped, const std::string& note) {
    const auto& notes = mapped.report.notes;
    return std::find(notes.begin(), notes.end(), note) != notes.end();
}

TEST(Claims, NothingWithoutAGuide) {
    const Mapped mapped = Map("PID|1||7^^^MAIN^MR||Roe^Jane", TestContext());
    EXPECT_EQ(Json(mapped, "Patient").find("meta"), std::string::npos);
    EXPECT_EQ(Json(mapped, "Patient").find("gender"), std::string::npos);
}

TEST(Claims, WhatIsMet) {
    const Mapped mapped = Map("PID|1||7^^^MAIN^MR||Roe^Jane||19800102|F", Asked());
    EXPECT_EQ(ClaimsOf(mapped, "Patient"), Names{"us-core-patient"});
    EXPECT_EQ(Json(mapped, "Patient").find(R"({"resourceType":"Patient","id":)"), 0u);
    EXPECT_LT(Json(mapped, "Patient").find(R"("meta":)"), Json(mapped, "Patient").find("name"));
    EXPECT_TRUE(Find(mapped, "Patient")->assumed.empty());
}

TEST(Claims, WhatIsMetOnceCompletedIsOnlyAssumed) {
    const Mapped mapped = Map("PID|1||7^^^MAIN^MR||", Asked());
    EXPECT_EQ(ClaimsOf(mapped, "Patient"), Names{"us-core-patient"});
    const fhir::Change& patient = *Find(mapped, "Patient");
    EXPECT_EQ(patient.resource.TextOf("gender"), "unknown");
    EXPECT_EQ(patient.assumed, (Names{"name", "gender"}));
    ExpectSound(Parse("MSH|^~\\&|A|MAIN|C|D|20260102||ADT^A08^ADT_A01|1|P|2.5.1\n"
                      "PID|1||7^^^MAIN^MR||"),
                mapped);
}

TEST(Claims, WhatIsNulledIsUnknownFromNowOn) {
    const Mapped mapped = Map("PID|1||7^^^MAIN^MR||Roe^Jane|||\"\"", Asked());
    const fhir::Change& patient = *Find(mapped, "Patient");
    EXPECT_EQ(patient.resource.TextOf("gender"), "unknown");
    EXPECT_TRUE(patient.assumed.empty());
    EXPECT_TRUE(patient.cleared.empty());
    EXPECT_EQ(Names{"gender"},
              Find(Map("PID|1||7^^^MAIN^MR||Roe^Jane|||\"\"", TestContext()), "Patient")->cleared);
}

// A doctor without a number: no identifier stands for one.
TEST(Claims, NotWhatCannotBeCompletedAndTheNoteSaysWhy) {
    const Mapped mapped =
        Map("PID|1||7^^^MAIN^MR||Roe^Jane||19800102|F\nPV1|1|I|W^1^1||||^Doe^Max||||||||||||V1^^^"
            "MAIN^VN",
            Asked());
    EXPECT_EQ(ClaimsOf(mapped, "Patient"), Names{"us-core-patient"});
    EXPECT_EQ(ClaimsOf(mapped, "Practitioner"), Names{});
    EXPECT_TRUE(HasNote(
        mapped, "Practitioner.identifier: is required; us-core-practitioner is not claimed"));
    // What refers to it is no case either, and is as it would be without a guide.
    EXPECT_EQ(ClaimsOf(mapped, "Encounter"), Names{});
    EXPECT_EQ(Find(mapped, "Encounter")->resource.Find("type"), nullptr);
}

TEST(Claims, OfTheWiderProfileWhereTheNarrowOneIsNotMet) {
    const auto program =
        Build({{"messages/A.yaml",
                "message: A\nevents: [ADT^A01]\ntree:\n"
                "  - PID: {make: Patient#pat, with: PID.Patient}\n"
                "  - OBX: {make: Observation, with: OBX.Observation, parent: pat, refs: {subject: "
                "pat}}\n"},
               {"segments/PID.Patient.yaml",
                "map: PID -> Patient\nrules:\n  - {at: PID-3.1, to: \"identifier[i].value\"}\n"},
               {"segments/OBX.Observation.yaml",
                "map: OBX -> Observation\nkey: [OBX-1]\nrules:\n"
                "  - {const: final, to: status}\n"
                "  - {const: vital-signs, to: category.coding.code}\n"
                "  - {const: \"http://terminology.hl7.org/CodeSystem/observation-category\", to: "
                "category.coding.system}\n"
                "  - {at: OBX-3, to: code.coding.code}\n"
                "  - {const: \"http://loinc.org\", to: code.coding.system}\n"
                "  - {at: OBX-5, to: valueString}\n  - {at: OBX-14, to: effectiveDateTime}\n"},
               {"identity/Patient.yaml", "identity: Patient\nkeys: [{identifier: any}]\n"},
               {"identity/Observation.yaml", "identity: Observation\nkeys: [child]\n"}});
    const Mapped mapped = program->Map(Parse("MSH|^~\\&|A|B|||2026||ADT^A01|1|P|2.5\nPID|1||7\n"
                                             "OBX|1|ST|85354-9||120/80|||||||||20260102\n"),
                                       Asked());
    EXPECT_EQ(ClaimsOf(mapped, "Observation"), Names{"us-core-vital-signs"});
    EXPECT_TRUE(HasNote(mapped,
                        "Observation.component: at least 2 entries are required; "
                        "us-core-blood-pressure is not claimed"));
}

TEST(Claims, TestsOfMapsMayAskForThem) {
    const Content content(Content::Files{
        {"t.yaml",
         "channel: {profiles: [us-core, us-cor]}\n"
         "message: |\n  MSH|^~\\&|E|M|||2026||ADT^A08|1|P|2.5\n  PID|1||7^^^M^MR||Roe\n"}});
    fhir::Guides guides(fs::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir", TestDefinitions());
    const auto cases = RunTests(Shipped({}), content.folder(), &guides);
    ASSERT_EQ(cases.size(), 1u);
    ASSERT_EQ(cases[0].failures.size(), 1u);
    EXPECT_EQ(cases[0].failures[0].error.message, "no profiles 'us-cor', did you mean 'us-core'?");
}

TEST(Claims, TheOverlaysOwnTestsHold) {
    fhir::Guides guides(fs::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir", TestDefinitions());
    const auto cases =
        RunTests(Shipped({"us-core"}),
                 fs::path(CARESTREAM_SOURCE_DIR) / "mappings/overlays/us-core/tests", &guides);
    EXPECT_GE(cases.size(), 8u);
    for (const TestCase& test : cases) {
        for (const TestFailure& failure : test.failures) ADD_FAILURE() << failure.error.ToString();
    }
}

// ---- the corpus ---------------------------------------------------------------------------------

std::vector<fs::path> CorpusFiles() {
    const char* shared = std::getenv("CARESTREAM_SHARED");
    const fs::path root =
        shared != nullptr ? fs::path(shared) : fs::path(CARESTREAM_SOURCE_DIR) / "../shared";
    std::vector<fs::path> files;
    if (!fs::exists(root / "corpus/hl7v2")) return files;
    for (const auto& entry : fs::recursive_directory_iterator(root / "corpus/hl7v2")) {
        if (entry.path().extension() == ".hl7") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

// Asks every claim again, references by what the other resources of the message claim.
void ExpectTrue(const Mapped& mapped, std::map<std::string, int>& count) {
    std::map<std::string, const fhir::Node*, std::less<>> resources;
    for (const fhir::Change& change : mapped.changes.changes) {
        resources[change.type + "/" + change.provisional_id] = &change.resource;
    }
    const fhir::MeetsProfile meets = [&](std::string_view reference, const fhir::Profile& wanted) {
        const auto found = resources.find(reference);
        return found != resources.end() &&
               UsCore()->ValidateProfile(*found->second, wanted.name).empty();
    };
    for (const fhir::Change& change : mapped.changes.changes) {
        for (const std::string& claim : ClaimsOf(change.resource)) {
            ++count[claim];
            for (const auto& issue : UsCore()->ValidateProfile(change.resource, claim, meets)) {
                ADD_FAILURE() << claim << " " << issue.expression << ": " << issue.message;
            }
        }
    }
}

void CheckCorpus(const std::vector<std::string>& overlays, std::map<std::string, int>& count) {
    for (const fs::path& file : CorpusFiles()) {
        std::ifstream stream(file, std::ios::binary);
        std::ostringstream text;
        text << stream.rdbuf();
        const std::string all = text.str();
        for (const std::string_view bytes : hl7::SplitMessages(all)) {
            const auto message = hl7::Message::Parse(std::string(bytes));
            if (!message) continue;
            SCOPED_TRACE(file.filename().string());
            const Mapped mapped = Shipped(overlays).Map(*message, Asked());
            ExpectSound(*message, mapped);
            ExpectTrue(mapped, count);
        }
    }
}

TEST(Claims, OfTheCorpusAreTrue) {
    if (CorpusFiles().empty()) GTEST_SKIP() << "no corpus";
    for (const auto& overlays : {Names{}, Names{"us-core"}}) {
        std::map<std::string, int> count;
        CheckCorpus(overlays, count);
        std::printf("with %zu overlays:\n", overlays.size());
        for (const auto& [claim, number] : count) std::printf("  %5d %s\n", number, claim.c_str());
        EXPECT_GT(count["us-core-patient"], 300);
        if (!overlays.empty()) {
            EXPECT_GT(count["us-core-observation-lab"], 0);
        }
    }
}

}  // namespace
}  // namespace carestream::mapping
