// Goal: each construct of the language does what mappings/README.md says. Method: one small
// content, a message, the JSON that comes out and what the loss report says.
#include <gmock/gmock.h>

#include "support.h"

namespace carestream::mapping {
namespace {

constexpr const char* kMsh = "MSH|^~\\&|LAB|MAIN|CS|X|20260102030405||ADT^A01|C1|P|2.5.1\n";

// A content of one Patient whose PID rules are given; everything else is fixed.
Content::Files WithPid(const std::string& rules) {
    return {
        {"messages/ADT_A01.yaml",
         "message: ADT_A01\nevents: [ADT^A01, ADT^A08]\ntree:\n  - MSH\n  - EVN\n"
         "  - PID: {make: Patient#pat, with: PID.Patient}\n"},
        {"segments/PID.Patient.yaml",
         "map: PID -> Patient\nrules:\n  - {at: PID-3, to: identifier, as: CX.Identifier}\n" +
             rules},
        {"datatypes/CX.Identifier.yaml",
         "map: CX -> Identifier\nrules:\n"
         "  - {at: CX.1, to: value}\n"
         "  - {at: CX.4, to: system, as: authority}\n"
         "  - {at: context.assigning_authority, to: system, as: authority, when: CX.4 empty}\n"
         "  - {at: CX.5, to: type.coding.code}\n"},
        {"datatypes/XPN.HumanName.yaml",
         "map: XPN -> HumanName\nrules:\n  - {at: XPN.1.1, to: family}\n"
         "  - {at: XPN.2, to: given}\n  - {at: XPN.3, to: given, id: second}\n"},
        {"datatypes/XTN.ContactPoint.yaml",
         "map: XTN -> ContactPoint\nrules:\n  - {at: XTN.1, to: value}\n"
         "  - {at: XTN.2, to: use, code: Use}\n"},
        {"datatypes/CWE.CodeableConcept.yaml",
         "map: CWE -> CodeableConcept\nrules:\n"
         "  - at: CWE\n    to: coding[first]\n    when: CWE.1 valued\n    rules:\n"
         "      - {at: CWE.3, to: system, as: coding-system}\n"
         "      - {at: CWE.1, to: code}\n      - {at: CWE.2, to: display}\n"
         "  - {at: CWE.9, to: text}\n"},
        {"datatypes/XCN.Practitioner.yaml",
         "map: XCN -> Practitioner\nkey: [XCN.2.1, XCN.3]\nrules:\n"
         "  - at: XCN.1\n    to: identifier[id]\n    rules:\n      - {at: XCN.1, to: value}\n"
         "  - {at: XCN.2.1, to: \"name[n].family\"}\n  - {at: XCN.3, to: \"name[n].given\"}\n"},
        {"tables/Sex.yaml",
         "table: Sex\nhl7: \"0001\"\nsystem: http://hl7.org/fhir/administrative-gender\n"
         "codes: {F: female, M: male, A: other, C: ~}\n"},
        {"tables/Use.yaml", "table: Use\ncodes: {PRN: home, WPN: work}\n"},
        {"tables/Yes.yaml", "table: Yes\ncodes: {Y: true, N: false}\n"},
        {"tables/Marital.yaml",
         "table: Marital\nhl7: \"0002\"\n"
         "system: http://terminology.hl7.org/CodeSystem/v3-MaritalStatus\n"
         "codes: {M: {code: M, display: Married}}\n"},
        {"tables/CodingSystems.yaml", "table: CodingSystems\ncodes: {LN: \"http://loinc.org\"}\n"},
        {"tables/Authorities.yaml", "table: Authorities\ncodes: {MAIN: \"urn:oid:1.2.3\"}\n"},
        {"identity/Patient.yaml",
         "identity: Patient\nkeys: [{identifier: any}]\nwithout: refuse\n"},
        {"identity/Practitioner.yaml",
         "identity: Practitioner\nkeys: [{identifier: any}]\nwithout: contained\n"},
    };
}

Mapped MapWith(const Content::Files& files, const std::string& segments,
               const MapContext& context = TestContext()) {
    const auto program = Build(files);
    if (program == nullptr) return {};
    const hl7::Message message = Parse(kMsh + segments);
    Mapped mapped = program->Map(message, context);
    ExpectSound(message, mapped);
    return mapped;
}

struct Row {
    const char* name;
    const char* rules;
    const char* pid;   // after "PID|1||7|"
    const char* json;  // what the Patient must contain; "!x": must not contain x
    std::vector<std::string> unmapped = {};  // "path: reason" beside PID-1.1 and MSH
};

class RulesTest : public testing::TestWithParam<Row> {};

TEST_P(RulesTest, Holds) {
    const Row& row = GetParam();
    const Mapped mapped = MapWith(WithPid(row.rules), std::string("PID|1||7|") + row.pid + "\n");
    ASSERT_EQ(mapped.status, MapStatus::kMapped) << mapped.path << " " << mapped.reason;
    const std::string json = Json(mapped, "Patient");
    if (row.json[0] == '!') {
        EXPECT_EQ(json.find(row.json + 1), std::string::npos) << json;
    } else {
        EXPECT_NE(json.find(row.json), std::string::npos) << json;
    }
    std::vector<std::string> unmapped;
    for (const Unmapped& leaf : mapped.report.unmapped) {
        if (leaf.path.starts_with("MSH") || leaf.path == "PID-1.1") continue;
        unmapped.push_back(leaf.path + ": " + leaf.reason);
    }
    EXPECT_EQ(unmapped, row.unmapped) << json;
}

// PID-4 stands after "7|"; PID-5 name, PID-7 birth, PID-8 sex, PID-13 phone.
INSTANTIATE_TEST_SUITE_P(
    Values, RulesTest,
    testing::Values(
        Row{"plain", "  - {at: PID-7, to: birthDate}\n", "|||19800517",
            R"("birthDate":"1980-05-17")"},
        Row{"invalid_is_named",
            "  - {at: PID-7, to: birthDate}\n",
            "|||19801317",
            "!birthDate",
            {"PID-7.1: not a date (month out of range)"}},
        Row{"default_after_failure",
            "  - {at: PID-7, to: birthDate, default: \"1900\"}\n",
            "|||x",
            R"("birthDate":"1900")",
            {"PID-7.1: not a date (no year)"}},
        Row{"otherwise", "  - {at: PID-7, to: birthDate, otherwise: {at: PID-7, to: language}}\n",
            "|||de", R"("language":"de")"},
        Row{"list_of_repetitions", "  - {at: PID-5, to: name, as: XPN.HumanName}\n",
            "|Roe^Jane^A~Doe^Jane",
            R"("name":[{"family":"Roe","given":["Jane","A"]},{"family":"Doe","given":["Jane"]}])"},
        Row{"equal_entries_once", "  - {at: PID-5, to: name, as: XPN.HumanName}\n",
            "|Roe^Jane~Roe^Jane", R"("name":[{"family":"Roe","given":["Jane"]}])"},
        Row{"one_value_of_many",
            "  - {at: PID-26.1, to: language}\n",
            "||||||||||||||||||||||de~fr",
            R"("language":"de")",
            {"PID-26[2].1: Patient.language takes one value"}},
        Row{"join", "  - {at: PID-26.1, to: language, join: \"-\"}\n",
            "||||||||||||||||||||||de~fr", R"("language":"de-fr")"},
        Row{"repetition_number",
            "  - {at: \"PID-5[2]\", to: name, as: XPN.HumanName}\n",
            "|Roe~Doe",
            R"("name":[{"family":"Doe"}])",
            {"PID-5[1].1: no rule"}},
        Row{"concat", "  - {concat: [PID-5.2, \" \", PID-5.1], to: language}\n", "|Roe^Jane",
            R"("language":"Jane Roe")"},
        Row{"concat_joined",
            "  - {concat: [PID-5.2, PID-5.3, PID-5.1], join: \"-\", to: language}\n", "|Roe^Jane",
            R"("language":"Jane-Roe")"},
        Row{"concat_of_nothing",
            "  - {concat: [\"+\", PID-5.2], to: language}\n",
            "|Roe",
            "!language",
            {"PID-5.1: no rule"}},
        Row{"first_of", "  - {first-of: [PID-15, PID-5], to: language}\n", "|Roe",
            R"("language":"Roe")"},
        Row{"add", "  - {add: {date: PID-7, amount: PID-25, unit: PID-5}, to: deceasedDateTime}\n",
            "|h||202601020300||||||||||||||||||2",
            R"("deceasedDateTime":"2026-01-02T05:00:00-05:00")"},
        Row{"blank_is_no_value",
            "  - {at: PID-7, to: birthDate}\n",
            "|||  ",
            "!birthDate",
            {"PID-7.1: no rule"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Codes, RulesTest,
    testing::Values(
        Row{"hit", "  - {at: PID-8, to: gender, code: Sex}\n", "||||F", R"("gender":"female")"},
        Row{"lower_case", "  - {at: PID-8, to: gender, code: Sex}\n", "||||f",
            R"("gender":"female")"},
        Row{"dropped",
            "  - {at: PID-8, to: gender, code: Sex}\n",
            "||||X",
            "!gender",
            {"PID-8.1: code not in table 0001"}},
        Row{"deliberately_none",
            "  - {at: PID-8, to: gender, code: Sex}\n",
            "||||C",
            "!gender",
            {"PID-8.1: code of table 0001 has no counterpart"}},
        Row{"set",
            "  - {at: PID-8, to: gender, code: Sex, miss: {set: unknown}}\n",
            "||||X",
            R"("gender":"unknown")",
            {"PID-8.1: code not in table 0001"}},
        Row{"concept", "  - {at: PID-16, to: maritalStatus, code: Marital}\n",
            "||||||||||||M^verheiratet",
            R"("maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/)"
            R"(v3-MaritalStatus","code":"M","display":"Married"}],"text":"verheiratet"})"},
        Row{"concept_kept", "  - {at: PID-16, to: maritalStatus, code: Marital}\n", "||||||||||||D",
            R"("maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0002")"},
        Row{"subtract",
            "  - {subtract: {date: PID-7, amount: PID-25, unit: PID-26}, to: deceasedDateTime}\n",
            "|||20260102||||||||||||||||||2|d", R"("deceasedDateTime":"2025-12-31")"},
        Row{"rules_beside_an_attachment",
            "  - {at: PID-5, to: \"photo[it]\", as: attachment,\n"
            "     rules: [{at: PID-6.1, to: title}]}\n",
            "|x^text^plain^A^b|T",
            R"("photo":[{"contentType":"text/plain","data":"Yg==","title":"T"}])",
            {"PID-5.1: no rule"}},
        Row{"before",
            "  - {const: de, to: language, when: PID-7 before PID-29}\n",
            "|||19800102||||||||||||||||||||||19800102103000",
            "!language",
            {"PID-7.1: no rule", "PID-29.1: no rule"}},
        Row{"before_by_what_is_known",
            "  - {const: de, to: language, when: PID-7 before PID-29}\n",
            "|||198001||||||||||||||||||||||19800202",
            R"("language":"de")",
            {"PID-7.1: no rule", "PID-29.1: no rule"}},
        Row{"before_with_offsets",
            "  - {const: de, to: language, when: PID-29 before PID-7}\n",
            "|||19800102120000+0100||||||||||||||||||||||19800102113000+0300",
            R"("language":"de")",
            {"PID-7.1: no rule", "PID-29.1: no rule"}},
        Row{"concept_constant", "  - {const: M, to: maritalStatus, code: Marital}\n", "",
            R"("maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/)"
            R"(v3-MaritalStatus","code":"M","display":"Married"}]})"},
        Row{"missed_map_is_dropped",
            "  - {at: PID-16, to: maritalStatus, as: CWE.CodeableConcept, code: Marital, miss: "
            "drop,\n     otherwise: {at: PID-16.1, to: language}}\n",
            "||||||||||||D",
            R"("language":"D")",
            {}},
        Row{"sender_follows",
            "  - {at: PID-16, to: maritalStatus, as: CWE.CodeableConcept, code: Marital}\n",
            "||||||||||||M^^99L",
            R"("code":"M","display":"Married"},{"system":"urn:carestream:coding-system:99L","code":"M"}]})"},
        Row{"boolean", "  - {at: PID-30, to: deceasedBoolean, code: Yes}\n",
            "||||||||||||||||||||||||||Y", R"("deceasedBoolean":true)"},
        Row{"code_outside_of_value_set",
            "  - {at: PID-8, to: gender}\n",
            "||||female|x",
            R"("gender":"female")",
            {"PID-9.1: no rule"}},
        Row{"never_an_invalid_required_code",
            "  - {at: PID-8, to: gender}\n",
            "||||F",
            "!gender",
            {"PID-8.1: code that FHIR does not allow here"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Targets, RulesTest,
    testing::Values(
        Row{"named_entry_with_constant",
            "  - {at: PID-5, to: \"name[legal]\", as: XPN.HumanName}\n"
            "  - {const: official, to: \"name[legal].use\"}\n",
            "|Roe", R"("name":[{"family":"Roe","use":"official"}])"},
        Row{"constant_alone_makes_no_entry", "  - {const: official, to: \"name[legal].use\"}\n", "",
            "!official"},
        Row{"nested_constants",
            "  - at: PID-13\n    to: telecom\n    as: XTN.ContactPoint\n    rules:\n"
            "      - {const: phone, to: system}\n      - {const: home, to: use, when: XTN.2 "
            "empty}\n",
            "|||||||||555~556^WPN",
            R"("telecom":[{"value":"555","system":"phone","use":"home"},)"
            R"({"value":"556","use":"work","system":"phone"}])"},
        Row{"field_is_its_repetition",
            "  - at: PID-26\n    to: communication\n    rules:\n"
            "      - {at: PID-26, to: language, as: CWE.CodeableConcept}\n",
            "||||||||||||||||||||||de~fr",
            R"("communication":[{"language":{"coding":[{"code":"de"}]}},)"
            R"({"language":{"coding":[{"code":"fr"}]}}])"},
        Row{"empty_entry_is_dropped",
            "  - at: PID-13\n    to: telecom\n    as: XTN.ContactPoint\n    rules:\n"
            "      - {const: phone, to: system}\n",
            "|||||||||^^PH",
            "!telecom",
            {"PID-13.3: no rule"}},
        Row{"extension", "  - {at: PID-6.1, extension: \"http://x/mother\", type: string}\n",
            "||Ma", R"("extension":[{"url":"http://x/mother","valueString":"Ma"}])"},
        Row{"extension_without_value",
            "  - {at: PID-7, extension: \"http://x/birth\", type: dateTime}\n",
            "|||nonsense",
            "!extension",
            {"PID-7.1: not a date (no year)"}},
        Row{"extension_of_primitive",
            "  - {at: PID-7, to: birthDate}\n"
            "  - {at: PID-7, on: birthDate, extension: \"http://x/time\", type: dateTime}\n",
            "|||198005171030",
            R"("birthDate":"1980-05-17","_birthDate":{"extension":[{"url":"http://x/time",)"
            R"("valueDateTime":"1980-05-17T10:30:00-04:00"}]})"},
        Row{"nested_extension",
            "  - extension: \"http://x/citizen\"\n    at: PID-26\n    rules:\n"
            "      - {extension: code, at: CWE.1, type: string}\n",
            "||||||||||||||||||||||de",
            R"("extension":[{"url":"http://x/citizen","extension":[{"url":"code","valueString":"de"}]}])"},
        Row{"first_value_stays",
            "  - {at: PID-29, to: deceasedDateTime, when: PID-29 valued}\n"
            "  - {const: true, to: deceasedBoolean, when: PID-29 empty and PID-30 == Y}\n",
            "|||||||||||||||||||||||||2026|Y",
            R"("deceasedDateTime":"2026")",
            {"PID-30.1: no rule"}},
        Row{"switch_else",
            "  - switch: PID-8\n    cases:\n      F, X: {const: a, to: language}\n"
            "    else: {const: b, to: language}\n",
            "||||M",
            R"("language":"b")",
            {"PID-8.1: no rule"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Authority, BecomesAUri) {
    const struct {
        const char* cx;
        const char* system;
    } rows[] = {{"7^^^MAIN", "urn:oid:1.2.3"},
                {"7^^^WEST", "urn:carestream:authority:WEST"},
                {"7^^^St. X/1", "urn:carestream:authority:St.%20X%2F1"},
                {"7^^^WEST&2.16.840.1&ISO", "urn:oid:2.16.840.1"},
                {"7^^^&2.16.840.1&ISO", "urn:oid:2.16.840.1"},
                {"7^^^&6BA7B810-9DAD-11D1-80B4-00C04FD430C8&UUID",
                 "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
                {"7^^^&lab.example.org&DNS", "http://lab.example.org"},
                {"7^^^&http://lab.example.org/ids&URI", "http://lab.example.org/ids"},
                {"7", "urn:oid:1.2.3"}};
    for (const auto& row : rows) {
        const Mapped mapped = MapWith(WithPid(""), std::string("PID|1||") + row.cx + "\n");
        const std::string json = Json(mapped, "Patient");
        EXPECT_NE(json.find("\"system\":\"" + std::string(row.system) + "\""), std::string::npos)
            << row.cx << " " << json;
    }
}

std::string NulledOf(const fhir::Change& change) {
    std::string text;
    for (const fhir::ListChange& list : change.lists) {
        for (const std::string& part : list.nulled) text += list.element + " " + part + ";";
    }
    return text;
}

TEST(Null, ClearsAndAbsentKeeps) {
    const auto files = WithPid(
        "  - {at: PID-7, to: birthDate}\n  - {at: PID-8, to: gender, code: Sex}\n"
        "  - {at: PID-13, to: telecom, as: XTN.ContactPoint}\n"
        "  - {at: PID-15.1, to: language, \"null\": ignore}\n");
    const Mapped mapped = MapWith(files, "PID|1||7||||\"\"|\"\"|||||\"\"||\"\"\n");
    const fhir::Change* patient = Find(mapped, "Patient");
    ASSERT_NE(patient, nullptr);
    EXPECT_EQ(patient->cleared, (std::vector<std::string>{"birthDate", "gender"}));
    EXPECT_EQ(NulledOf(*patient), "telecom PID-13;");
    for (const char* path : {"PID-7.1", "PID-8.1", "PID-13.1", "PID-15.1"}) {
        EXPECT_TRUE(IsMapped(mapped, path)) << path;
    }
    EXPECT_TRUE(Find(MapWith(files, "PID|1||7\n"), "Patient")->cleared.empty());
}

TEST(Null, OfAListTakesWhatItsFieldGave) {
    const auto files = WithPid(
        "  - {at: PID-13, to: telecom, as: XTN.ContactPoint}\n"
        "  - {at: PID-14, to: telecom, as: XTN.ContactPoint, id: work}\n");
    const Mapped mapped = MapWith(files, "PID|1||7||||||||||\"\"|555\n");
    const fhir::Change* patient = Find(mapped, "Patient");
    EXPECT_TRUE(patient->cleared.empty());
    EXPECT_EQ(NulledOf(*patient), "telecom PID-13;");
    const auto list =
        std::find_if(patient->lists.begin(), patient->lists.end(),
                     [](const fhir::ListChange& one) { return one.element == "telecom"; });
    EXPECT_EQ(list->parts, std::vector<std::string>{"PID-14"});
}

TEST(Null, IsNotFollowedWhereAnotherRuleGivesAValue) {
    const auto files = WithPid(
        "  - {at: PID-24, to: deceasedBoolean, code: Yes, when: PID-29 empty}\n"
        "  - {at: PID-29, to: deceasedBoolean, code: Yes, when: PID-29 valued, id: second}\n");
    const Mapped mapped = MapWith(files, "PID|1||7|||||||||||||||||||||\"\"|||||Y\n");
    EXPECT_TRUE(Find(mapped, "Patient")->cleared.empty());
}

TEST(Clear, RemovesByEvent) {
    const auto files = WithPid("  - {clear: deceasedDateTime, when: event == A08}\n");
    const hl7::Message message =
        Parse("MSH|^~\\&|LAB|MAIN|CS|X|2026||ADT^A08|C1|P|2.5.1\nPID|1||7\n");
    const Mapped mapped = Build(files)->Map(message, TestContext());
    EXPECT_EQ(Find(mapped, "Patient")->cleared, std::vector<std::string>{"deceasedDateTime"});
}

TEST(References, MakeResourcesOnce) {
    Content::Files files = WithPid("");
    files["messages/ADT_A01.yaml"] =
        "message: ADT_A01\nevents: [ADT^A01]\ntree:\n  - MSH\n"
        "  - PID: {make: Patient#pat, with: PID.Patient}\n"
        "  - PD1: {into: pat, with: PD1.Patient}\n"
        "  - PV1: {make: Encounter#enc, with: PV1.Encounter, parent: pat, refs: {subject: pat}}\n";
    files["segments/PD1.Patient.yaml"] =
        "map: PD1 -> Patient\nrules:\n  - {at: PD1-4, to: generalPractitioner, as: "
        "XCN.Practitioner}\n";
    files["segments/PV1.Encounter.yaml"] =
        "map: PV1 -> Encounter\nkey: [PV1-44]\nrules:\n  - {const: unknown, to: status}\n"
        "  - {const: IMP, to: class.code}\n  - {at: PV1-44, to: period.start}\n"
        "  - at: PV1-7\n    to: participant\n    rules:\n"
        "      - {at: XCN, to: individual, as: XCN.Practitioner}\n";
    const Mapped mapped =
        MapWith(files,
                "PID|1||7\nPD1||||44^Okafor\n"
                "PV1|1||||||44^Okafor^Chidi~^Haldane^Ruth|||||||||||||||||||||||||"
                "||||||||||||2026\n");
    ASSERT_EQ(mapped.changes.changes.size(), 3u);
    const std::string practitioner = Json(mapped, "Practitioner");
    EXPECT_NE(practitioner.find(R"("name":[{"family":"Okafor","given":["Chidi"]}])"),
              std::string::npos)
        << practitioner;
    const std::string encounter = Json(mapped, "Encounter");
    EXPECT_NE(encounter.find(R"("contained":[{"resourceType":"Practitioner","id":"c1")"),
              std::string::npos)
        << encounter;
    EXPECT_NE(encounter.find(R"({"individual":{"reference":"#c1"}})"), std::string::npos)
        << encounter;
    const fhir::Change* change = Find(mapped, "Encounter");
    ASSERT_EQ(change->keys.size(), 1u);
    EXPECT_EQ(change->keys[0].system, "child:Patient:urn:oid:1.2.3");
    EXPECT_EQ(change->keys[0].value, "7|2026|1");
}

TEST(References, GoThroughToTheResourceBehind) {
    const Mapped mapped = MapWith(
        WithPid("  - {at: PID-5.1, to: \"generalPractitioner[gp](Practitioner).name[n].family\"}\n"
                "  - {at: PID-4.1, to: "
                "\"generalPractitioner[gp](Practitioner).identifier[i].value\"}\n"),
        "PID|1||7|9|Okafor\n");
    const std::string practitioner = Json(mapped, "Practitioner");
    EXPECT_NE(practitioner.find(R"("name":[{"family":"Okafor"}],"identifier":[{"value":"9"}])"),
              std::string::npos)
        << practitioner;
}

TEST(Required, ElementsAreFilledOrTheMessageIsUnusable) {
    Content::Files files = WithPid("");
    files["messages/ADT_A01.yaml"] =
        "message: ADT_A01\nevents: [ADT^A01]\ntree:\n  - MSH\n"
        "  - PID: {make: Patient#pat, with: PID.Patient}\n"
        "  - PV1: {make: Encounter#enc, with: PV1.Encounter, parent: pat, refs: {subject: pat}}\n";
    files["segments/PV1.Encounter.yaml"] =
        "map: PV1 -> Encounter\nkey: [PV1-44]\nrules:\n"
        "  - {at: PV1-2, to: class.code}\n  - {at: PV1-44, to: period.start}\n"
        "  - {at: PV1-45, to: status}\n";
    const std::string start = "PID|1||7\nPV1|1" + std::string(43, '|') + "2026|";
    const Mapped absent = MapWith(files, start + "planned\n");
    EXPECT_NE(Json(absent, "Encounter").find(R"("class":{"extension":[{"url":)"), std::string::npos)
        << Json(absent, "Encounter");
    const Mapped unusable = MapWith(files, start + "nonsense\n");
    EXPECT_EQ(unusable.status, MapStatus::kUnusable);
    EXPECT_EQ(unusable.path, "Encounter.status");
    EXPECT_TRUE(unusable.report.mapped.empty());
    EXPECT_TRUE(unusable.changes.changes.empty());
}

TEST(Identity, WithoutOneTheMessageIsRefused) {
    const Mapped mapped =
        MapWith(WithPid("  - {at: PID-7, to: birthDate}\n"), "PID|1||^^^MAIN||||1980\n");
    EXPECT_EQ(mapped.status, MapStatus::kUnusable);
    EXPECT_EQ(mapped.path, "PID-3");
    EXPECT_EQ(mapped.reason, "no usable identity for Patient");
}

TEST(Identity, GivesTheSameIdsEverywhere) {
    const Mapped first = MapWith(WithPid(""), "PID|1||0007^^^MAIN^MR\n");
    const Mapped second =
        MapWith(WithPid("  - {at: PID-7, to: birthDate}\n"), "PID|2||0007^^^MAIN^PI||||1980\n");
    const Mapped other = MapWith(WithPid(""), "PID|1||7^^^MAIN^MR\n");
    EXPECT_EQ(Find(first, "Patient")->provisional_id, Find(second, "Patient")->provisional_id);
    EXPECT_NE(Find(first, "Patient")->provisional_id, Find(other, "Patient")->provisional_id);
}

TEST(Authority, DecidesWhatAFeedMayUpdate) {
    Content::Files files = WithPid("");
    files["identity/Patient.yaml"] =
        "identity: Patient\nauthority: required\nkeys: [{identifier: any}]\n"
        "lists: {identifier: [system, value]}\n";
    const Mapped owner = MapWith(files, "PID|1||7~8\n");
    EXPECT_EQ(Find(owner, "Patient")->mode, fhir::ChangeMode::kUpsert);
    ASSERT_EQ(Find(owner, "Patient")->lists.size(), 1u);
    EXPECT_EQ(
        Find(owner, "Patient")->lists[0].keys,
        (std::vector<std::string>{"system=urn:oid:1.2.3&value=7", "system=urn:oid:1.2.3&value=8"}));
    MapContext lab = TestContext();
    lab.authority_for.clear();
    EXPECT_EQ(Find(MapWith(files, "PID|1||7\n", lab), "Patient")->mode,
              fhir::ChangeMode::kFindOrCreate);
}

TEST(Invalid, MakesTheMessageUnusableWhereTheChannelSaysSo) {
    MapContext strict = TestContext();
    strict.drop_invalid = false;
    const auto files = WithPid("  - {at: PID-7, to: birthDate}\n");
    const Mapped mapped = MapWith(files, "PID|1||7||||19801317\n", strict);
    EXPECT_EQ(mapped.status, MapStatus::kUnusable);
    EXPECT_EQ(mapped.path, "PID-7.1");
    EXPECT_EQ(mapped.reason, "not a date (month out of range)");
    EXPECT_EQ(MapWith(files, "PID|1||7||||1980\n", strict).status, MapStatus::kMapped);
}

TEST(Order, ComesFromWhereTheChannelSays) {
    MapContext context = TestContext();
    context.order_by = OrderBy::kMsh7;
    EXPECT_EQ(MapWith(WithPid(""), "PID|1||7\n", context).changes.order_time,
              1767341045 * Micros{1000000});  // 2026-01-02 03:04:05 -05:00
    context.order_by = OrderBy::kEvn2;
    const Mapped absent = MapWith(WithPid(""), "PID|1||7\n", context);
    EXPECT_EQ(absent.changes.order_time, 0);
    ASSERT_FALSE(absent.report.notes.empty());
    EXPECT_EQ(absent.report.notes.back(), "EVN-2: absent; ordered by arrival");
}

TEST(Report, NamesMessagesThatNoMapCovers) {
    const hl7::Message message = Parse("MSH|^~\\&|A|B|||2026||ZZZ^Z01|C9|P|2.3\nPID|1||7\n");
    const Mapped mapped = Build(WithPid(""))->Map(message, TestContext());
    EXPECT_EQ(mapped.status, MapStatus::kNoMap);
    EXPECT_EQ(mapped.report.event, "ZZZ^Z01");
    EXPECT_EQ(mapped.report.control_id, "C9");
    ExpectSound(message, mapped);
}

TEST(Report, IsOneLineOfJson) {
    LossReport report{"C\"1", "ADT^A01", 2, {"PID-3.1"}, {{"PID-1.1", "no rule"}}, {}};
    EXPECT_EQ(ToJson(report),
              R"({"control_id":"C\"1","event":"ADT^A01","leaves":2,"mapped":["PID-3.1"],)"
              R"("unmapped":[{"path":"PID-1.1","reason":"no rule"}],"notes":[]})");
}

TEST(Bundle, RefersByUrn) {
    const Mapped mapped =
        MapWith(WithPid("  - {at: PID-5, to: generalPractitioner, as: XCN.Practitioner}\n"),
                "PID|1||7||9^Okafor\n");
    const fhir::Node bundle = ToBundle(mapped.changes);
    EXPECT_TRUE(fhir::Validate(*TestDefinitions(), bundle).empty());
    const std::string json = fhir::ToJson(bundle);
    const std::string id = Find(mapped, "Practitioner")->provisional_id;
    EXPECT_NE(json.find("\"generalPractitioner\":[{\"reference\":\"urn:uuid:" + id + "\"}]"),
              std::string::npos)
        << json;
    EXPECT_NE(json.find("\"request\":{\"method\":\"PUT\",\"url\":\"Practitioner/" + id + "\"}"),
              std::string::npos);
}

TEST(Null, IsIgnoredWhereTheRuleSaysSo) {
    const auto cleared = [](const std::string& option) {
        const auto program = Build(WithPid("  - {at: PID-7, to: birthDate" + option + "}\n"));
        return program->Map(Parse(std::string(kMsh) + "PID|1||7||||\"\"\n"), TestContext())
            .changes.changes.at(0)
            .cleared;
    };
    EXPECT_EQ(cleared(""), std::vector<std::string>{"birthDate"});
    EXPECT_EQ(cleared(", null: clear"), std::vector<std::string>{"birthDate"});
    EXPECT_TRUE(cleared(", null: ignore").empty());
}

Content::Files WithDiagnosis(const std::string& rules) {
    Content::Files files = WithPid("");
    files["messages/ADT_A01.yaml"] =
        "message: ADT_A01\nevents: [ADT^A01]\ntree:\n"
        "  - PID: {make: Patient#pat, with: PID.Patient}\n"
        "  - PV1: {make: Encounter#enc, with: PV1.Encounter, refs: {subject: pat}}\n"
        "  - DG1[]:\n"
        "      - {make: Condition#dx, with: DG1.Condition, parent: pat, refs: {subject: pat}}\n"
        "      - {into: enc, rules: [" +
        rules + "]}\n";
    files["segments/PV1.Encounter.yaml"] =
        "map: PV1 -> Encounter\nrules:\n  - {at: PV1-19.1, to: \"identifier[i].value\"}\n"
        "  - {const: finished, to: status}\n  - {const: IMP, to: class.code}\n";
    files["segments/DG1.Condition.yaml"] =
        "map: DG1 -> Condition\nkey: [DG1-3.1]\nrules:\n  - {at: DG1-3.1, to: code.text}\n";
    files["identity/Encounter.yaml"] = "identity: Encounter\nkeys: [{identifier: any}]\n";
    files["identity/Condition.yaml"] = "identity: Condition\nkeys: [child]\n";
    return files;
}

TEST(Ref, AnEntryRefersToWhatWasMade) {
    const auto program = Build(WithDiagnosis(
        "{at: DG1, to: diagnosis, rules: [{ref: dx, to: condition}, {at: DG1-15, to: rank}]}"));
    const Mapped mapped = program->Map(
        Parse(std::string(kMsh) + "PID|1||7\nPV1|1||||||||||||||||||V1\nDG1|1||A||||||||||||2\n"
                                  "DG1|2||B\n"),
        TestContext());
    ASSERT_NE(Find(mapped, "Condition", 1), nullptr);
    const std::string first = Find(mapped, "Condition", 0)->provisional_id;
    const std::string second = Find(mapped, "Condition", 1)->provisional_id;
    EXPECT_NE(
        Json(mapped, "Encounter")
            .find(R"("diagnosis":[{"condition":{"reference":"Condition/)" + first +
                  R"("},"rank":2},{"condition":{"reference":"Condition/)" + second + R"("}}])"),
        std::string::npos)
        << Json(mapped, "Encounter");
}

TEST(Ref, MistakesAreNamed) {
    const auto mistake = [](const std::string& rules) {
        return Lines(Content(WithDiagnosis(rules)).Compile().errors);
    };
    EXPECT_THAT(mistake("{at: DG1, to: diagnosis, rules: [{ref: dxx, to: condition}]}"),
                testing::HasSubstr("nothing is made under the name 'dxx' in this message, did you "
                                   "mean 'dx'?"));
    EXPECT_THAT(mistake("{at: DG1, to: diagnosis, rules: [{ref: pat, to: condition}]}"),
                testing::HasSubstr("may not refer to a resource of type Patient"));
    EXPECT_THAT(mistake("{ref: dx, to: status}"), testing::HasSubstr("may not refer"));
    Content::Files files =
        WithDiagnosis("{at: DG1, to: diagnosis, rules: [{ref: dx, to: condition}]}");
    files["segments/PV1.Encounter.yaml"] += "  - {ref: pat, to: subject}\n";
    EXPECT_THAT(Lines(Content(files).Compile().errors),
                testing::HasSubstr("segments/PV1.Encounter.yaml:6:11: `ref` belongs to the rules "
                                   "of a message"));
}

TEST(Trace, FollowsAValueThroughTheRules) {
    const auto program =
        Build(WithPid("  - {at: PID-5, to: name, as: XPN.HumanName}\n"
                      "  - {at: PID-8, to: gender, code: Sex}\n"
                      "  - {at: PID-30, to: active, code: Yes, when: PID-31 == Y}\n"
                      "  - {at: PD1-4, to: generalPractitioner, as: XCN.Practitioner}\n"));
    const hl7::Message message = Parse(std::string(kMsh) +
                                       "PID|1||7^^^MAIN^MR||Roe^Ann|||F||||||||||||||||||||||N|Y\n"
                                       "PD1||||D1^Doe^Di\n");
    Trace trace;
    const Mapped mapped = program->MapTraced(message, TestContext(), &trace);
    EXPECT_EQ(mapped.report.leaves, trace.leaves.size());
    const auto show = [&](const std::string& path) {
        std::string text;
        for (const Trace::Leaf& leaf : trace.leaves) {
            if (leaf.path != path) continue;
            text += leaf.reason;
            for (const Trace::Use& use : leaf.uses) {
                text += use.resource.substr(0, use.resource.find('/')) + " " + use.element;
                for (const Position& rule : use.rules) {
                    text += " " + fs::path(rule.file).filename().string() + ":" +
                            std::to_string(rule.line);
                }
                text += ";";
            }
        }
        return text;
    };
    EXPECT_EQ(show("PID-1.1"), "no rule");
    EXPECT_EQ(show("PID-3.1"), "Patient identifier.value PID.Patient.yaml:3 CX.Identifier.yaml:3;");
    EXPECT_EQ(show("PID-5.1"), "Patient name.family PID.Patient.yaml:4 XPN.HumanName.yaml:3;");
    EXPECT_EQ(show("PID-8.1"), "Patient gender PID.Patient.yaml:5;");
    EXPECT_EQ(show("PID-30.1"), "Patient active PID.Patient.yaml:6;");
    EXPECT_EQ(show("PID-31.1"), "Patient active PID.Patient.yaml:6;") << "it decided";
    // What is made in a reference is another resource, and its elements are counted from there.
    EXPECT_EQ(show("PD1-4.2"),
              "Practitioner name[n].family PID.Patient.yaml:7 XCN.Practitioner.yaml:8;");
    EXPECT_EQ(show("MSH-9.1"), " ;");
    const Trace::Leaf* number = nullptr;
    for (const Trace::Leaf& leaf : trace.leaves)
        if (leaf.path == "PID-3.1") number = &leaf;
    ASSERT_NE(number, nullptr);
    EXPECT_EQ(number->uses.at(0).resource,
              "Patient/" + mapped.changes.changes.at(0).provisional_id);
}

TEST(Trace, ChangesNothingAndGivesTheReasonsOfTheReport) {
    const auto program = Build(WithPid("  - {at: PID-7, to: birthDate}\n"));
    const hl7::Message message =
        Parse(std::string(kMsh) + "PID|1||7^^^MAIN^MR||||20261332\nZZZ|x\n");
    Trace trace;
    const Mapped mapped = program->MapTraced(message, TestContext(), &trace);
    EXPECT_EQ(ToJson(mapped.report), ToJson(program->Map(message, TestContext()).report));
    std::vector<std::string> lost;
    for (const Trace::Leaf& leaf : trace.leaves) {
        EXPECT_NE(leaf.reason.empty(), leaf.uses.empty()) << leaf.path;
        if (!leaf.reason.empty()) lost.push_back(leaf.path + ": " + leaf.reason);
    }
    std::vector<std::string> reported;
    for (const Unmapped& leaf : mapped.report.unmapped)
        reported.push_back(leaf.path + ": " + leaf.reason);
    EXPECT_EQ(lost, reported);
}

}  // namespace
}  // namespace carestream::mapping
