// Goal: a rule holds what it says, once, and what was released stays so.
#include "holds/holds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/home.h"
#include "fhir/json.h"

namespace carestream {
namespace {

namespace fs = std::filesystem;
using holds::Holds;
using testing::Contains;
using testing::HasSubstr;

constexpr Micros kNow = 1'780'000'000'000'000;
constexpr Micros kDay = 86'400'000'000;

class HoldsTest : public testing::Test {
protected:
    HoldsTest() : folder_(fs::path(testing::TempDir()) / ("holds-" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~HoldsTest() override { fs::remove_all(folder_); }
    void Write(const std::string& name, const std::string& yaml) const {
        std::ofstream(folder_ / name) << yaml;
    }
    [[nodiscard]] Holds::Loaded Load() const {
        static const auto r4 =
            fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
        return Holds::Load(folder_, "holds/", r4);
    }
    static fhir::Node Report(const std::string& code) {
        return fhir::ParseJson(
                   R"({"resourceType":"DiagnosticReport","status":"final","code":{"coding":[{"code":")" +
                   code + "\"}]}}")
            .value();
    }
    const fs::path folder_;
};

TEST_F(HoldsTest, HoldsWhatItNamesUntilItsTime) {
    Write(
        "a.yaml",
        "hold: a\ntitle: waits\nresource: DiagnosticReport\nwhere: [code=x]\nrelease_after: 3d\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.holds);
    fhir::Node held = Report("x");
    EXPECT_TRUE(loaded.holds->Label({}, held, kNow));
    EXPECT_TRUE(holds::IsHeld(held));
    EXPECT_EQ(holds::ReleaseAt(held), kNow + 3 * kDay);
    EXPECT_FALSE(loaded.holds->Label({}, held, kNow + kDay));  // a later version changes nothing
    EXPECT_EQ(holds::ReleaseAt(held), kNow + 3 * kDay);
    fhir::Node other = Report("y");
    EXPECT_FALSE(loaded.holds->Label({}, other, kNow));
    EXPECT_EQ(other.Find("meta"), nullptr);
}

TEST_F(HoldsTest, WhatWasReleasedStaysSo) {
    Write("a.yaml", "hold: a\ntitle: waits\nresource: DiagnosticReport\nwhere: [code=x]\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.holds);
    fhir::Node report = Report("x");
    EXPECT_TRUE(loaded.holds->Label({}, report, kNow));
    EXPECT_EQ(holds::ReleaseAt(report), 0);
    EXPECT_TRUE(holds::Release(report));
    EXPECT_FALSE(holds::IsHeld(report));
    EXPECT_FALSE(holds::Release(report));
    EXPECT_FALSE(loaded.holds->Label({}, report, kNow));
}

TEST_F(HoldsTest, AWriteThatLeavesTheLabelOutDoesNotRelease) {
    Write(
        "a.yaml",
        "hold: a\ntitle: waits\nresource: DiagnosticReport\nwhere: [code=x]\nrelease_after: 3d\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.holds);
    fhir::Node before = Report("x");
    EXPECT_TRUE(loaded.holds->Label({}, before, kNow));
    fhir::Node after = Report("other");
    EXPECT_TRUE(loaded.holds->Label(before, after, kNow + kDay));
    EXPECT_EQ(holds::ReleaseAt(after), kNow + 3 * kDay);
}

TEST_F(HoldsTest, TheLongestOfSeveralCounts) {
    Write("a.yaml",
          "hold: a\ntitle: a\nresource: DiagnosticReport\nwhere: [code=x]\nrelease_after: 3d\n");
    Write("b.yaml",
          "hold: b\ntitle: b\nresource: DiagnosticReport\nwhere: [status=final]\n"
          "release_after: never\n");
    Write("c.yaml",
          "hold: c\ntitle: c\nresource: DiagnosticReport\nwhere: [code=x]\nrelease_after: 9d\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.holds);
    fhir::Node report = Report("x");
    EXPECT_TRUE(loaded.holds->Label({}, report, kNow));
    EXPECT_EQ(holds::ReleaseAt(report), 0);
    EXPECT_THAT(fhir::ToJson(report), HasSubstr(R"("display":"b")"));
}

TEST_F(HoldsTest, MistakesAreNamed) {
    Write("a.yaml",
          "hold: a\ntitle: a\nresource: DiagnosticReport\nwhere: [coed=x]\nrelease_after: 0s\n");
    Write("b.yaml", "hold: a\ntitle: a\nresource: Patient\nwhere: []\n");
    Write("c.yaml", "hold: a\ntitle: a\nresource: Observation\nwhere: [code=x]\n");
    std::vector<std::string> lines;
    for (const Error& error : Load().errors) lines.push_back(error.ToString());
    EXPECT_THAT(lines, Contains(HasSubstr("holds/a.yaml:4:9: coed: no search parameter of "
                                          "DiagnosticReport")));
    EXPECT_THAT(lines,
                Contains(HasSubstr("holds/a.yaml:5:16: 'release_after': a hold of no time")));
    EXPECT_THAT(lines, Contains(HasSubstr("holds/b.yaml:3:11:")));
    EXPECT_THAT(lines, Contains(HasSubstr("holds/c.yaml:1:7: 'a' is also in holds/a.yaml")));
}

}  // namespace
}  // namespace carestream
