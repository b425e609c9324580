// Goal: a site adds segments, events and code tables of its own without touching a base file, and
// learns where a change of the base breaks its overlay.
#include "support.h"

namespace carestream::mapping {
namespace {

constexpr const char* kMsh = "MSH|^~\\&|LAB|MAIN|CS|X|20260102030405||ADT^A01|C1|P|2.5.1\n";

Content::Files Base() {
    return {
        {"messages/ADT_A01.yaml",
         "message: ADT_A01\nevents: [ADT^A01]\ntree:\n  - MSH\n"
         "  - PID: {make: Patient#pat, with: PID.Patient}\n"
         "  - VISIT[]:\n      - PV1\n      - OBX[]\n  - LATER:\n      - OBX[]\n"},
        {"segments/PID.Patient.yaml",
         "map: PID -> Patient\nrules:\n  - {at: PID-3, to: identifier, as: CX.Identifier}\n"
         "  - {at: PID-8, to: gender, code: Sex}\n"},
        {"datatypes/CX.Identifier.yaml", "map: CX -> Identifier\nrules: [{at: CX.1, to: value}]\n"},
        {"tables/Sex.yaml", "table: Sex\ncodes: {F: female}\n"},
        {"identity/Patient.yaml", "identity: Patient\nkeys: [{identifier: any}]\n"}};
}

Content::Files With(const std::string& name, const std::string& text) {
    Content::Files files = Base();
    files["overlays/site/" + name] = text;
    return files;
}

TEST(Overlay, AddsAZSegmentToTheTree) {
    Content::Files files = With("messages/ADT_A01.yaml",
                                "extends: ADT_A01\nevents: [ADT^Z01]\ntree:\n"
                                "  - {after: PID, ZPI: {into: pat, with: ZPI.Patient}}\n"
                                "  - {before: VISIT, 'ZAL[]': {into: pat, with: ZAL.Patient}}\n");
    files["overlays/site/segments/ZPI.Patient.yaml"] =
        "map: ZPI -> Patient\nrules: [{at: ZPI-1, to: birthDate}]\n";
    files["overlays/site/segments/ZAL.Patient.yaml"] =
        "map: ZAL -> Patient\nrules: [{at: ZAL-1, to: name.family}]\n";
    const auto program = Build(files, {"site"});
    EXPECT_TRUE(program->Covers("ADT", "Z01"));
    const Mapped mapped = program->Map(
        Parse(std::string(kMsh) + "PID|||1\nZPI|1980\nZAL|Roe\nPV1|1\n"), TestContext());
    const std::string json = Json(mapped, "Patient");
    EXPECT_NE(json.find(R"("birthDate":"1980")"), std::string::npos) << json;
    EXPECT_NE(json.find(R"("name":[{"family":"Roe"}])"), std::string::npos) << json;
    // Without the overlay the base is as it was.
    EXPECT_FALSE(Build(files)->Covers("ADT", "Z01"));
}

TEST(Overlay, ReplacesAndRemovesPlacesOfTheTree) {
    Content::Files files =
        With("messages/ADT_A01.yaml",
             "extends: ADT_A01\nremove: [PID]\ntree:\n"
             "  - {replace: VISIT.OBX, 'OBX[]': {make: Patient, with: OBX.Patient}}\n");
    files["overlays/site/segments/OBX.Patient.yaml"] =
        "map: OBX -> Patient\nrules: [{at: OBX-3.1, to: \"identifier[one].value\"}]\n";
    const Mapped mapped =
        Build(files, {"site"})
            ->Map(Parse(std::string(kMsh) + "PID|||1\nPV1|1\nOBX|1||7\n"), TestContext());
    const std::string json = Json(mapped, "Patient");
    EXPECT_NE(json.find(R"("identifier":[{"value":"7"}])"), std::string::npos) << json;
    EXPECT_EQ(ReasonOf(mapped, "PID-3.1"), "no rule");
}

TEST(Overlay, SaysWhereItsAnchorsAreGone) {
    const auto errors = [](const std::string& tree) {
        return Lines(Content(With("messages/ADT_A01.yaml", "extends: ADT_A01\ntree:\n" + tree))
                         .Compile({"site"})
                         .errors);
    };
    const std::string file = "overlays/site/messages/ADT_A01.yaml:";
    EXPECT_EQ(errors("  - {after: PIX, ZPI: {into: pat, with: PID.Patient}}\n"),
              file + "3:13: the tree has no 'PIX', did you mean 'PID'?\n");
    EXPECT_EQ(errors("  - {after: OBX, 'ZPI[]': }\n"),
              file + "3:13: the tree has 'OBX' more than once: write GROUP.OBX\n");
    EXPECT_EQ(errors("  - {ZPI: }\n"),
              file +
                  "3:5: a change of a tree is one segment or group and its place: `- {after: "
                  "PID, ZPI: {...}}`\n");
}

TEST(Overlay, TakesCodeTablesAsSpreadsheetsSaveThem) {
    const auto gender = [](const std::string& csv, const std::string& code) {
        const auto program = Build(With("tables/Sex.csv", csv), {"site"});
        return Json(
            program->Map(Parse(std::string(kMsh) + "PID|||1|||||" + code + "\n"), TestContext()),
            "Patient");
    };
    const std::string csv =
        "\xEF\xBB\xBF"
        "Code,Target,System,Display\r\nW,female,,\r\n\r\n"
        "\"x, \"\"y\"\"\",male\r\nF,\r\n";
    EXPECT_NE(gender(csv, "W").find(R"("gender":"female")"), std::string::npos);
    EXPECT_NE(gender(csv, "x, \"y\"").find(R"("gender":"male")"), std::string::npos);
    EXPECT_EQ(gender(csv, "F").find("gender"), std::string::npos) << "no counterpart now";
}

TEST(Overlay, SaysWhatIsWrongInACsvTable) {
    const auto errors = [](const std::string& csv) {
        return Lines(Content(With("tables/Sex.csv", csv)).Compile({"site"}).errors);
    };
    const std::string file = "overlays/site/tables/Sex.csv:";
    EXPECT_EQ(errors("W,female\n"),
              file + "1:1: the first line names the columns: code,target,system,display\n");
    EXPECT_EQ(errors("code,target\nW,female\n\"V,female\n"),
              file + "3:1: a quote that is not closed on its line\n");
    EXPECT_EQ(errors("code,target\nW,female,x\n"), file + "2:1: more cells than columns\n");
    EXPECT_EQ(errors("code,target\n,female\n"), file + "2:1: the code is empty\n");
    // What the element does not allow is found in the rule that uses the table.
    EXPECT_NE(errors("code,target\nW,femal\n").find("which Patient.gender does not allow"),
              std::string::npos);
}

}  // namespace
}  // namespace carestream::mapping
