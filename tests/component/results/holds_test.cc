// Goal: a held result is nowhere for its patient until it is released, by time or by staff, and
// staff sees it all the while. Method: the REST API with tokens on a real store.
#include "holds/holds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "component/rest/rest_fixture.h"
#include "results/releases.h"
#include "tests/support/token_gate.h"

namespace carestream::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class HeldResultsTest : public RestTest {
protected:
    void SetUp() override {
        const auto folder = state_folder() / "rules";
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "a.yaml")
            << "hold: a\ntitle: waits\nresource: DiagnosticReport\nwhere: [code=held]\n";
        std::ofstream(folder / "b.yaml") << "hold: b\ntitle: waits\nresource: Observation\n"
                                            "where: [code=held]\nrelease_after: 1ms\n";
        definitions_ =
            fhir::Definitions::Load(std::string(CARESTREAM_SOURCE_DIR) + "/schemas/fhir/r4")
                .value();
        const auto rules = holds::Holds::Load(folder, "", definitions_).holds;
        ASSERT_TRUE(rules);
        label_ = [rules](const fhir::Node& before, fhir::Node& resource, Micros now) {
            rules->Label(before, resource, now);
        };
        gate_ = tokens_.Make(state_folder(), clock_, log_);
        StartService({});
        StartService({}, {results::ReleaseOperation(store_->reader(), store_->writer(), 1)});
        staff_ = Token("system/*.cruds", "");
        ada_ = Token("patient/*.cruds", "ada");
        ASSERT_EQ(Put("Patient/ada", R"({"resourceType":"Patient","id":"ada"})", staff_).status,
                  201);
        ASSERT_EQ(Observation("o1", "held").status, 201);
        ASSERT_EQ(Report("r1", "held").status, 201);
        ASSERT_EQ(Report("r2", "free").status, 201);
    }
    Headers Token(const std::string& scope, const std::string& patient) {
        return tokens_.Token("s", patient, scope);
    }
    Reply Report(const std::string& id, const std::string& code,
                 const std::string& conclusion = "c") {
        return Put("DiagnosticReport/" + id,
                   R"({"resourceType":"DiagnosticReport","id":")" + id +
                       R"(","status":"final","code":{"coding":[{"code":")" + code +
                       R"("}]},"subject":{"reference":"Patient/ada"},"result":[{"reference":)"
                       R"("Observation/o1"}],"conclusion":")" +
                       conclusion + "\"}",
                   staff_);
    }
    Reply Observation(const std::string& id, const std::string& code) {
        return Put("Observation/" + id,
                   R"({"resourceType":"Observation","id":")" + id +
                       R"(","status":"final","code":{"coding":[{"code":")" + code +
                       R"("}]},"subject":{"reference":"Patient/ada"}})",
                   staff_);
    }
    const TokenGate tokens_;
    Headers staff_, ada_;
};

TEST_F(HeldResultsTest, IsNowhereForItsPatient) {
    EXPECT_EQ(Get("DiagnosticReport/r1", staff_).status, 200);
    EXPECT_EQ(Get("DiagnosticReport/r1", ada_).status, 404);
    EXPECT_EQ(Get("DiagnosticReport/r1/_history/1", ada_).status, 404);
    EXPECT_EQ(Get("DiagnosticReport/r1/_history", ada_).status, 404);
    EXPECT_EQ(Get("DiagnosticReport/r2", ada_).status, 200);
    const auto found = Get("DiagnosticReport?_total=accurate", ada_);
    EXPECT_EQ(found.body.TextOf("total"), "");
    EXPECT_THAT(found.http.body, HasSubstr(R"("total":1)"));
    EXPECT_THAT(found.Ids(), testing::ElementsAre("r2"));
    EXPECT_THAT(Get("DiagnosticReport?_summary=count", ada_).http.body,
                Not(HasSubstr(R"("total":2)")));
    EXPECT_THAT(Get("DiagnosticReport?_include=DiagnosticReport:result", ada_).http.body,
                Not(HasSubstr("Observation/o1\",\"res")));
    EXPECT_THAT(Get("Patient?_revinclude=DiagnosticReport:subject", ada_).Ids("include"),
                testing::ElementsAre("r2"));
    EXPECT_EQ(Report("r1", "other").status, 200);  // leaves the label out and changes the code
    EXPECT_EQ(Get("DiagnosticReport/r1", ada_).status, 404);
    // Nor can she change it, or release it.
    EXPECT_EQ(Put("DiagnosticReport/r1",
                  R"({"resourceType":"DiagnosticReport","id":"r1","status":"final","code":)"
                  R"({"text":"x"},"subject":{"reference":"Patient/ada"}})",
                  ada_)
                  .status,
              404);
    EXPECT_EQ(Post("DiagnosticReport/r1/$release", "{}", ada_).status, 403);
}

TEST_F(HeldResultsTest, StaffReleasesAReportWithItsObservations) {
    EXPECT_EQ(Get("Observation/o1", ada_).status, 404);
    const auto released = Post("DiagnosticReport/r1/$release", "{}", staff_);
    ASSERT_EQ(released.status, 200) << released.http.body;
    EXPECT_THAT(released.http.body, Not(HasSubstr("waits")));
    EXPECT_EQ(Get("DiagnosticReport/r1", ada_).status, 200);
    EXPECT_EQ(Get("Observation/o1", ada_).status, 200);
    EXPECT_EQ(Get("DiagnosticReport/r1/_history/1", ada_).status,
              404);  // the version that was held
    EXPECT_EQ(Report("r1", "held", "corrected").status, 200);
    EXPECT_EQ(Get("DiagnosticReport/r1", ada_).status, 404) << "a PUT without the tag holds again";
    EXPECT_EQ(Post("DiagnosticReport/absent/$release", "{}", staff_).status, 404);
}

TEST_F(HeldResultsTest, TimeReleases) {
    results::Releases releases(
        {1, 20}, {*definitions_, store_->reader(), store_->writer(), clock_, log_, metrics_});
    releases.Start();
    EXPECT_TRUE(Eventually([&] { return Get("Observation/o1", ada_).status == 200; }));
    EXPECT_EQ(Get("DiagnosticReport/r1", ada_).status, 404);  // waits for a person
}

TEST_F(HeldResultsTest, OneThatCannotBeOpenedHoldsUpNoOther) {
    ASSERT_EQ(Observation("o2", "held").status, 201);
    // Of the type that is looked at first, and the one beside which the other waits.
    ASSERT_TRUE(
        Connect().Execute("update version set body = '\\x00' where resource in (select pk from "
                          "resource where id in ('r1', 'o1'))"));
    results::Releases releases(
        {1, 20}, {*definitions_, store_->reader(), store_->writer(), clock_, log_, metrics_});
    releases.Start();
    EXPECT_TRUE(Eventually([&] { return Get("Observation/o2", ada_).status == 200; }));
    // Told once, however often it is met.
    ASSERT_EQ(Observation("o3", "held").status, 201);
    EXPECT_TRUE(Eventually([&] { return Get("Observation/o3", ada_).status == 200; }));
    releases.Stop();
    const std::lock_guard lock(mutex_);
    std::vector<std::string> told;
    for (const std::string& line : lines_) {
        if (line.find("results.") != std::string::npos) told.push_back(line);
    }
    EXPECT_THAT(told, testing::ElementsAre(HasSubstr("DiagnosticReport/r1/_history/1"),
                                           HasSubstr("Observation/o1/_history/1")));
}

}  // namespace
}  // namespace carestream::test
