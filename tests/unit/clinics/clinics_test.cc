// Goal: a clinic's file says what it means or is refused by line; a visit's history and place in
// the queue are the server's, whatever a write leaves out.
#include "clinics/clinics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/home.h"
#include "clinics/visit.h"
#include "fhir/json.h"

namespace carestream {
namespace {

namespace fs = std::filesystem;
using clinics::Clinic;
using clinics::Clinics;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Micros kMinute = 60'000'000;
constexpr Micros kNow = 1'780'000'000'000'000;

fhir::Node Json(const std::string& text) {
    return fhir::ParseJson(text).value();
}

class ClinicsTest : public testing::Test {
protected:
    ClinicsTest()
        : folder_(fs::path(testing::TempDir()) / ("clinics-" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~ClinicsTest() override { fs::remove_all(folder_); }
    void Write(const std::string& name, const std::string& yaml) const {
        std::ofstream(folder_ / name) << yaml;
    }
    [[nodiscard]] Clinics::Loaded Load() const {
        static const auto r4 =
            fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
        return Clinics::Load(folder_, "clinics/", r4);
    }
    [[nodiscard]] std::vector<std::string> ErrorsOf(const std::string& yaml) const {
        Write("a.yaml", yaml);
        std::vector<std::string> texts;
        for (const Error& error : Load().errors) texts.push_back(error.ToString());
        return texts;
    }
    const fs::path folder_;
};

TEST_F(ClinicsTest, FindsPlacesAndVisitsByTheirSearches) {
    Write("ortho.yaml",
          "clinic: ortho\ntitle: Orthopaedics\nlocations: [\"name=MAIN CLIN1\"]\n"
          "appointments: [\"service-type=x\"]\ncheck_in_before: 2h\norder: appointment\n");
    const auto loaded = Load();
    ASSERT_TRUE(loaded.clinics) << loaded.errors.front().ToString();
    const Clinic* ortho = loaded.clinics->Find("ortho");
    ASSERT_NE(ortho, nullptr);
    EXPECT_EQ(ortho->check_in_before, 120 * kMinute);
    EXPECT_EQ(ortho->check_in_after, 30 * kMinute);
    EXPECT_EQ(ortho->order, clinics::Order::kAppointment);
    EXPECT_EQ(loaded.clinics->Find("cardio"), nullptr);
    const auto place = [](const std::string& name) {
        return Json(R"({"resourceType":"Location","name":")" + name + "\"}");
    };
    EXPECT_EQ(loaded.clinics->OfLocation(place("MAIN CLIN1 ROOM2")), ortho);
    EXPECT_EQ(loaded.clinics->OfLocation(place("MAIN CLIN2")), nullptr);
    EXPECT_EQ(loaded.clinics->OfAppointment(Json(
                  R"({"resourceType":"Appointment","serviceType":[{"coding":[{"code":"x"}]}]})")),
              ortho);
    EXPECT_EQ(loaded.clinics->OfAppointment(Json(R"({"resourceType":"Appointment"})")), nullptr);
    EXPECT_TRUE(loaded.clinics->IsVisit(
        *ortho, Json(R"({"resourceType":"Encounter","class":{"code":"AMB"}})")));
    EXPECT_FALSE(loaded.clinics->IsVisit(
        *ortho, Json(R"({"resourceType":"Encounter","class":{"code":"IMP"}})")));
}

TEST_F(ClinicsTest, NamesWhatIsWrong) {
    EXPECT_THAT(ErrorsOf("clinic: a\ntitle: A\nlocations: [\"nam=X\"]\n"),
                ElementsAre(AllOf(HasSubstr("clinics/a.yaml:3:13"), HasSubstr("nam"))));
    EXPECT_THAT(ErrorsOf("clinic: a\ntitle: A\nlocations: []\n"),
                Contains(AllOf(HasSubstr("clinics/a.yaml:3"), HasSubstr("names nothing"))));
    EXPECT_THAT(ErrorsOf("clinic: a\ntitle: A\nlocations: [name=X]\nvisit: [class=AMB]\n"),
                ElementsAre(HasSubstr("did you mean 'visits'")));
    Write("b.yaml", "clinic: a\ntitle: A\nlocations: [name=X]\n");
    EXPECT_THAT(ErrorsOf("clinic: a\ntitle: A\nlocations: [name=X]\n"),
                ElementsAre(AllOf(HasSubstr("clinics/b.yaml:1"), HasSubstr("is also in"))));
}

TEST(Visit, KeepsItsHistory) {
    auto visit = Json(R"({"resourceType":"Encounter","status":"planned"})");
    Clinic ortho;
    ortho.name = "ortho";
    clinics::SetClinic(visit, &ortho);
    clinics::NoteStatus(visit, kNow);
    clinics::SetStatus(visit, "arrived", kNow + kMinute);
    clinics::SetStatus(visit, "arrived", kNow + 2 * kMinute);
    // A message about before: nothing ends before it began.
    clinics::SetStatus(visit, "triaged", kNow);
    const auto& history = visit.Find("statusHistory")->items();
    ASSERT_EQ(history.size(), 3u);
    EXPECT_EQ(history[0].TextOf("status"), "planned");
    EXPECT_EQ(history[0].Find("period")->TextOf("end"), FormatInstant(kNow + kMinute));
    EXPECT_EQ(history[1].Find("period")->TextOf("end"), FormatInstant(kNow + kMinute));
    EXPECT_EQ(history[2].TextOf("status"), "triaged");
    EXPECT_EQ(history[2].Find("period")->Find("end"), nullptr);
    EXPECT_EQ(clinics::ArrivedAt(visit), kNow + kMinute);
}

TEST(Visit, AWriteLeavesWhatIsTheServers) {
    Clinic clinic, other;
    clinic.name = "ortho";
    clinic.title = "Orthopaedics";
    other.name = "cardio";
    auto before = Json(R"({"resourceType":"Encounter","status":"arrived"})");
    clinics::SetClinic(before, &clinic);
    clinics::NoteStatus(before, kNow);
    clinics::SetPosition(before, clinic, 2);
    EXPECT_EQ(clinics::PositionOf(before), 2);

    auto triaged = Json(R"({"resourceType":"Encounter","status":"triaged"})");
    clinics::SetClinic(triaged, &other);  // not what a client says
    clinics::SetPosition(triaged, clinic, 1);
    clinics::KeepVisit(before, triaged, kNow + kMinute);
    EXPECT_EQ(clinics::ClinicOf(triaged), "ortho");
    EXPECT_EQ(triaged.Find("meta")->Find("tag")->items().at(0).TextOf("display"), "Orthopaedics");
    EXPECT_EQ(clinics::PositionOf(triaged), 2);
    EXPECT_EQ(triaged.Find("statusHistory")->items().size(), 2u);

    auto called = Json(R"({"resourceType":"Encounter","status":"in-progress"})");
    clinics::KeepVisit(triaged, called, kNow + 2 * kMinute);
    EXPECT_EQ(clinics::PositionOf(called), 0);
    EXPECT_EQ(called.Find("extension"), nullptr);
    EXPECT_EQ(called.Find("statusHistory")->items().size(), 3u);

    auto elsewhere = Json(R"({"resourceType":"Encounter","status":"arrived"})");
    const auto same = elsewhere;
    clinics::KeepVisit({}, elsewhere, kNow);
    EXPECT_EQ(elsewhere, same);
}

TEST(Visit, QueuesAreTheSameWhateverTheirOrder) {
    using clinics::Waiting;
    const std::vector<Waiting> all = {{"a", 50, 300}, {"b", 40, 0}, {"c", 60, 10}, {"d", 40, 0}};
    const auto ids = [](const Clinic& clinic, std::vector<Waiting> waiting) {
        clinics::SortQueue(clinic, waiting);
        std::string text;
        for (const auto& one : waiting) text += one.id;
        return text;
    };
    Clinic clinic;
    auto order = all;
    std::sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.id < b.id; });
    do {
        clinic.order = clinics::Order::kArrival;
        EXPECT_EQ(ids(clinic, order), "bdac");
        clinic.order = clinics::Order::kAppointment;
        EXPECT_EQ(ids(clinic, order), "cbda");
    } while (std::next_permutation(order.begin(), order.end(),
                                   [](auto& a, auto& b) { return a.id < b.id; }));
}

}  // namespace
}  // namespace carestream
