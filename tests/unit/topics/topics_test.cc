// Goal: a topic fires for what it says and for nothing else, and mistakes in its file are named.
#include "topics/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/home.h"
#include "fhir/json.h"

namespace carestream {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using topics::Change;
using topics::Topics;

std::shared_ptr<const fhir::Definitions> R4() {
    static const auto definitions =
        fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
    return definitions;
}

class TopicsTest : public testing::Test {
protected:
    TopicsTest() : folder_(fs::path(testing::TempDir()) / "topics") {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~TopicsTest() override { fs::remove_all(folder_); }

    void Write(const std::string& name, const std::string& yaml) const {
        std::ofstream(folder_ / name) << yaml;
    }
    [[nodiscard]] Topics::Loaded Load() const { return Topics::Load(folder_, "topics/", R4()); }
    [[nodiscard]] std::vector<std::string> Mistakes() const {
        std::vector<std::string> lines;
        for (const Error& error : Load().errors) lines.push_back(error.ToString());
        return lines;
    }
    // Names of what fires.
    static std::vector<std::string> Fired(const Topics& topics, Change change,
                                          const std::string& type, const std::string& current,
                                          const std::string& before = {}) {
        const auto parse = [](const std::string& json) {
            return json.empty() ? fhir::Node() : fhir::ParseJson(json).value();
        };
        const fhir::Node now = parse(current);
        const fhir::Node then = parse(before);
        std::vector<std::string> names;
        for (const topics::Topic* topic :
             topics.Fired({change, type, current.empty() ? nullptr : &now,
                           before.empty() ? nullptr : &then})) {
            names.push_back(topic->name);
        }
        return names;
    }

    const fs::path folder_;
};

constexpr const char* kResult =
    "topic: result\ntitle: x\nresource: DiagnosticReport\nwhere: ['status=final,corrected']\n"
    "changed: [status, conclusion]\nfilters: [patient, code]\n";

std::string Report(const std::string& status, const std::string& conclusion = "c") {
    return R"({"resourceType":"DiagnosticReport","id":"1","status":")" + status +
           R"(","code":{"text":"x"},"conclusion":")" + conclusion + "\"}";
}

TEST_F(TopicsTest, FiresForWhatItSays) {
    Write("result.yaml", kResult);
    const auto loaded = Load();
    ASSERT_TRUE(loaded.topics) << Mistakes()[0];
    const Topics& all = *loaded.topics;
    const auto result = ElementsAre("result");
    const auto none = ElementsAre();
    EXPECT_THAT(Fired(all, Change::kCreated, "DiagnosticReport", Report("final")), result);
    EXPECT_THAT(Fired(all, Change::kCreated, "DiagnosticReport", Report("preliminary")), none);
    EXPECT_THAT(
        Fired(all, Change::kUpdated, "DiagnosticReport", Report("final"), Report("preliminary")),
        result);
    EXPECT_THAT(
        Fired(all, Change::kUpdated, "DiagnosticReport", Report("final", "other"), Report("final")),
        result);
    EXPECT_THAT(Fired(all, Change::kUpdated, "DiagnosticReport", Report("final"), Report("final")),
                none);
    EXPECT_THAT(Fired(all, Change::kDeleted, "DiagnosticReport", "", Report("final")), none);
    EXPECT_THAT(Fired(all, Change::kCreated, "Observation",
                      R"({"resourceType":"Observation","status":"final"})"),
                none);
    EXPECT_EQ(all.Find("urn:carestream:topic:result"), all.Find("result"));
    EXPECT_EQ(all.Find("other"), nullptr);
}

TEST_F(TopicsTest, ADeletionIsJudgedByTheLastVersion) {
    Write("a.yaml",
          "topic: gone\ntitle: x\nresource: Appointment\non: [delete]\nwhere: ['status=booked']\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.topics) << Mistakes()[0];
    const std::string booked = R"({"resourceType":"Appointment","status":"booked"})";
    EXPECT_THAT(Fired(*loaded.topics, Change::kDeleted, "Appointment", "", booked),
                ElementsAre("gone"));
    EXPECT_THAT(Fired(*loaded.topics, Change::kDeleted, "Appointment", "",
                      R"({"resourceType":"Appointment","status":"proposed"})"),
                ElementsAre());
    EXPECT_THAT(Fired(*loaded.topics, Change::kCreated, "Appointment", booked), ElementsAre());
}

TEST_F(TopicsTest, AChoiceIsOneElement) {
    Write("o.yaml", "topic: o\ntitle: x\nresource: Observation\nchanged: [value]\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.topics) << Mistakes()[0];
    const std::string text = R"({"resourceType":"Observation","valueString":"1","status":"final"})";
    const std::string number =
        R"({"resourceType":"Observation","valueInteger":1,"status":"amended"})";
    const std::string status =
        R"({"resourceType":"Observation","valueString":"1","status":"amended"})";
    EXPECT_THAT(Fired(*loaded.topics, Change::kUpdated, "Observation", number, text),
                ElementsAre("o"));
    EXPECT_THAT(Fired(*loaded.topics, Change::kUpdated, "Observation", status, text),
                ElementsAre());
}

TEST_F(TopicsTest, AnExtensionIsNamedByItsUrl) {
    Write("o.yaml", "topic: o\ntitle: x\nresource: Observation\nchanged: ['urn:x:a']\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.topics) << Mistakes()[0];
    const auto with = [](const std::string& a, const std::string& b) {
        return R"({"resourceType":"Observation","status":"final","extension":[{"url":"urn:x:b",)"
               R"("valueCode":")" +
               b + R"("},{"url":"urn:x:a","valueCode":")" + a + "\"}]}";
    };
    EXPECT_THAT(
        Fired(*loaded.topics, Change::kUpdated, "Observation", with("2", "1"), with("1", "1")),
        ElementsAre("o"));
    EXPECT_THAT(
        Fired(*loaded.topics, Change::kUpdated, "Observation", with("1", "2"), with("1", "1")),
        ElementsAre());
}

TEST_F(TopicsTest, MistakesAreNamedWithPlaceAndRemedy) {
    Write("a.yaml", "topic: Result\ntitle: x\nresource: DiagnosticReprt\n");
    Write("b.yaml",
          "topic: b\ntitle: x\nresource: Observation\non: [delete]\n"
          "where: ['statsu=final', '_count=3', 'status=']\nchanged: [valeu]\n"
          "filters: [patiant]\nfilter: x\n");
    Write("c.yaml", "topic: c\ntitle: x\nresource: Observation\n");
    Write("d.yaml", "topic: c\ntitle: x\nresource: Observation\nurl: http://a.test/b\n");
    Write("e.yaml",
          "topic: e\ntitle: x\nresource: Observation\non: [delete]\n"
          "where: ['statsu=final', '_count=3', 'status=']\nchanged: [valu]\nfilters: [patiant]\n");
    const auto mistakes = Mistakes();
    const auto says = [&](const std::string& text) {
        EXPECT_THAT(mistakes, Contains(HasSubstr(text)));
    };
    says("topics/a.yaml:1:8: 'topic': small letters");
    says(
        "topics/a.yaml:3:11: 'DiagnosticReprt' is no FHIR resource type, did you mean "
        "'DiagnosticReport'?");
    says("topics/b.yaml:8:1: unknown key 'filter', did you mean 'filters'?");
    says("topics/d.yaml:1:8: 'c' is also in topics/c.yaml");
    says("topics/e.yaml:5:9: statsu: no search parameter of Observation, did you mean 'status'?");
    says("topics/e.yaml:5:25: _count: steers a search and is no criterion");
    says("topics/e.yaml:5:37: status: has no value");
    says("topics/e.yaml:6:11: 'valu' is no element of Observation, did you mean 'value'?");
    says("topics/e.yaml:6:10: 'changed' is about updates");
    says(
        "topics/e.yaml:7:11: 'patiant' is no search parameter of Observation, did you mean "
        "'patient'?");
}

TEST_F(TopicsTest, AnAbsentFolderHoldsNone) {
    const auto loaded = Topics::Load(folder_ / "absent", "", R4());
    ASSERT_TRUE(loaded.topics);
    EXPECT_TRUE(loaded.topics->all().empty());
}

TEST_F(TopicsTest, TheShippedOnesAreRight) {
    const auto loaded = Topics::Load(FindHome().value() / "mappings/topics", "topics/", R4());
    for (const Error& error : loaded.errors) ADD_FAILURE() << error.ToString();
    ASSERT_TRUE(loaded.topics);
    EXPECT_NE(loaded.topics->Find("result"), nullptr);
    EXPECT_NE(loaded.topics->Find("appointment"), nullptr);
    EXPECT_THAT(Fired(*loaded.topics, Change::kUpdated, "Appointment",
                      R"({"resourceType":"Appointment","status":"cancelled"})",
                      R"({"resourceType":"Appointment","status":"booked"})"),
                ElementsAre("appointment"));
}

}  // namespace
}  // namespace carestream
