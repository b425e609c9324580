// Goal: every mistake in an outbound map is found at its line and column, with a proposal.
#include "support.h"

namespace carestream::mapping {
namespace {

const Content::Files kSound = {
    {"messages/ADT_A01.yaml", "message: ADT_A01\nevents: [ADT^A01]\ntree: [MSH]\n"},
    {"tables/AdministrativeSex.yaml",
     "table: AdministrativeSex\nhl7: \"0001\"\ncodes: {F: female, W: female, M: male}\n"},
    {"outbound/datatypes/Identifier.CX.yaml",
     "map: Identifier -> CX\nrules:\n  - {at: value, to: CX.1}\n"
     "  - {at: system, to: CX.4, as: authority}\n"},
    {"outbound/segments/Patient.PID.yaml",
     "map: Patient -> PID\nrules:\n  - {at: identifier, to: PID-3, as: Identifier.CX}\n"
     "  - {at: gender, to: PID-8, code: AdministrativeSex}\n"},
    {"outbound/messages/Patient.ADT_A05.yaml",
     "message: Patient -> ADT_A05\nevents: [ADT^A31]\ntree:\n  - PID: {with: Patient.PID}\n"},
};

class OutboundErrors : public testing::TestWithParam<Mistake> {};

TEST_P(OutboundErrors, AreFoundAtTheirPlace) {
    ExpectFound(kSound, GetParam());
}

constexpr const char* kPid = "outbound/segments/Patient.PID.yaml";
constexpr const char* kCx = "outbound/datatypes/Identifier.CX.yaml";
constexpr const char* kMessage = "outbound/messages/Patient.ADT_A05.yaml";

Mistake Rule(const char* name, const std::string& rule, std::vector<std::string> errors) {
    return {name, kPid, "map: Patient -> PID\nrules:\n  - " + rule + "\n", std::move(errors)};
}
Mistake Tree(const char* name, const std::string& tree, std::vector<std::string> errors) {
    return {name, kMessage,
            "message: Patient -> ADT_A05\nevents: [ADT^A31]\ntree:\n  - " + tree + "\n",
            std::move(errors)};
}

INSTANTIATE_TEST_SUITE_P(
    Outbound, OutboundErrors,
    testing::Values(
        Rule("element", "{at: gendr, to: PID-8}",
             {"3:10: Patient has no element 'gendr', did you mean 'gender'?"}),
        Rule("inner_element", "{at: name.where(us = 'x').family, to: PID-5.1}",
             {"3:21: HumanName has no element 'us', did you mean 'use'?"}),
        Rule("syntax", "{at: 'name.where(', to: PID-5.1}", {"3:22: "}),
        Rule("field", "{at: birthDate, to: PID-70}", {"3:25: PID has"}),
        Rule("other_segment", "{at: birthDate, to: PV1-44}", {"3:25: 'PV1-44' is no place in PID"}),
        Rule("repetition", "{at: birthDate, to: 'PID-3[2].1'}",
             {"3:25: 'PID-3[2].1' is no place in PID"}),
        Rule("no_target", "{at: birthDate}", {"3:5: a rule needs a target"}),
        Rule("two_sources", "{at: birthDate, const: x, to: PID-7}",
             {"3:5: a rule has one source: at or const"}),
        Rule("key", "{at: birthDate, to: PID-7, requird: true}",
             {"3:32: unknown key 'requird' in a rule, did you mean 'required'?"}),
        Rule("complex_to_leaf", "{at: name, to: PID-5}",
             {"3:5: what stands here is of type HumanName: it needs a map"}),
        Rule("no_map", "{at: identifier, to: PID-3, as: Identifier.CXX}",
             {"3:37: no outbound map 'Identifier.CXX', did you mean 'Identifier.CX'?"}),
        Rule("wrong_map", "{at: name, to: PID-5, as: Identifier.CX}",
             {"3:31: map Identifier.CX reads Identifier, and here stands HumanName"}),
        Rule("map_and_code",
             "{at: identifier, to: PID-3, as: Identifier.CX, code: AdministrativeSex}",
             {"3:58: a rule has either `as` or `code`"}),
        Rule("no_table", "{at: gender, to: PID-8, code: AdministrativeSx}",
             {"3:35: no table 'AdministrativeSx', did you mean 'AdministrativeSex'?"}),
        Rule("miss", "{at: gender, to: PID-8, code: AdministrativeSex, miss: kep}",
             {"3:60: 'miss' can be: keep, drop, {set: code}"}),
        Rule("miss_alone", "{at: gender, to: PID-8, miss: keep}",
             {"3:35: 'miss' belongs to `code`"}),
        Rule("variable", "{at: '%evnt', to: PID-8}",
             {"3:12: no variable '%evnt', did you mean 'event'?"}),
        Rule("two_levels", "{at: identifier, to: PID-3.4, as: Identifier.CX}",
             {"3:5: map Identifier.CX fills parts of components, and PID-3.4 has one level only"}),
        Mistake{"map_type",
                kPid,
                "map: Patent -> PID\nrules: [{const: x, to: PID-8}]\n",
                {"1:6: unknown FHIR type 'Patent', did you mean 'Patient'?"}},
        Mistake{"map_name",
                kPid,
                "map: Patient\nrules: [{const: x, to: PID-8}]\n",
                {"1:6: an outbound map is named 'Patient -> PID'"}},
        Mistake{"itself",
                kCx,
                "map: Identifier -> CX\nrules:\n  - {at: $this, to: ., as: Identifier.CX}\n",
                {"3:5: map Identifier.CX would fill itself"}},
        Tree("segment", "PIX: {with: Patient.PID}", {"4:10: unknown segment 'PIX'"}),
        Tree("not_in_structure", "OBR: {rules: [{const: x, to: OBR-1}]}",
             {"4:10: segment OBR is no part of ADT_A05"}),
        Tree("other_map", "PV1: {with: Patient.PID}",
             {"4:17: map Patient.PID fills PID, and this segment is PV1"}),
        Tree("not_its_type", "PID: {for: contact, with: Patient.PID}",
             {"4:31: map Patient.PID reads Patient, and here stands Patient.contact"}),
        Tree("node_key", "PID: {wth: Patient.PID}",
             {"4:11: unknown key 'wth' in a segment, did you mean 'with'?"}),
        Tree("group", "PATIENT: {for: contact}", {"4:14: group 'PATIENT' needs `tree`"}),
        Mistake{"structure",
                kMessage,
                "message: Patient -> ADT_A99\nevents: [ADT^A31]\ntree: []\n",
                {"1:10: unknown message structure 'ADT_A99'"}},
        Mistake{
            "event",
            kMessage,
            "message: Patient -> ADT_A05\nevents: [A31, ADT^A0X, ADT^A31, ADT^A31]\ntree: []\n",
            {"2:10: an event is written SIU^S12", "2:15: ", "2:33: ADT^A31 of Patient already"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Outbound, SoundContentRenders) {
    const auto program = Build(kSound);
    EXPECT_EQ(program->OutboundEvents("Patient"), std::vector<std::string>{"ADT^A31"});
    EXPECT_TRUE(program->OutboundEvents("Observation").empty());
    const fhir::Node patient = fhir::ParseJson(R"({"resourceType": "Patient", "gender": "female",
        "identifier": [{"value": "1", "system": "urn:oid:1.2"}, {"value": "2"}]})")
                                   .value();
    RenderRequest request;
    request.event = "ADT^A31";
    request.focus = &patient;
    request.control_id = "C1";
    const auto rendered = program->Render(request, {});
    ASSERT_TRUE(rendered) << rendered.error().ToString();
    // Of two codes that mean the same the first of the file goes back.
    EXPECT_TRUE(rendered->bytes.ends_with("PID|||1^^^&1.2&ISO~2|||||F\r")) << rendered->bytes;
    EXPECT_EQ(program->Render(request, {})->bytes, rendered->bytes);
    request.event = "ADT^A28";
    EXPECT_EQ(program->Render(request, {}).error().code, Code::kUnsupported);
}

// A site's own code goes back before those of the base.
TEST(Outbound, TheCodesOfOverlaysGoFirst) {
    Content::Files files = kSound;
    files["overlays/site/tables/AdministrativeSex.yaml"] =
        "extends: AdministrativeSex\ncodes: {V: female}\n";
    files["overlays/site/outbound/segments/Patient.PID.yaml"] =
        "extends: Patient -> PID\nremove: [PID-3]\nrules:\n  - {after: PID-8, at: active, to: "
        "ZZZ-1}\n";
    const auto broken = Content(files).Compile({"site"});
    ASSERT_EQ(broken.errors.size(), 1u) << Lines(broken.errors);
    files["overlays/site/outbound/segments/Patient.PID.yaml"] =
        "extends: Patient -> PID\nremove: [PID-3]\n";
    const auto program = Build(files, {"site"});
    const fhir::Node patient =
        fhir::ParseJson(R"({"resourceType": "Patient", "gender": "female"})").value();
    RenderRequest request;
    request.event = "ADT^A31";
    request.focus = &patient;
    EXPECT_TRUE(program->Render(request, {})->bytes.ends_with("PID||||||||V\r"));
}

TEST(Destination, SaysWhatIsWrong) {
    Destination destination;
    EXPECT_TRUE(SetMember(destination, "version", "2.3"));
    EXPECT_TRUE(SetMember(destination, "write_offset", "false"));
    EXPECT_FALSE(destination.write_offset);
    EXPECT_EQ(SetMember(destination, "versoin", "2.3").error().message,
              "a destination has no 'versoin', did you mean 'version'?");
    EXPECT_FALSE(SetMember(destination, "write_offset", "no"));
    EXPECT_TRUE(CheckDestination(destination));
    destination.charset = "klingon";
    EXPECT_EQ(CheckDestination(destination).error().path, "charset");
    destination.charset = "8859/1";
    destination.time_zone = "Mars/Base";
    EXPECT_EQ(CheckDestination(destination).error().path, "time_zone");
    destination.time_zone = "UTC";
    destination.lengths = {{"PID", 3}};
    EXPECT_EQ(CheckDestination(destination).error().path, "lengths");
}

}  // namespace
}  // namespace carestream::mapping
