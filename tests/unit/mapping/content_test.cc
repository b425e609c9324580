// Goal: the shipped content compiles, its own tests hold, and whatever hospitals send, the output
// is valid, complete and the same on every run. Method: the corpus, read in place.
#include <algorithm>
#include <map>
#include <sstream>
#include <thread>

#include "hl7/batch.h"
#include "mapping/test_runner.h"
#include "support.h"

namespace carestream::mapping {
namespace {

fs::path Corpus() {
    const char* shared = std::getenv("CARESTREAM_SHARED");
    const fs::path root =
        shared != nullptr ? fs::path(shared) : fs::path(CARESTREAM_SOURCE_DIR) / "../shared";
    return root / "corpus/hl7v2";
}

std::vector<fs::path> Files(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".hl7") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string ReadFile(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

std::string FailureLines(const std::vector<TestCase>& cases) {
    std::string text;
    for (const TestCase& test : cases) {
        for (const TestFailure& failure : test.failures) text += failure.error.ToString() + "\n";
    }
    return text;
}

std::string Written(const Mapped& mapped) {
    std::string text = mapped.path + mapped.reason + ToJson(mapped.report);
    for (const fhir::Change& change : mapped.changes.changes) {
        text += fhir::ToJson(change.resource);
        for (const fhir::IdentityKey& key : change.keys) text += key.system + "|" + key.value;
    }
    return text;
}

TEST(Content, ItsOwnTestsHold) {
    const auto cases = RunTests(Shipped(), fs::path(CARESTREAM_SOURCE_DIR) / "mappings/tests");
    EXPECT_EQ(FailureLines(cases), "");
    EXPECT_GT(cases.size(), 10u);
}

TEST(Content, AMissingIdentityIsReportedWhereItBelongs) {
    const Mapped mapped = Shipped().Map(
        Parse("MSH|^~\\&|A|B|C|D|20260102||ADT^A08^ADT_A01|1|P|2.5.1\nPID|1||^^^MAIN^MR||Roe"),
        TestContext());
    EXPECT_EQ(mapped.status, MapStatus::kUnusable);
    EXPECT_EQ(mapped.path, "PID-3");
}

TEST(Content, AllergiesOfAMessageAreASnapshotAndNoneEndNone) {
    const std::string start =
        "MSH|^~\\&|A|B|C|D|20260102||ADT^A08^ADT_A01|1|P|2.5.1\nPID|1||7^^^MAIN^MR";
    const Mapped none = Shipped().Map(Parse(start), TestContext());
    EXPECT_TRUE(none.changes.snapshots.empty());
    const Mapped two = Shipped().Map(
        Parse(start + "\nAL1|1|DA|P^Penicillin^L\nAL1|2|FA|N^Nuts^L\nAL1|3|FA|P^Penicillin^L"),
        TestContext());
    ASSERT_EQ(two.changes.snapshots.size(), 1u);
    const fhir::Snapshot& snapshot = two.changes.snapshots[0];
    EXPECT_EQ(snapshot.type, "AllergyIntolerance");
    EXPECT_EQ(two.changes.changes[snapshot.owner].type, "Patient");
    ASSERT_EQ(snapshot.entries.size(), 3u);
    for (const std::size_t entry : snapshot.entries) {
        EXPECT_EQ(two.changes.changes[entry].type, "AllergyIntolerance");
    }
    EXPECT_EQ(fhir::ToJson(snapshot.ended),
              R"({"clinicalStatus":{"coding":[{"code":"inactive","system":)"
              R"("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"}]}})");
}

// Table 0125, the types that it had in earlier versions too: a value with all of its components, or
// a reason for each that is not there.
TEST(Content, EveryValueTypeGivesItsValueOrAReason) {
    struct Row {
        const char* type;
        const char* value;
        const char* json;
    };
    const Row rows[] = {
        {"AD", "1 Main St^Apt 2^Town^NH^03801",
         R"("valueString":"1 Main St, Apt 2, Town, NH, 03801")"},
        {"CD", "1&A^^3", R"("valueString":"1&A^^3")"},
        {"CE", "A^Alpha^L", R"("valueCodeableConcept")"},
        {"CF", "A^Alpha^L", R"("valueCodeableConcept")"},
        {"CK", "7^1^M10^MAIN", R"("valueString":"7 1 M10 MAIN")"},
        {"CN", "7^Okafor^Chidi", R"("valueString":"Chidi Okafor 7")"},
        {"CNE", "A^Alpha^L", R"("valueCodeableConcept")"},
        {"CP", "12.50&USD^UP", R"("valueString":"12.50 USD UP")"},
        {"CQ", "3^mg&&UCUM", R"("valueQuantity":{"value":3)"},
        {"CQ", "many^mg", R"("valueString":"many^mg")"},
        {"CWE", "A^Alpha^L", R"("valueCodeableConcept")"},
        {"CX", "7^^^MAIN^MR", R"("valueString":"7 MR MAIN")"},
        {"DR", "20260101^20260102", R"("valuePeriod":{"start":"2026-01-01","end":"2026-01-02"})"},
        {"DT", "20260101", R"("valueDateTime":"2026-01-01")"},
        {"DTM", "20260101", R"("valueDateTime":"2026-01-01")"},
        {"ED", "LAB^application^pdf^Base64^JVBERi0xLjQK", R"("valueAttachment")"},
        {"ED", "LAB^application^pdf^Base64^****", ""},
        {"EI", "7^MAIN^1.2.3^ISO", R"("valueString":"7 MAIN 1.2.3 ISO")"},
        {"FT", "one~two", R"("valueString":"one\ntwo")"},
        {"HD", "MAIN^1.2.3^ISO", R"("valueString":"MAIN 1.2.3 ISO")"},
        {"ID", "A", R"("valueCodeableConcept")"},
        {"IS", "A", R"("valueCodeableConcept")"},
        {"MA", "1^2^3~4^5^6", R"("valueString":"1^2^3\n4^5^6")"},
        {"MO", "12.50^USD", R"("valueString":"12.50 USD")"},
        {"NA", "1^^3", R"("valueString":"1^^3")"},
        {"NM", "5", R"("valueQuantity":{"value":5)"},
        {"NR", "1^2", R"("valueRange":{"low":{"value":1},"high":{"value":2}})"},
        {"NR", "low^high", R"("valueString":"low^high")"},
        {"PN", "Roe^Jane", R"("valueString":"Jane Roe")"},
        {"RP", "http://x.test/1.pdf^PACS^application^pdf", R"("valueAttachment")"},
        {"RP", "vol 7^PACS", R"("valueString":"vol 7^PACS")"},
        {"SN", ">^10", R"("valueQuantity":{"comparator":">","value":10)"},
        {"SN", "^low^-^high", R"("valueString":"low - high")"},
        {"ST", "a^b", R"("valueString":"a^b")"},
        {"TM", "0930", R"("valueTime":"09:30:00")"},
        {"TN", "603-5550100", R"("valueString":"603-5550100")"},
        {"TS", "20260101", R"("valueDateTime":"2026-01-01")"},
        {"TX", "one", R"("valueString":"one")"},
        {"VR", "a^z", R"("valueString":"a-z")"},
        {"XAD", "1 Main St^^Town^NH~2 Main St",
         R"("valueString":"1 Main St, Town, NH\n2 Main St")"},
        {"XCN", "7^Okafor^Chidi^^^Dr", R"("valueString":"Dr Chidi Okafor 7")"},
        {"XON", "Clinic^L^^^^MAIN^XX^^^77", R"("valueString":"Clinic L 77 MAIN XX")"},
        {"XPN", "Roe^Jane^Q^Jr^Ms^^L", R"("valueString":"Ms Jane Q Roe Jr L")"},
        {"XTN", "^PRN^PH^^1^603^5550100", R"("valueString":"1 603 5550100 PRN PH")"},
        {"ZZ", "a^b&c", R"("valueString":"a^b&c")"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string(row.type) + " " + row.value);
        const hl7::Message message = Parse(
            std::string("MSH|^~\\&|A|B|C|D|20260102||ORU^R01^ORU_R01|1|P|2.5.1\n"
                        "PID|1||7^^^MAIN^MR\nOBR|1||F1|A^A^L||||||||||||||||||||||F\nOBX|1|") +
            row.type + "|V^V^L||" + row.value + "||||||F");
        const Mapped mapped = Shipped().Map(message, TestContext());
        ExpectSound(message, mapped);
        const std::string json = Json(mapped, "Observation") + Json(mapped, "DiagnosticReport");
        const bool attachment = std::string_view(row.json) == R"("valueAttachment")";
        EXPECT_TRUE(json.find(row.json) != std::string::npos ||
                    (attachment && json.find("presentedForm") != std::string::npos))
            << json;
        for (const Unmapped& leaf : mapped.report.unmapped) {
            // Of a document and its pointer: who made it.
            const bool source = leaf.path == "OBX-5.1" || leaf.path == "OBX-5.2";
            EXPECT_FALSE(leaf.path.starts_with("OBX-5") && leaf.reason == "no rule" &&
                         !(attachment && source))
                << leaf.path;
        }
    }
}

TEST(Content, SamplesMap) {
    for (const fs::path& file : Files(fs::path(CARESTREAM_SOURCE_DIR) / "tests/samples")) {
        auto message = hl7::Message::Parse(ReadFile(file));
        ASSERT_TRUE(message.has_value()) << file;
        const Mapped mapped = Shipped().Map(*message, TestContext());
        EXPECT_EQ(mapped.status, MapStatus::kMapped) << file << mapped.path << mapped.reason;
        ExpectSound(*message, mapped);
    }
}

TEST(Corpus, GivesValidCompleteRepeatableOutput) {
    if (!fs::exists(Corpus())) GTEST_SKIP() << "no corpus at " << Corpus();
    std::map<std::string, int> refused;
    int mapped_count = 0;
    for (const fs::path& file : Files(Corpus())) {
        const std::string all = ReadFile(file);
        for (const std::string_view bytes : hl7::SplitMessages(all)) {
            auto message = hl7::Message::Parse(std::string(bytes));
            if (!message) continue;
            SCOPED_TRACE(file.filename().string());
            const Mapped mapped = Shipped().Map(*message, TestContext());
            ExpectSound(*message, mapped);
            EXPECT_EQ(Written(mapped), Written(Shipped().Map(*message, TestContext())));
            if (mapped.status == MapStatus::kMapped) ++mapped_count;
            if (mapped.status == MapStatus::kUnusable) ++refused[mapped.path + " " + mapped.reason];
            EXPECT_EQ(mapped.status == MapStatus::kMapped, mapped.reason.empty());
        }
    }
    EXPECT_GT(mapped_count, 150);
    for (const auto& [reason, count] : refused) {
        std::printf("unusable: %s (%d)\n", reason.c_str(), count);
    }
}

TEST(Corpus, GivesTheSameOnEveryThread) {
    const auto files = Files(fs::path(CARESTREAM_SOURCE_DIR) / "tests/samples");
    std::vector<hl7::Message> messages;
    std::vector<std::string> expected;
    for (const fs::path& file : files) {
        messages.push_back(std::move(*hl7::Message::Parse(ReadFile(file))));
        expected.push_back(Written(Shipped().Map(messages.back(), TestContext())));
    }
    std::vector<int> wrong(4, 0);
    {
        std::vector<std::jthread> threads;
        for (int& count : wrong) {
            threads.emplace_back([&] {
                for (int round = 0; round < 20; ++round) {
                    for (std::size_t i = 0; i < messages.size(); ++i) {
                        count += Written(Shipped().Map(messages[i], TestContext())) != expected[i];
                    }
                }
            });
        }
    }
    EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

// A document of some megabytes goes through in linear time and becomes a Binary.
TEST(Content, LargeDocumentsBecomeBinaries) {
    const auto map = [](std::size_t size) {
        const hl7::Message message = Parse(
            "MSH|^~\\&|LAB|MAIN|CS|X|20260102||ORU^R01^ORU_R01|D1|P|2.5.1\nPID|1||7^^^MAIN^MR\n"
            "OBR|1||F1|D^R^L|||20260102\nOBX|1|ED|D^R^L||^application^pdf^Base64^" +
            std::string(size, 'A') + "||||||F\n");
        const Mapped mapped = Shipped().Map(message, TestContext());
        ExpectSound(message, mapped);
        return Json(mapped, "DiagnosticReport") + Json(mapped, "Binary");
    };
    EXPECT_NE(map(1 << 10).find("\"data\":\"AAA"), std::string::npos);
    const std::string large = map(4 << 20);
    EXPECT_NE(large.find(R"("url":"Binary/)"), std::string::npos);
    EXPECT_NE(large.find(R"("contentType":"application/pdf","data":"AAA)"), std::string::npos);
}

// Two messages, each with an order that has no number: the second took the place of the first.
TEST(ShippedContent, OrdersWithoutNumbersAreToldApartByTheirDrug) {
    const auto id = [](const std::string& drug) {
        const Mapped mapped =
            Shipped().Map(Parse("MSH|^~\\&|EHR|MAIN|CS|X|2026||RDE^O11^RDE_O11|M1|P|2.5.1\n"
                                "PID|1||100^^^MAIN^MR\nORC|NW\nRXE|1|" +
                                drug + "|500||mg\n"),
                          TestContext());
        const fhir::Change* order = Find(mapped, "MedicationRequest");
        return order == nullptr ? "" : order->provisional_id;
    };
    EXPECT_NE(id("A1^Amoxicillin^L"), "");
    EXPECT_EQ(id("A1^Amoxicillin^L"), id("A1^Amoxicillin^L"));
    EXPECT_NE(id("A1^Amoxicillin^L"), id("B2^Bisoprolol^L"));
}

TEST(Overlay, ChangesAMapWithoutTouchingIt) {
    Content::Files files = {
        {"messages/A.yaml",
         "message: A\nevents: [ADT^A01]\ntree:\n  - PID: {make: Patient, with: PID.Patient}\n"},
        {"segments/PID.Patient.yaml",
         "map: PID -> Patient\nrules:\n  - {at: PID-3.1, to: \"identifier[i].value\"}\n"
         "  - {at: PID-7, to: birthDate}\n  - {at: PID-8, to: gender, code: Sex}\n"},
        {"tables/Sex.yaml", "table: Sex\ncodes: {F: female}\n"},
        {"identity/Patient.yaml", "identity: Patient\nkeys: [{identifier: any}]\n"},
        {"overlays/site/segments/PID.Patient.yaml",
         "extends: PID -> Patient\nremove: [birthDate]\nrules:\n"
         "  - {after: gender, at: ZPI-2, to: language}\n"},
        {"overlays/site/tables/Sex.yaml", "extends: Sex\ncodes: {W: female}\n"},
    };
    const hl7::Message message =
        Parse("MSH|^~\\&|A|B|||2026||ADT^A01|1|P|2.5\nPID|1||7||||1980|W\nZPI|1|de\n");
    const std::string base = Json(Build(files)->Map(message, TestContext()), "Patient");
    EXPECT_NE(base.find("birthDate"), std::string::npos) << base;
    const std::string site = Json(Build(files, {"site"})->Map(message, TestContext()), "Patient");
    EXPECT_NE(site.find(R"("gender":"female","language":"de")"), std::string::npos) << site;
    EXPECT_EQ(site.find("birthDate"), std::string::npos) << site;

    files["overlays/site/segments/PID.Patient.yaml"] =
        "extends: PID -> Patient\nremove: [birthDat]\n";
    const auto broken = Content(files).Compile({"site"});
    ASSERT_EQ(broken.errors.size(), 1u) << Lines(broken.errors);
    EXPECT_EQ(broken.errors[0].ToString(),
              "overlays/site/segments/PID.Patient.yaml:2:10: 'PID -> Patient' has no rule with id "
              "'birthDat', did you mean 'birthDate'?");
}

TEST(TestRunner, NamesWhatIsWrongAtItsPlace) {
    const Content content(Content::Files{
        {"t.yaml",
         "message: |\n  MSH|^~\\&|E|M|||2026||ADT^A08|1|P|2.5\n  PID|1||7||Roe\n"
         "expect:\n  Patient.name.family: Doe\n  Patient.gender: male\n  Patient.name: absent\n"
         "cleared: {Patient: [birthDate]}\nmodes: {Patient: delete}\n"
         "unmapped:\n  PID-5.1: no rule\n  PID-1.1: other\n"}});
    const auto cases = RunTests(Shipped(), content.folder());
    ASSERT_EQ(cases.size(), 1u);
    const std::string lines = FailureLines(cases);
    for (const char* part :
         {"t.yaml:5:3: Patient.name.family: expected 'Doe', got 'Roe'",
          "t.yaml:6:3: Patient.gender: expected 'male', got 'absent'",
          "t.yaml:7:3: Patient.name: expected 'absent', got '[{",
          "t.yaml:8:11: Patient cleared: expected 'birthDate', got 'nothing'",
          "t.yaml:9:9: Patient mode: expected 'delete', got 'find'",
          "t.yaml:11:3: MSH-12.1: expected 'mapped', got 'unmapped: no rule'",
          "t.yaml:11:3: PID-5.1: expected 'unmapped: no rule', got 'mapped, or",
          "t.yaml:12:12: PID-1.1: expected 'unmapped: other', got 'unmapped: no"}) {
        EXPECT_NE(lines.find(part), std::string::npos) << part << "\n" << lines;
    }
    EXPECT_EQ(cases[0].failures[0].expected, "Doe");
    EXPECT_EQ(cases[0].failures[0].got, "Roe");
}

TEST(TestRunner, AFileMayHoldSeveralTestsAndMistakesAreFailures) {
    const std::string message = "message: \"MSH|^~\\\\&|E|M|||2026||ADT^A99|1|P|2.5\"\n";
    const Content content(Content::Files{
        {"a.yaml", "- note: one\n  " + message + "  status: no-map\n- {note: two}\n"},
        {"b.yaml", message + "expect: Patient\n"},
        {"c.yaml", message},
        {"d.yaml", "a: [\n"}});
    const auto cases = RunTests(Shipped(), content.folder());
    ASSERT_EQ(cases.size(), 5u);
    EXPECT_EQ(cases[0].note, "one");
    EXPECT_TRUE(cases[0].failures.empty()) << FailureLines(cases);
    EXPECT_EQ(cases[1].position.line, 4);
    const std::string lines = FailureLines(cases);
    for (const char* part :
         {"a.yaml:4:3: a test needs `message`", "b.yaml:2:9: 'expect' must be a map",
          "c.yaml:1:1: status: expected 'mapped', got 'no-map", "d.yaml:"}) {
        EXPECT_NE(lines.find(part), std::string::npos) << part << "\n" << lines;
    }
}

// What a channel gives: its sender for all tests of a file, and its own way to map.
TEST(TestRunner, TheSubjectMayNameTheSender) {
    const std::string message = "message: \"MSH|^~\\\\&|E|M|||2026||ADT^A08|1|P|2.5\\rPID|1||7\"\n";
    const Content content(
        Content::Files{{"t.yaml", "- " + message + "  status: unusable\n" +
                                      "- channel: {time_zone: UTC}\n  " + message}});
    TestSubject subject;
    subject.sender = TestContext();
    subject.map = [](const hl7::Message&, const MapContext& context) {
        Mapped mapped;
        mapped.status = MapStatus::kUnusable;
        EXPECT_EQ(context.time_zone, "America/New_York");
        return mapped;
    };
    const auto cases = RunTests(subject, content.folder() / "t.yaml");
    ASSERT_EQ(cases.size(), 2u);
    EXPECT_TRUE(cases[0].failures.empty()) << FailureLines(cases);
    EXPECT_NE(FailureLines(cases).find("t.yaml:3:12: 'channel' says nothing here"),
              std::string::npos)
        << FailureLines(cases);
}

}  // namespace
}  // namespace carestream::mapping
