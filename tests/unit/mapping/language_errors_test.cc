// Goal: every mistake of an analyst is found at its line and column, with a proposal. Method: each
// row is one file put beside a small sound content; the errors must be exactly the expected ones.
#include "support.h"

namespace carestream::mapping {
namespace {

const Content::Files kSound = {
    {"messages/ADT_A01.yaml",
     "message: ADT_A01\n"
     "events: [ADT^A01]\n"
     "tree:\n"
     "  - MSH\n"
     "  - PID: {make: Patient#pat, with: PID.Patient}\n"
     "  - PV1: {make: Encounter#enc, with: PV1.Encounter, parent: pat, refs: {subject: pat}}\n"},
    {"segments/PID.Patient.yaml",
     "map: PID -> Patient\n"
     "rules:\n"
     "  - {at: PID-3, to: identifier, as: CX.Identifier}\n"
     "  - {at: PID-8, to: gender, code: AdministrativeSex}\n"},
    {"segments/PV1.Encounter.yaml",
     "map: PV1 -> Encounter\n"
     "rules:\n"
     "  - {const: unknown, to: status}\n"
     "  - {at: PV1-2, to: class, code: PatientClass}\n"},
    {"datatypes/CX.Identifier.yaml",
     "map: CX -> Identifier\n"
     "rules:\n"
     "  - {at: CX.1, to: value}\n"},
    {"tables/AdministrativeSex.yaml",
     "table: AdministrativeSex\nhl7: \"0001\"\ncodes: {F: female, M: male}\n"},
    {"tables/PatientClass.yaml", "table: PatientClass\ncodes: {I: IMP}\n"},
    {"identity/Patient.yaml", "identity: Patient\nkeys: [{identifier: any}]\n"},
};

class LanguageErrors : public testing::TestWithParam<Mistake> {};

TEST_P(LanguageErrors, AreFoundAtTheirPlace) {
    ExpectFound(kSound, GetParam());
}

std::string Rules(const std::string& rules) {
    return "map: PID -> Patient\nrules:\n  - {at: PID-3, to: identifier, as: CX.Identifier}\n" +
           rules;
}
std::string Pv1(const std::string& rules) {
    return "map: PV1 -> Encounter\nrules:\n  - {const: unknown, to: status}\n"
           "  - {at: PV1-2, to: class, code: PatientClass}\n" +
           rules;
}
std::string Tree(const std::string& tree) {
    return "message: ADT_A01\nevents: [ADT^A01]\ntree:\n" + tree;
}

constexpr const char* kPid = "segments/PID.Patient.yaml";
constexpr const char* kPv1 = "segments/PV1.Encounter.yaml";
constexpr const char* kMessage = "messages/ADT_A01.yaml";

INSTANTIATE_TEST_SUITE_P(
    Rules, LanguageErrors,
    testing::Values(
        Mistake{"unknown_key",
                kPid,
                Rules("  - {at: PID-7, too: birthDate}\n"),
                {"4:5: a rule needs a target",
                 "4:17: unknown key 'too' in a rule, did you mean 'to'?"}},
        Mistake{"unknown_segment",
                kPid,
                Rules("  - {at: PIX-7, to: birthDate}\n"),
                {"4:10: unknown segment 'PIX', did you mean"}},
        Mistake{
            "field_too_high", kPid, Rules("  - {at: PID-70, to: birthDate}\n"), {"4:10: PID has"}},
        Mistake{"assumed_list",
                kPid,
                Rules("  - {at: PID-5, to: name.family, assumed: true}\n"),
                {"4:43: `assumed` goes with a simple element of the resource itself"}},
        Mistake{"component_too_high",
                kPid,
                Rules("  - {at: PID-3.14, to: birthDate}\n"),
                {"4:18: PID-3 is of type CX, which has 12 components"}},
        Mistake{"component_of_simple",
                kPid,
                Rules("  - {at: PID-7.2, to: birthDate}\n"),
                {"4:17: PID-7 is of the simple type DTM, which has no component 2"}},
        Mistake{"bad_path",
                kPid,
                Rules("  - {at: PID-x, to: birthDate}\n"),
                {"4:14: expected a field number after '-'"}},
        Mistake{"unknown_element",
                kPid,
                Rules("  - {at: PID-7, to: birthdate}\n"),
                {"4:21: Patient has no element 'birthdate', did you mean 'birthDate'?"}},
        Mistake{"choice_without_type",
                kPid,
                Rules("  - {at: PID-29, to: deceased}\n"),
                {"4:22: Patient has no element 'deceased', write the type with it: 'deceased"}},
        Mistake{"wrong_choice_type",
                kPid,
                Rules("  - {at: PID-29, to: deceasedDate}\n"),
                {"4:22: Patient has no element 'deceasedDate'"}},
        Mistake{"part_of_simple",
                kPid,
                Rules("  - {at: PID-8, to: gender.code}\n"),
                {"4:28: 'code' is a simple type and has no element 'code'"}},
        Mistake{"complex_without_map",
                kPid,
                Rules("  - {at: PID-5, to: name}\n"),
                {"4:5: Patient.name is of type HumanName: it needs a map"}},
        Mistake{
            "map_of_other_type",
            kPid,
            Rules("  - {at: PID-3, to: name, as: CX.Identifier}\n"),
            {"4:31: Patient.name is of type HumanName, and map CX.Identifier gives Identifier"}},
        Mistake{"map_reads_other_type",
                kPid,
                Rules("  - {at: PID-5, to: identifier, as: CX.Identifier}\n"),
                {"4:37: the source is of type XPN, and map CX.Identifier reads CX"}},
        Mistake{"unknown_map",
                kPid,
                Rules("  - {at: PID-2, to: identifier, as: CX.Identifer}\n"),
                {"4:37: no data type map 'CX.Identifer', did you mean 'CX.Identifier'?"}},
        Mistake{"unknown_table",
                kPid,
                Rules("  - {at: PID-8, to: gender, code: AdministrativSex}\n"),
                {"4:35: no table 'AdministrativSex', did you mean 'AdministrativeSex'?"}},
        Mistake{"constant_not_in_value_set",
                kPid,
                Rules("  - {const: femal, to: gender}\n"),
                {"4:13: 'femal' is not among the codes that Patient.gender allows"}},
        Mistake{"constant_of_wrong_form",
                kPid,
                Rules("  - {const: yesterday, to: birthDate}\n"),
                {"4:13: 'yesterday' is not a date"}},
        Mistake{"default_not_in_value_set",
                kPid,
                Rules("  - {at: PID-8, to: gender, code: AdministrativeSex, default: none}\n"),
                {"4:63: 'none' is not among the codes"}},
        Mistake{"miss_without_code",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, miss: drop}\n"),
                {"4:38: 'miss' belongs to `code`"}},
        Mistake{"unknown_miss",
                kPid,
                Rules("  - {at: PID-8, to: gender, code: AdministrativeSex, miss: log}\n"),
                {"4:60: 'miss' can be: keep, drop, {set: code}"}},
        Mistake{"two_sources",
                kPid,
                Rules("  - {at: PID-7, const: 1990, to: birthDate}\n"),
                {"4:24: a rule has one source: 'at' or 'const', not both"}},
        Mistake{"no_source", kPid, Rules("  - {to: birthDate}\n"), {"4:5: a rule needs a source"}},
        Mistake{"two_targets",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, extension: x}\n"),
                {"4:5: a rule has one target"}},
        Mistake{"on_without_extension",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, on: name}\n"),
                {"4:36: 'on' belongs to `extension`"}},
        Mistake{"unknown_extension_type",
                kPid,
                Rules("  - {at: PID-6.1, extension: \"http://x\", type: strin}\n"),
                {"4:48: an extension has no value of type 'strin', did you mean 'string'?"}},
        Mistake{"named_entry_of_single",
                kPid,
                Rules("  - {at: PID-8, to: \"gender[a]\", code: AdministrativeSex}\n"),
                {"4:22: Patient.gender takes one value: it has no entries to name"}},
        Mistake{"numbered_entry",
                kPid,
                Rules("  - {at: PID-3.1, to: \"identifier[1].value\"}\n"),
                {"4:34: a list entry has a name in '[ ]'"}},
        Mistake{"two_writers",
                kPid,
                Rules("  - {at: PID-7, to: birthDate}\n  - {at: PID-29, to: birthDate}\n"),
                {"5:5: Patient.birthDate is also written by the rule of line 4"}},
        Mistake{"two_writers_of_choice",
                kPid,
                Rules("  - {at: PID-29, to: deceasedDateTime}\n"
                      "  - {at: PID-30, to: deceasedBoolean}\n"),
                {"5:5: Patient.deceasedBoolean is also written by the rule of line 4"}},
        Mistake{"data_type_name_of_other_value",
                kPid,
                Rules("  - {at: PID-3, to: identifier, as: CX.Identifier, rules: "
                      "[{const: usual, to: use, when: XPN.1 empty}]}\n"),
                {"4:90: the value here is of type CX, not XPN"}},
        Mistake{"value_outside_of_value",
                kPid,
                Rules("  - {at: CX.1, to: birthDate}\n"),
                {"4:10: 'CX' names a part of a value, but no value is being mapped here"}},
        Mistake{"rules_on_simple",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, rules: []}\n"),
                {"4:39: Patient.birthDate is of the simple type date and takes no `rules`"}},
        Mistake{"unknown_context",
                kPid,
                Rules("  - {at: context.chanel, to: language}\n"),
                {"4:18: the context has no 'chanel', did you mean 'channel'?"}},
        Mistake{"concat_of_texts",
                kPid,
                Rules("  - {concat: [\"a\", \"b\"], to: language}\n"),
                {"4:14: `concat` without a path: use `const`"}},
        Mistake{"add_without_amount",
                kPid,
                Rules("  - {add: {date: PID-7}, to: birthDate}\n"),
                {"4:11: `add` needs 'amount'"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Conditions, LanguageErrors,
    testing::Values(
        Mistake{"no_test",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: PID-8}\n"),
                {"4:43: expected valued, empty, null"}},
        Mistake{"one_equal_sign",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: PID-8 = F}\n"),
                {"4:44: '=' is written '=='"}},
        Mistake{"open_bracket",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: (PID-8 valued}\n"),
                {"4:51: expected ')' at the end"}},
        Mistake{"unknown_field_inside",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: PID-8 valued and PID-99 empty}\n"),
                {"4:55: PID has"}},
        Mistake{"word_for_path",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: sex == F}\n"),
                {"4:38: expected a path such as PID-7 or CX.4, found 'sex'"}},
        Mistake{"quote_open",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: \"PID-8 == 'F\"}\n"),
                {"4:48: the quote is not closed"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Switches, LanguageErrors,
    testing::Values(
        Mistake{"unreachable_case",
                kPv1,
                Pv1("  - switch: PV1-4\n    cases:\n      A: {const: a, to: language}\n"
                    "      \"B, A\": {const: b, to: language}\n"),
                {"8:7: unreachable case: 'A' is already in a case above"}},
        Mistake{"no_cases", kPv1, Pv1("  - switch: PV1-4\n"), {"5:5: a switch needs `cases`"}},
        Mistake{"else_writes_twice",
                kPv1,
                Pv1("  - switch: PV1-4\n    cases:\n      A: {const: a, to: language}\n"
                    "    else: {const: b, to: language}\n  - {const: c, to: language}\n"),
                {"9:5: Encounter.language is also written by the rule of line 7"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Files, LanguageErrors,
    testing::Values(
        Mistake{"yaml_syntax", kPid, "map: PID -> Patient\nrules: [\n", {"3:1: "}},
        Mistake{"no_head",
                kPid,
                "rules: []\n",
                {"1:1: a file in segments/ must start with 'map: name'"}},
        Mistake{"bad_map_name", kPid, "map: PID\nrules: []\n", {"1:6: a map is named"}},
        Mistake{"unknown_fhir_type",
                "datatypes/X.yaml",
                "map: CX -> Identifyer\nrules: []\n",
                {"1:6: unknown FHIR type 'Identifyer'"}},
        Mistake{"unknown_hl7_type",
                "datatypes/X.yaml",
                "map: CQQ -> Identifier\nrules: []\n",
                {"1:6: unknown HL7 data type 'CQQ'"}},
        Mistake{"twice",
                "datatypes/X.yaml",
                "map: CX -> Identifier\nrules: [{at: CX.1, to: value}]\n",
                {"1:6: 'CX -> Identifier' is already defined in datatypes/CX.Identifier.yaml"}},
        Mistake{"segment_in_data_type_map",
                "datatypes/X.yaml",
                "map: CWE -> Coding\nrules: [{at: PID-3, to: code}]\n",
                {"2:14: a data type map reads only its own value, not the segment PID"}},
        Mistake{"map_calls_itself",
                "datatypes/X.yaml",
                "map: CWE -> CodeableConcept\nrules:\n"
                "  - {extension: \"http://x\", at: CWE, type: CodeableConcept, as: "
                "CWE.CodeableConcept}\n",
                {"3:5: map CWE.CodeableConcept calls itself"}},
        Mistake{"table_without_codes",
                "tables/X.yaml",
                "table: X\n",
                {"1:8: the table has no `codes`"}},
        Mistake{"table_key",
                "tables/X.yaml",
                "table: X\nsytem: y\ncodes: {A: B}\n",
                {"2:1: unknown key 'sytem' in a table, did you mean 'system'?"}},
        Mistake{"identity_of_unknown_type",
                "identity/X.yaml",
                "identity: Patiens\nkeys: []\n",
                {"1:11: unknown resource type 'Patiens', did you mean 'Patient'?"}},
        Mistake{"identity_list",
                "identity/X.yaml",
                "identity: Practitioner\nkeys: [child]\nlists: {birthDate: snapshot}\n",
                {"3:9: 'birthDate' is no repeating element of Practitioner"}},
        Mistake{
            "identity_candidate",
            "identity/X.yaml",
            "identity: Practitioner\nkeys: [childs]\n",
            {"2:8: a candidate is {identifier: [types]}, child or local, did you mean 'child'?"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Repeats, LanguageErrors,
    testing::Values(
        Mistake{"word",
                "messages/ADT_A01.yaml",
                Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n"
                     "  - PV1[]: {make: Encounter, with: PV1.Encounter, parent: pat, repeats: "
                     "snapshots}\n"),
                {"5:73: 'repeats' can be: snapshot, correction, merge, did you mean 'snapshot'?"}},
        Mistake{"without_patient",
                "messages/ADT_A01.yaml",
                Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n"
                     "  - PV1[]: {make: Encounter, with: PV1.Encounter, repeats: snapshot}\n"),
                {"5:60: a snapshot is of a repeating segment"}},
        Mistake{"without_ended",
                "messages/ADT_A01.yaml",
                Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n"
                     "  - PV1[]: {make: Encounter, with: PV1.Encounter, parent: pat, repeats: "
                     "snapshot}\n"),
                {"5:73: a snapshot needs `ended` in the identity of Encounter"}},
        Mistake{"clear_of_no_list",
                "segments/PID.Patient.yaml",
                "map: PID -> Patient\nrules:\n  - {at: PID-3, to: identifier, as: CX.Identifier}\n"
                "  - {clear: birthDate, of: PID-7}\n",
                {"4:28: `of` is the field that gave the entries of a list"}},
        Mistake{"ended_by_a_value",
                "identity/Practitioner.yaml",
                "identity: Encounter\nkeys: [child]\nended: {at: PID-8, to: status}\n",
                {"3:13: a data type map reads only its own value"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Events, LanguageErrors,
    testing::Values(
        Mistake{"unknown",
                "messages/ADT_A01.yaml",
                "message: ADT_A01\nevents: [ADT^A01, ADT^A0X]\ntree:\n  - MSH\n",
                {"2:19: HL7 has no event 'ADT^A0X', did you mean 'ADT^A0"}},
        Mistake{"in_mode",
                "messages/ADT_A01.yaml",
                Tree("  - PID: {make: Patient, with: PID.Patient, mode: {A1: update}}\n"),
                {"4:52: HL7 has no event 'A1'"}},
        Mistake{"in_condition",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: \"event in [A01, A0X, Z01]\"}\n"),
                {"4:38: HL7 has no event 'A0X', did you mean 'A0"}},
        Mistake{"in_switch",
                kPid,
                Rules("  - switch: event\n    cases:\n      A0X: {at: PID-7, to: birthDate}\n"),
                {"6:7: HL7 has no event 'A0X'"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Messages, LanguageErrors,
    testing::Values(
        Mistake{
            "unknown_segment_in_tree", kMessage, Tree("  - PIX\n"), {"4:5: unknown segment 'PIX'"}},
        Mistake{"unknown_segment_map",
                kMessage,
                Tree("  - PID: {make: Patient, with: PID.Patien}\n"),
                {"4:32: no segment map 'PID.Patien', did you mean 'PID.Patient'?"}},
        Mistake{"map_of_other_segment",
                kMessage,
                Tree("  - PD1: {make: Patient, with: PID.Patient}\n"),
                {"4:32: map PID.Patient goes from PID to Patient; here is PD1 and Patient"}},
        Mistake{
            "unknown_name",
            kMessage,
            Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n"
                 "  - PV1: {make: Encounter, with: PV1.Encounter, refs: {subject: patt}}\n"),
            {"5:65: nothing is made under the name 'patt' in this message, did you mean 'pat'?"}},
        Mistake{"reference_to_wrong_type",
                kMessage,
                Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n"
                     "  - PV1: {make: Encounter, with: PV1.Encounter, refs: {partOf: pat}}\n"),
                {"5:56: Encounter.partOf may not refer to a resource of type Patient"}},
        Mistake{"reference_to_no_reference",
                kMessage,
                Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n"
                     "  - PV1: {make: Encounter, with: PV1.Encounter, refs: {status: pat}}\n"),
                {"5:56: Encounter.status is of type code, not Reference"}},
        Mistake{
            "required_never_written",
            kMessage,
            Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n"
                 "  - AL1: {make: AllergyIntolerance, rules: [{at: AL1-3.2, to: code.text}]}\n"),
            {"5:17: AllergyIntolerance.patient is required and no rule writes it"}},
        Mistake{"bad_event",
                kMessage,
                "message: ADT_A01\nevents: [A01]\ntree: []\n",
                {"2:10: an event is written ADT^A01"}},
        Mistake{"event_twice",
                "messages/X.yaml",
                "message: X\nevents: [ADT^A01]\ntree: []\n",
                {"2:10: ADT^A01 already belongs to message ADT_A01"}},
        Mistake{"make_and_into",
                kMessage,
                Tree("  - PID: {make: Patient#p, into: p}\n"),
                {"4:10: a statement has either `make` or `into`"}},
        Mistake{"unknown_mode",
                kMessage,
                Tree("  - PID: {make: Patient, with: PID.Patient, mode: {A08: updat}}\n"),
                {"4:57: a mode can be: upsert, find, update, delete, did you mean 'update'?"}},
        Mistake{"link_of_encounter",
                kMessage,
                Tree("  - PID: {make: Patient#p, with: PID.Patient}\n"
                     "  - PV1:\n      - {make: Encounter#e, with: PV1.Encounter}\n"
                     "      - link: {survivor: p, loser: e}\n"),
                {"7:36: 'e' is no Patient"}},
        Mistake{"group_without_list",
                kMessage,
                Tree("  - ORDER[]: {make: Patient}\n"),
                {"4:5: group 'ORDER' needs a list"}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Analysts, LanguageErrors,
    testing::Values(
        Mistake{"extension_without_url",
                kPid,
                Rules("  - {extension: [a], at: PID-7, type: date}\n"),
                {"4:17: `extension` is a URL"}},
        Mistake{"extension_of_unknown_type",
                kPid,
                Rules("  - {extension: \"http://x\", at: PID-7, type: dat}\n"),
                {"4:46: an extension has no value of type 'dat', did you mean 'date'?"}},
        Mistake{"type_without_extension",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, type: date}\n"),
                {"4:38: 'type' belongs to `extension`"}},
        Mistake{"target_is_a_list",
                kPid,
                Rules("  - {at: PID-7, to: [birthDate]}\n"),
                {"4:21: a target is a path such as period.start"}},
        Mistake{"null_of_another_kind",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, null: keep}\n"),
                {"4:38: 'null' can be: clear, ignore"}},
        Mistake{"null_ignored_twice",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, null: ignore, null: clear}\n"),
                {"4:46: key 'null' appears twice in this map"}},
        Mistake{"miss_unknown",
                kPid,
                Rules("  - {at: PID-8, to: gender, code: AdministrativeSex, miss: kep}\n"),
                {"4:60: 'miss' can be: keep, drop, {set: code}"}},
        Mistake{"miss_set_outside_value_set",
                kPid,
                Rules("  - {at: PID-8, to: gender, code: AdministrativeSex, miss: {set: femal}}\n"),
                {"4:66: 'femal' is not among the codes that Patient.gender allows "
                 "(http://hl7.org/fhir/ValueSet/administrative-gender)"}},
        Mistake{"default_not_a_date",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, default: soon}\n"),
                {"4:41: 'soon' is not a date"}},
        Mistake{
            "assumed_of_a_list",
            kPid,
            Rules("  - {at: PID-5, to: name, assumed: true, rules: [{at: XPN.1, to: family}]}\n"),
            {"4:36: `assumed` goes with a simple element of the resource itself that takes one "
             "value, like status"}},
        Mistake{"assumed_is_no_flag",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, assumed: maybe}\n"),
                {"4:41: 'assumed' must be true or false"}},
        Mistake{"clear_of_a_part",
                kPid,
                Rules("  - {clear: name.family}\n"),
                {"4:13: `clear` takes no part of a list's entries: clear the list, with `of` what "
                 "one field gave"}},
        Mistake{"clear_unknown",
                kPid,
                Rules("  - {clear: birthDat}\n"),
                {"4:13: Patient has no element 'birthDat', did you mean 'birthDate'?"}},
        Mistake{"add_unknown_key",
                kPid,
                Rules("  - {add: {date: PID-7, amont: PID-8}, to: birthDate}\n"),
                {"4:25: unknown key 'amont' in add, did you mean 'amount'?"}},
        Mistake{"event_of_a_case_unknown",
                kPid,
                Rules("  - switch: event\n    cases:\n      A99: {const: female, to: gender}\n"),
                {"6:7: HL7 has no event 'A99', did you mean 'A19'?"}},
        Mistake{"ref_in_a_segment_map",
                kPid,
                Rules("  - {ref: pat, to: generalPractitioner}\n"),
                {"4:11: `ref` belongs to the rules of a message: only there resources have names"}},
        Mistake{"ref_with_other_keys",
                kMessage,
                Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n  - PV1:\n      make: "
                     "Encounter#enc\n      with: PV1.Encounter\n      rules: [{ref: pat, to: "
                     "subject, default: x}]\n"),
                {"8:39: unknown key 'default' in a rule with `ref`"}},
        Mistake{"snapshot_elsewhere",
                kMessage,
                Tree("  - PID: {make: Patient#pat, with: PID.Patient, repeats: snapshot}\n"),
                {"4:58: a snapshot is of a repeating segment that makes resources, and its "
                 "`parent` is the patient"}},
        Mistake{"repeats_unknown",
                kMessage,
                Tree("  - PID: {make: Patient#pat, with: PID.Patient, repeats: snapshots}\n"),
                {"4:58: 'repeats' can be: snapshot, correction, merge, did you mean 'snapshot'?"}},
        Mistake{
            "fold_without_same",
            kMessage,
            Tree("  - PID: {make: Patient#pat, with: PID.Patient, fold: {when: PID-3 valued}}\n"),
            {"4:55: `fold` needs `same`, the paths that must agree"}},
        Mistake{
            "move_of_nobody",
            kMessage,
            Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n  - PV1:\n      - {make: "
                 "Encounter#enc, with: PV1.Encounter}\n      - move: {visit: pat, patient: enc}\n"),
            {"7:23: 'pat' is no Encounter", "7:37: 'enc' is no Patient"}},
        Mistake{"parent_unknown",
                kMessage,
                Tree("  - PID: {make: Patient#pat, with: PID.Patient}\n  - PV1: {make: "
                     "Encounter#enc, with: PV1.Encounter, parent: pt}\n"),
                {"5:61: nothing is made under the name 'pt' in this message, did you mean 'pat'?"}},
        Mistake{"with_unknown",
                kMessage,
                Tree("  - PID: {make: Patient#pat, with: PID.Patien}\n"),
                {"4:36: no segment map 'PID.Patien', did you mean 'PID.Patient'?"}},
        Mistake{"name_of_two_types",
                kMessage,
                Tree("  - PID: {make: Patient#x, with: PID.Patient}\n  - PV1: {make: Encounter#x, "
                     "with: PV1.Encounter}\n"),
                {"5:17: 'x' is already the name of a Patient"}},
        Mistake{"reserved_name",
                kMessage,
                Tree("  - PID: {make: Patient#self, with: PID.Patient}\n"),
                {"4:17: 'self' has a meaning of its own"}},
        Mistake{"identity_key_unknown",
                "identity/Patient.yaml",
                "identity: Patient\nkeys: [{identifer: any}]\n",
                {"2:9: unknown key 'identifer' in a candidate, did you mean 'identifier'?"}},
        Mistake{"identity_without",
                "identity/Patient.yaml",
                "identity: Patient\nkeys: [{identifier: any}]\nwithout: refus\n",
                {"3:10: 'without' can be: refuse, contained, skip, did you mean 'refuse'?"}},
        Mistake{"identity_list_unknown",
                "identity/Patient.yaml",
                "identity: Patient\nkeys: [{identifier: any}]\nlists: {nam: snapshot}\n",
                {"3:9: Patient has no element 'nam', did you mean 'name'?"}},
        Mistake{"identity_of_no_type",
                "identity/Patent.yaml",
                "identity: Patent\nkeys: [{identifier: any}]\n",
                {"1:11: unknown resource type 'Patent', did you mean 'Patient'?"}},
        Mistake{"table_code_of_a_list",
                "tables/PatientClass.yaml",
                "table: PatientClass\ncodes: {I: [IMP]}\n",
                {"2:12: a code must be a map of keys and values"}},
        Mistake{"table_entry_unknown_key",
                "tables/PatientClass.yaml",
                "table: PatientClass\ncodes: {I: {cod: IMP}}\n",
                {"2:13: unknown key 'cod' in a code, did you mean 'code'?"}},
        Mistake{"include_unknown",
                kMessage,
                Tree("  - include: persn\n"),
                {"4:14: no group 'persn' in groups/"}},
        Mistake{"constant_not_in_table",
                kPid,
                Rules("  - {const: X, to: maritalStatus, code: AdministrativeSex}\n"),
                {"4:13: table AdministrativeSex has no code 'X'"}},
        Mistake{"constants_alone",
                kPid,
                Rules("  - at: PID-13\n    to: telecom\n"
                      "    rules: [{const: phone, to: system}]\n"),
                {"6:12: an entry of constants alone is not written"}},
        Mistake{
            "condition_without_operator",
            kPid,
            Rules("  - {at: PID-7, to: birthDate, when: PID-7 PID-8}\n"),
            {"4:44: expected valued, empty, null, ==, !=, in, not in or before, found 'PID-8'"}},
        Mistake{"condition_unbalanced",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: (PID-7 valued}\n"),
                {"4:51: expected ')' at the end"}},
        Mistake{"condition_count_without_number",
                kPid,
                Rules("  - {at: PID-7, to: birthDate, when: count(PID-3) > x}\n"),
                {"4:53: expected a number"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(LanguageErrors, AGroupMayNotIncludeItself) {
    Content::Files files = kSound;
    files["groups/loop.yaml"] = "group: loop\ntree:\n  - include: loop\n";
    files[kMessage] = Tree("  - include: loop\n");
    const auto compiled = Content(files).Compile();
    ASSERT_EQ(compiled.errors.size(), 1u) << Lines(compiled.errors);
    EXPECT_EQ(compiled.errors[0].ToString(), "groups/loop.yaml:3:14: group 'loop' includes itself");
    files["groups/loop.yaml"] = "group: loop\ntree: x\n";
    EXPECT_EQ(Lines(Content(files).Compile().errors),
              "messages/ADT_A01.yaml:4:14: group 'loop' needs `tree`, a list\n");
}

TEST(LanguageErrors, AllAreCollectedInFileOrder) {
    Content::Files files = kSound;
    files[kPid] = Rules("  - {at: PID-70, to: birthDate}\n  - {at: PID-8, to: gendre}\n");
    files["tables/X.yaml"] = "table: X\ncods: {}\n";
    const auto compiled = Content(files).Compile();
    ASSERT_EQ(compiled.errors.size(), 4u) << Lines(compiled.errors);
    EXPECT_EQ(compiled.errors[0].position.line, 4);
    EXPECT_EQ(compiled.errors[1].position.line, 5);
    EXPECT_EQ(compiled.errors[2].position.file, "tables/X.yaml");
}

TEST(LanguageErrors, SoundContentHasNone) {
    const auto compiled = Content(kSound).Compile();
    EXPECT_TRUE(compiled.errors.empty()) << Lines(compiled.errors);
    ASSERT_NE(compiled.program, nullptr);
    EXPECT_TRUE(compiled.program->Covers("ADT", "A01"));
    EXPECT_EQ(compiled.program->Events(), std::vector<std::string>{"ADT^A01"});
}

}  // namespace
}  // namespace carestream::mapping
