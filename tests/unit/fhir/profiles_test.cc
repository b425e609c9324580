// Goal: the profiles of US Core are known as published, chosen by what a resource is, and refuse
// what does not meet them. Method: facts of the tables; the package's own examples, read in place,
// must meet the profiles that they declare, and each seeded damage must be found.
#include "fhir/profiles.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/json.h"

namespace carestream::fhir {
namespace {

namespace fs = std::filesystem;

const std::shared_ptr<const Definitions>& R4() {
    static const auto loaded =
        Definitions::Load(fs::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/r4").value();
    return loaded;
}

const Profiles& UsCore() {
    static const auto loaded =
        Profiles::Load(fs::path(CARESTREAM_SOURCE_DIR) / "schemas/fhir/us-core/6.1.0", R4());
    EXPECT_TRUE(loaded.has_value()) << (loaded ? "" : loaded.error().ToString());
    return **loaded;
}

Node Parse(const std::string& text) {
    auto node = ParseJson(text);
    EXPECT_TRUE(node.has_value()) << text;
    return node ? std::move(*node) : Node();
}

std::string Lines(const std::vector<Issue>& issues) {
    std::string text;
    for (const Issue& issue : issues) {
        text += issue.code + " " + issue.expression + " " + issue.message + "\n";
    }
    return text;
}

std::vector<std::string> NamesOf(const std::vector<const Profile*>& profiles) {
    std::vector<std::string> names;
    for (const Profile* profile : profiles) names.emplace_back(profile->name);
    return names;
}

std::vector<std::string> CandidatesOf(const std::string& text) {
    return NamesOf(UsCore().Candidates(Parse(text)));
}

const char* const kPatient = R"({"resourceType":"Patient",
    "identifier":[{"system":"urn:oid:1.2.3","value":"1"}],
    "name":[{"family":"Roe","given":["Jane"]}],"gender":"female","birthDate":"1980-01-02"})";

TEST(ProfilesTest, KnowsTheProfilesOfTheGuide) {
    const Profile* lab = UsCore().Find("us-core-observation-lab");
    ASSERT_NE(lab, nullptr);
    EXPECT_EQ(lab->url, "http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab");
    EXPECT_EQ(lab->type, "Observation");
    EXPECT_EQ(lab->base, "us-core-observation-clinical-result");
    EXPECT_EQ(UsCore().Find(lab->url), lab);
    EXPECT_EQ(UsCore().Find("us-core-unheard-of"), nullptr);
    EXPECT_EQ(UsCore().All().size(), 58u);
}

TEST(ProfilesTest, SaysWhatIsMissing) {
    EXPECT_EQ(Lines(UsCore().ValidateProfile(Parse(kPatient), "us-core-patient")), "");
    const Node bare = Parse(R"({"resourceType":"Patient","name":[{"use":"official"}]})");
    EXPECT_EQ(Lines(UsCore().ValidateProfile(bare, "us-core-patient")),
              "required Patient.identifier is required\n"
              "invariant Patient.name[0] must fulfil us-core-6: (family.exists() or "
              "given.exists()) xor extension.where(url='http://hl7.org/fhir/StructureDefinition/"
              "data-absent-reason').exists()\n"
              "required Patient.gender is required\n");
    EXPECT_EQ(UsCore().ValidateProfile(bare, "Patient").size(), 3u);
    EXPECT_EQ(UsCore().ValidateProfile(bare, "nothing").size(), 1u);
    EXPECT_EQ(UsCore().ValidateProfile(bare, "us-core-location").size(), 1u);
    EXPECT_EQ(UsCore().ValidateProfile(bare, "us-core-patient", {}, 2).size(), 2u);
}

struct Choice {
    const char* name;
    const char* category;
    const char* code;  // system|code
    std::vector<std::string> profiles;
};

TEST(ProfilesTest, ChoosesByCategoryAndCode) {
    const std::string kOwn = "http://terminology.hl7.org/CodeSystem/observation-category";
    const std::vector<Choice> choices = {
        {"laboratory", "laboratory", "urn:lab|GLU", {"us-core-observation-lab"}},
        {"vital sign", "vital-signs", "http://loinc.org|8867-4", {"us-core-heart-rate"}},
        {"another vital sign", "vital-signs", "http://loinc.org|8478-0", {"us-core-vital-signs"}},
        {"blood pressure", "vital-signs", "http://loinc.org|85354-9", {"us-core-blood-pressure"}},
        {"smoking", "social-history", "http://loinc.org|72166-2", {"us-core-smokingstatus"}},
        {"occupation",
         "social-history",
         "http://loinc.org|11341-5",
         {"us-core-observation-occupation"}},
        {"other history", "social-history", "http://loinc.org|1-8", {"us-core-simple-observation"}},
        {"imaging", "imaging", "http://loinc.org|1-8", {"us-core-observation-clinical-result"}},
        {"own category", "ours", "http://loinc.org|1-8", {}},
    };
    for (const Choice& choice : choices) {
        const std::string code = choice.code;
        const auto bar = code.find('|');
        const std::string text =
            R"({"resourceType":"Observation","category":[{"coding":[{"system":")" + kOwn +
            R"(","code":")" + choice.category + R"("}]}],"code":{"coding":[{"system":")" +
            code.substr(0, bar) + R"(","code":")" + code.substr(bar + 1) + R"("}]}})";
        EXPECT_EQ(CandidatesOf(text), choice.profiles) << choice.name;
    }
    EXPECT_EQ(CandidatesOf(R"({"resourceType":"Patient"})"),
              std::vector<std::string>{"us-core-patient"});
    EXPECT_TRUE(CandidatesOf(R"({"resourceType":"Observation"})").empty());
    EXPECT_TRUE(CandidatesOf(R"({"resourceType":"Device"})").empty());
    EXPECT_TRUE(CandidatesOf(R"({"resourceType":"Account"})").empty());
}

TEST(ProfilesTest, AsksWhatAReferencePointsAt) {
    const Node encounter = Parse(R"({"resourceType":"Encounter","status":"finished",
        "class":{"code":"IMP"},"type":[{"text":"ward"}],"subject":{"reference":"Patient/1"}})");
    EXPECT_EQ(Lines(UsCore().ValidateProfile(encounter, "Encounter")), "");
    std::string asked;
    const auto issues = UsCore().ValidateProfile(
        encounter, "us-core-encounter", [&](std::string_view reference, const Profile& profile) {
            asked = std::string(reference) + " " + std::string(profile.name);
            return false;
        });
    EXPECT_EQ(asked, "Patient/1 us-core-patient");
    EXPECT_EQ(Lines(issues), "value Encounter.subject must refer to us-core-patient\n");
}

TEST(ProfilesTest, CompletesWhatMayBeUnknown) {
    Node patient = Parse(R"({"resourceType":"Patient",
        "identifier":[{"value":"1"}],"telecom":[{"system":"phone"}]})");
    const auto given = UsCore().Complete(patient, *UsCore().Find("us-core-patient"));
    EXPECT_EQ(given, (std::vector<std::string>{"name", "gender"}));
    EXPECT_EQ(patient.TextOf("gender"), "unknown");
    EXPECT_EQ(Lines(UsCore().ValidateProfile(patient, "us-core-patient")), "");
    EXPECT_EQ(Lines(Validate(*R4(), patient)), "");
    EXPECT_NE(patient.Find("identifier")->items()[0].Find("_system"), nullptr);
    EXPECT_NE(patient.Find("telecom")->items()[0].Find("_value"), nullptr);
    // A code that must be one of the set, which has no word for unknown.
    Node phone = Parse(R"({"resourceType":"Patient","telecom":[{"value":"1"}]})");
    UsCore().Complete(phone, *UsCore().Find("us-core-patient"));
    EXPECT_FALSE(UsCore().ValidateProfile(phone, "us-core-patient").empty());
    // A required part of what is not there at all; but no identifier is made up.
    Node practitioner = Parse(R"({"resourceType":"Practitioner"})");
    EXPECT_EQ(UsCore().Complete(practitioner, *UsCore().Find("us-core-practitioner")),
              std::vector<std::string>{"name"});
    EXPECT_EQ(Lines(UsCore().ValidateProfile(practitioner, "us-core-practitioner")),
              "required Practitioner.identifier is required\n");
    // Nothing is given to what is whole.
    Node whole = Parse(kPatient);
    EXPECT_TRUE(UsCore().Complete(whole, *UsCore().Find("us-core-patient")).empty());
    EXPECT_EQ(whole, Parse(kPatient));
}

TEST(ProfilesTest, CompletesCodedElementsWithACode) {
    Node encounter = Parse(R"({"resourceType":"Encounter","status":"finished",
        "class":{"code":"IMP"},"subject":{"reference":"Patient/1"}})");
    EXPECT_EQ(UsCore().Complete(encounter, *UsCore().Find("us-core-encounter")),
              std::vector<std::string>{"type"});
    EXPECT_EQ(ToJson(*encounter.Find("type")),
              R"([{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/data-absent-reason",)"
              R"("code":"unknown","display":"Unknown"}]}])");
    EXPECT_EQ(Lines(UsCore().ValidateProfile(encounter, "us-core-encounter")), "");
    // The set that is required has a word of its own.
    Node document = Parse(R"({"resourceType":"DocumentReference","status":"current"})");
    UsCore().Complete(document, *UsCore().Find("us-core-documentreference"));
    EXPECT_EQ(ToJson(*document.Find("type")),
              R"({"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-NullFlavor",)"
              R"("code":"UNK","display":"unknown"}]})");
}

TEST(ProfilesTest, ChecksExtensionsByTheirProfiles) {
    const std::string url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
    const auto issues = [&](const std::string& parts) {
        Node patient = Parse(kPatient);
        patient.Set("extension",
                    Parse(R"([{"url":")" + url + R"(","extension":[)" + parts + "]}]"));
        return Lines(UsCore().ValidateProfile(patient, "us-core-patient"));
    };
    const std::string text = R"({"url":"text","valueString":"White"})";
    const auto category = [](const std::string& system, const std::string& code) {
        return R"(,{"url":"ombCategory","valueCoding":{"system":")" + system + R"(","code":")" +
               code + R"("}})";
    };
    const std::string cdc = "urn:oid:2.16.840.1.113883.6.238";
    EXPECT_EQ(issues(text + category(cdc, "2106-3")), "");
    EXPECT_EQ(issues(text + category("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK")),
              "");
    EXPECT_EQ(
        issues(text + category(cdc, "2108-9")),
        "code-invalid Patient.extension[0].extension[1].value.ofType(Coding) must have a code "
        "of the value set http://hl7.org/fhir/us/core/ValueSet/omb-race-category\n");
    EXPECT_EQ(
        issues(R"({"url":"detailed","valueCoding":{"system":")" + cdc + R"(","code":"2108-9"}})"),
        "required Patient.extension[0].extension an entry of the slice text is required\n");
}

// ---- the package's examples ---------------------------------------------------------------------

// Unpacked beside the tests; empty if the package is not at hand.
fs::path Examples() {
    static const fs::path folder = [] {
        const char* shared = std::getenv("CARESTREAM_SHARED");
        const fs::path package =
            (shared != nullptr ? fs::path(shared) : fs::path(CARESTREAM_SOURCE_DIR) / "../shared") /
            "conformance/us-core-package/hl7.fhir.us.core-6.1.0.tgz";
        const fs::path target = fs::path(CARESTREAM_BINARY_DIR) / "us-core-6.1.0";
        if (!fs::exists(package)) return fs::path();
        if (fs::exists(target)) return target / "package/example";
        // Tests run beside each other: nobody may see half of it.
        const fs::path fresh = target.string() + "." + std::to_string(::getpid());
        fs::create_directories(fresh);
        const std::string command =
            "tar xzf '" + package.string() + "' -C '" + fresh.string() + "'";
        if (std::system(command.c_str()) != 0) return fs::path();
        std::error_code taken;
        fs::rename(fresh, target, taken);
        if (taken) fs::remove_all(fresh);
        return target / "package/example";
    }();
    return folder;
}

Node Example(const std::string& file) {
    std::ifstream stream(Examples() / file);
    std::stringstream text;
    text << stream.rdbuf();
    return Parse(text.str());
}

// The profiles of ours that a resource declares.
std::vector<std::string> Declared(const Node& resource) {
    std::vector<std::string> declared;
    const Node* meta = resource.Find("meta");
    const Node* profiles = meta == nullptr ? nullptr : meta->Find("profile");
    if (profiles == nullptr) return declared;
    for (const Node& profile : profiles->items()) {
        const std::string url = profile.text().substr(0, profile.text().find('|'));
        if (UsCore().Find(url) != nullptr) declared.push_back(url);
    }
    return declared;
}

void ForEachResource(const Node& node, const std::function<void(const Node&)>& visit) {
    visit(node);
    const Node* entries = node.Find("entry");
    if (entries == nullptr) return;
    for (const Node& entry : entries->items()) {
        if (const Node* resource = entry.Find("resource")) ForEachResource(*resource, visit);
    }
}

TEST(UsCoreExamplesTest, MeetWhatTheyDeclare) {
    if (Examples().empty()) GTEST_SKIP() << "no package of US Core";
    int declared = 0, chosen = 0;
    std::string wrong, other;
    for (const auto& file : fs::directory_iterator(Examples())) {
        const std::string name = file.path().filename();
        ForEachResource(Example(name), [&](const Node& resource) {
            const auto candidates = NamesOf(UsCore().Candidates(resource));
            for (const std::string& url : Declared(resource)) {
                ++declared;
                const std::string lines = Lines(UsCore().ValidateProfile(resource, url));
                if (!lines.empty()) wrong += name + " " + url + "\n" + lines;
                const std::string profile(UsCore().Find(url)->name);
                const bool found =
                    std::find(candidates.begin(), candidates.end(), profile) != candidates.end();
                found ? ++chosen : (other += name + " is " + profile + "\n", 0);
            }
        });
    }
    std::printf("%d declared profiles, %d chosen; others:\n%s", declared, chosen, other.c_str());
    EXPECT_EQ(wrong, "");
    EXPECT_GE(declared, 150);
    EXPECT_GE(chosen, 140);
}

// "code.coding[0].code" within `node`; nullptr if it is not there.
Node* At(Node& node, std::string_view path) {
    Node* at = &node;
    while (!path.empty() && at != nullptr) {
        const std::size_t end = std::min(path.find('.'), path.size());
        std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        const std::size_t bracket = part.find('[');
        at = at->Find(part.substr(0, bracket));
        if (bracket == std::string_view::npos || at == nullptr) continue;
        const std::size_t index = part[bracket + 1] - '0';
        at = index < at->items().size() ? &at->items()[index] : nullptr;
    }
    return at;
}

struct Damage {
    const char* file;
    const char* path;  // of what is damaged
    const char* text;  // JSON instead; "" = taken away
    const char* issue;
};

constexpr Damage kDamages[] = {
    {"Patient-example.json", "identifier", "", "required Patient.identifier "},
    {"Patient-example.json", "identifier[0].system", "", "required Patient.identifier[0].system "},
    {"Patient-example.json", "gender", "", "required Patient.gender "},
    {"Patient-example.json", "name[0]", R"({"use":"usual"})", "invariant Patient.name[0] "},
    {"Patient-example.json", "telecom[0].value", "", "required Patient.telecom[0].value "},
    {"Patient-example.json", "extension[0].extension", "", "required Patient.extension[0].exten"},
    {"Observation-serum-glucose.json", "category", "", "required Observation.category "},
    {"Observation-serum-glucose.json", "category[0].coding[0].code", R"("vital-signs")",
     "required Observation.category an entry of the slice us-core"},
    {"Observation-serum-glucose.json", "subject", "", "required Observation.subject "},
    {"Observation-serum-glucose.json", "subject.reference", R"("Group/1")",
     "value Observation.subject "},
    {"Observation-serum-glucose.json", "valueQuantity", "", "invariant Observation "},
    {"Observation-serum-glucose.json", "effectiveDateTime", R"("2005-07")",
     "invariant Observation.effective.ofType(dateTime) must fulfil us-core-1"},
    {"Observation-blood-pressure.json", "code.coding[0].code", R"("8480-6")",
     "value Observation.code "},
    {"Observation-blood-pressure.json", "component[0].code.coding[0].code", R"("8462-4")",
     "required Observation.component an entry of the slice systolic"},
    {"Observation-blood-pressure.json", "component[0].valueQuantity.code", R"("kPa")",
     "value Observation.component[0].value.ofType(Quantity).code "},
    {"Observation-blood-pressure.json", "component[1].valueQuantity", "",
     "invariant Observation.component[1] must fulfil vs-3"},
    {"Observation-weight.json", "valueQuantity.code", R"("stone")",
     "code-invalid Observation.value.ofType(Quantity).code "},
    {"Observation-weight.json", "category[0].coding[0].system", R"("urn:own")",
     "required Observation.category an entry of the slice VSCat"},
    {"Observation-oxygen-saturation.json", "code.coding[1].code", R"("1-8")",
     "required Observation.code.coding an entry of the slice PulseOx"},
    {"Observation-some-day-smoker.json", "status", R"("preliminary")",
     "code-invalid Observation.status "},
    {"Observation-some-day-smoker.json", "valueCodeableConcept.coding[0].system", R"("urn:own")",
     "code-invalid Observation.value.ofType(CodeableConcept) "},
    {"Observation-pregnancy-status.json", "valueCodeableConcept", "", "required Observation.value"},
    {"Condition-encounter-diagnosis-example1.json", "category[0].coding[0].code",
     R"("problem-list-item")", "required Condition.category an entry of the slice us-core"},
    {"Encounter-example-1.json", "type", "", "required Encounter.type "},
    {"DiagnosticReport-cbc.json", "issued", "", "invariant DiagnosticReport must fulfil us-core-9"},
    {"DiagnosticReport-cbc.json", "category[0].coding[0].code", R"("RAD")",
     "required DiagnosticReport.category an entry of the slice LaboratorySlice"},
    {"DocumentReference-discharge-summary.json", "content[0].attachment",
     R"({"contentType":"text/plain"})",
     "invariant DocumentReference.content[0].attachment must fulfil us-core-6"},
    {"Practitioner-practitioner-1.json", "name[0].family", "",
     "required Practitioner.name[0].family "},
    {"Practitioner-practitioner-1.json", "identifier[0].value", R"("1234567890")",
     "invariant Practitioner.identifier[0] must fulfil us-core-17"},
    {"Coverage-coverage-example.json", "payor", "[]", "required Coverage.payor "},
    {"Location-hl7east.json", "name", "", "required Location.name "},
    {"Organization-acme-lab.json", "active", "", "required Organization.active "},
};

TEST(UsCoreExamplesTest, RefusesSeededDamage) {
    if (Examples().empty()) GTEST_SKIP() << "no package of US Core";
    for (const Damage& damage : kDamages) {
        SCOPED_TRACE(std::string(damage.file) + " " + damage.path);
        Node resource = Example(damage.file);
        const auto declared = Declared(resource);
        ASSERT_FALSE(declared.empty());
        ASSERT_EQ(Lines(UsCore().ValidateProfile(resource, declared.front())), "");
        const std::string_view path = damage.path;
        Node* there = At(resource, path);
        ASSERT_NE(there, nullptr);
        if (*damage.text != '\0') {
            *there = Parse(damage.text);
        } else {
            const std::size_t dot = path.rfind('.');
            Node& around = dot == path.npos ? resource : *At(resource, path.substr(0, dot));
            around.Remove(path.substr(dot + 1));
        }
        const std::string lines = Lines(UsCore().ValidateProfile(resource, declared.front()));
        EXPECT_NE(lines.find(damage.issue), std::string::npos) << lines;
    }
}

// ---- the published snapshots as a second opinion ------------------------------------------------

// The snapshot of a profile as the package has it.
Node Snapshot(std::string_view url) {
    std::ifstream stream(
        Examples().parent_path() /
        ("StructureDefinition-" + std::string(url.substr(url.rfind('/') + 1)) + ".json"));
    std::stringstream text;
    text << stream.rdbuf();
    return Parse(text.str());
}

// The members of an object that are values of an element: "value[x]" is all of its types.
std::vector<std::string> MembersOf(const Node& object, std::string_view name) {
    std::vector<std::string> members;
    for (const Member& member : object.members()) {
        std::string_view there = member.name;
        if (there.starts_with('_')) there.remove_prefix(1);
        const bool choice = name.ends_with("[x]");
        const std::string_view base = choice ? name.substr(0, name.size() - 3) : name;
        const bool is = choice ? there.size() > base.size() && there.starts_with(base) &&
                                     std::isupper(static_cast<unsigned char>(there[base.size()]))
                               : there == base;
        if (is) members.push_back(member.name);
    }
    return members;
}

// Calls `damage` with each object in which the element at `path` stands; true if there was any.
bool EachOwner(Node& node, std::string_view path,
               const std::function<void(Node&, std::string_view)>& damage) {
    bool any = false;
    for (Node& item : node.items()) any = EachOwner(item, path, damage) || any;
    if (!node.IsObject()) return any;
    const std::size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    const auto members = MembersOf(node, name);
    if (members.empty()) return any;
    if (dot == std::string_view::npos) {
        damage(node, name);
        return true;
    }
    for (const std::string& member : members) {
        any = EachOwner(*node.Find(member), path.substr(dot + 1), damage) || any;
    }
    return any;
}

void TakeAway(Node& owner, std::string_view name) {
    for (const std::string& member : MembersOf(owner, name)) owner.Remove(member);
}

// Some other text in each text of the value.
void Falsify(Node& value) {
    if (value.IsString()) value = Node::String("other");
    for (Node& item : value.items()) Falsify(item);
    for (Member& member : value.members()) Falsify(member.value);
}

bool HasFixed(const Node& element) {
    return std::any_of(element.members().begin(), element.members().end(), [](const Member& one) {
        return one.name.starts_with("fixed") || one.name.starts_with("pattern");
    });
}

struct Damaged {
    int taken = 0;
    int falsified = 0;
};

// Each damage of an element that the snapshot requires or fixes is found.
void DamageBy(const Node& element, const Node& whole, const std::string& url, Damaged& count) {
    const std::string_view id = element.TextOf("id");
    // Slices have other rules: where an entry is taken away another may stand for it.
    if (id.find('.') == id.npos || id.find(':') != id.npos) return;
    const std::string_view path = id.substr(id.find('.') + 1);
    const auto refused = [&](const auto& damage) {
        Node resource = whole;
        if (!EachOwner(resource, path, damage)) return 0;
        EXPECT_TRUE(!Validate(*R4(), resource).empty() ||
                    !UsCore().ValidateProfile(resource, url).empty())
            << id;
        return 1;
    };
    if (element.Find("min")->text() != "0") count.taken += refused(TakeAway);
    if (!HasFixed(element)) return;
    count.falsified += refused([](Node& owner, std::string_view name) {
        for (const std::string& member : MembersOf(owner, name)) Falsify(*owner.Find(member));
    });
}

TEST(UsCoreExamplesTest, WhatTheSnapshotsRequireIsMissed) {
    if (Examples().empty()) GTEST_SKIP() << "no package of US Core";
    Damaged count;
    for (const auto& file : fs::directory_iterator(Examples())) {
        const std::string name = file.path().filename();
        SCOPED_TRACE(name);
        const Node whole = Example(name);
        for (const std::string& url : Declared(whole)) {
            const Node snapshot = Snapshot(url);
            for (const Node& element : snapshot.Find("snapshot")->Find("element")->items()) {
                DamageBy(element, whole, url, count);
            }
        }
    }
    std::printf("%d required elements taken away, %d fixed ones falsified\n", count.taken,
                count.falsified);
    EXPECT_GT(count.taken, 700);
    EXPECT_GT(count.falsified, 15);
}

// Every node of a tree, in order.
void EachNode(Node& node, const std::function<void(Node&)>& visit) {
    visit(node);
    for (Node& item : node.items()) EachNode(item, visit);
    for (Member& member : node.members()) EachNode(member.value, visit);
}

// Whatever stands where something else belongs: an answer, no crash.
TEST(UsCoreExamplesTest, AnyKindOfValueAnywhereIsAnswered) {
    if (Examples().empty()) GTEST_SKIP() << "no package of US Core";
    const std::vector<Node> others = {Node(),         Node::String("x"), Node::Number("1"),
                                      Node::Array(),  Node::Object(),    Parse("[null]"),
                                      Parse("[[{}]]")};
    std::size_t number = 0, answered = 0;
    for (const auto& file : fs::directory_iterator(Examples())) {
        const Node whole = Example(file.path().filename());
        const auto declared = Declared(whole);
        if (declared.empty()) continue;
        std::size_t nodes = 0;
        Node copy = whole;
        EachNode(copy, [&](Node&) { ++nodes; });
        for (std::size_t at = 1 + number % 5; at < nodes; at += 5) {
            Node resource = whole;
            std::size_t i = 0;
            const Node& other = others[++number % others.size()];
            EachNode(resource, [&](Node& node) {
                if (i++ == at) node = other;
            });
            answered += UsCore().ValidateProfile(resource, declared.front()).size();
            for (const Profile* candidate : UsCore().Candidates(resource)) {
                (void)UsCore().Complete(resource, *candidate);
            }
        }
    }
    std::printf("%zu resources with a value of another kind, %zu issues\n", number, answered);
}

// What is taken away from an example and then completed meets the profile, or still does not and
// says so: completing never makes a resource that R4 refuses.
TEST(UsCoreExamplesTest, CompletingKeepsR4) {
    if (Examples().empty()) GTEST_SKIP() << "no package of US Core";
    int healed = 0, damaged = 0;
    for (const auto& file : fs::directory_iterator(Examples())) {
        const Node whole = Example(file.path().filename());
        for (const std::string& url : Declared(whole)) {
            for (const Member& member : whole.members()) {
                Node resource = whole;
                resource.Remove(member.name);
                if (member.name == "resourceType" || !Validate(*R4(), resource).empty() ||
                    UsCore().ValidateProfile(resource, url).empty()) {
                    continue;
                }
                ++damaged;
                UsCore().Complete(resource, *UsCore().Find(url));
                EXPECT_EQ(Lines(Validate(*R4(), resource)), "") << file.path() << member.name;
                if (UsCore().ValidateProfile(resource, url).empty()) ++healed;
            }
        }
    }
    std::printf("%d of %d damages completed\n", healed, damaged);
    EXPECT_GT(healed, 0);
}

}  // namespace
}  // namespace carestream::fhir
