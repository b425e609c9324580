// Goal: who comes waits in the right queue at the right place, once, however the hospital or the
// app says so; staff and patients read it in the Encounters. Method: the REST API with tokens on a
// real store, messages through the feed's writer, the thread stopped and started anew.
#include "waiting/rooms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "clinics/visit.h"
#include "component/rest/token_fixture.h"
#include "waiting/check_in.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr Micros kMinute = 60'000'000;

class RoomsTest : public RestTokenTest {
protected:
    void SetUp() override {
        label_ = [](const fhir::Node& before, fhir::Node& resource, Micros now) {
            clinics::KeepVisit(before, resource, now);
        };
        label_elements_ = {"Encounter"};
        events_.committed = [this](std::int64_t) {
            const std::lock_guard lock(rooms_mutex_);
            if (rooms_) rooms_->Wake();
        };
        const auto folder = state_folder() / "clinics";
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "ortho.yaml")
            << "clinic: ortho\ntitle: Orthopaedics\nlocations: [\"name=MAIN CLIN1\"]\n";
        std::ofstream(folder / "cardio.yaml")
            << "clinic: cardio\ntitle: Cardiology\nlocations: [\"name=MAIN CLIN2\"]\n";
        RestTest::StartService({});
        auto loaded = clinics::Clinics::Load(folder, "", definitions_);
        ASSERT_TRUE(loaded.clinics) << loaded.errors.front().ToString();
        clinics_ = loaded.clinics;
        StartRooms();
        const auto file = state_folder() / "issuer.jwks";
        std::ofstream(file) << key_.Jwks();
        auth::GateOptions gate;
        gate.issuers.push_back(Issuer(file));
        gate_ = auth::Gate::Create(gate, clock_, log_).value();
        RestTest::StartService({}, {waiting::CheckInOperation(*rooms_)});
        staff_ = As("staff", "system/*.cruds");
        for (const char* id : {"ada", "bob", "eve"}) {
            Made("Patient", id, "\"active\":true");
        }
        Made("Location", "clin1", R"("name":"MAIN CLIN1")");
        Made("Location", "clin2", R"("name":"MAIN CLIN2 ROOM1")");
        Made("Location", "ward", R"("name":"MAIN WARD")");
    }
    void TearDown() override {
        StopRooms();
        if (HasFailure()) {
            for (const std::string& line : lines_) {
                if (line.find("waiting.") != std::string::npos) std::cout << line << "\n";
            }
        }
        RestTest::TearDown();
    }
    void StartRooms() {
        waiting::RoomsOptions options;
        options.poll_ms = 20;
        auto rooms = std::make_unique<waiting::Rooms>(
            options, waiting::RoomsParts{definitions_, [this] { return clinics_; },
                                         store_->MakeEvents(), store_->reader(), store_->writer(),
                                         crypto::IdKey::Public(), clock_, log_, metrics_});
        ASSERT_TRUE(rooms->Start());
        const std::lock_guard lock(rooms_mutex_);
        rooms_ = std::move(rooms);
    }
    void StopRooms() {
        std::unique_ptr<waiting::Rooms> gone;
        {
            const std::lock_guard lock(rooms_mutex_);
            gone = std::move(rooms_);
        }
    }
    void Made(const std::string& type, const std::string& id, const std::string& members) {
        const Reply made =
            Put(type + "/" + id,
                R"({"resourceType":")" + type + R"(","id":")" + id + "\"," + members + "}", staff_);
        ASSERT_LT(made.status, 300) << made.http.body;
    }
    void Visit(const std::string& id, const std::string& patient, const std::string& status,
               const std::string& place, const std::string& more = "") {
        Made("Encounter", id,
             R"("status":")" + status +
                 R"(","class":{"code":"AMB"},"subject":{"reference":"Patient/)" + patient +
                 R"("},"location":[{"location":{"reference":"Location/)" + place + "\"}}]" + more);
    }
    void Appointment(const std::string& id, const std::string& patient, Micros start,
                     const std::string& status = "booked", const std::string& place = "clin1") {
        Made("Appointment", id,
             R"("status":")" + status + R"(","start":")" + FormatInstant(start) + R"(","end":")" +
                 FormatInstant(start + 20 * kMinute) +
                 R"(","participant":[{"status":"accepted","actor":{"reference":"Patient/)" +
                 patient + R"("}},{"status":"accepted","actor":{"reference":"Location/)" + place +
                 "\"}}]");
    }
    fhir::Node Encounter(const std::string& id) { return Get("Encounter/" + id, staff_).body; }
    // "ortho 1", "- 0".
    std::string PlaceOf(const std::string& id) {
        const fhir::Node visit = Encounter(id);
        const std::string_view clinic = clinics::ClinicOf(visit);
        return (clinic.empty() ? "-" : std::string(clinic)) + " " +
               std::to_string(clinics::PositionOf(visit));
    }
    void Becomes(const std::string& id, const std::string& place) {
        EXPECT_TRUE(Eventually([&] { return PlaceOf(id) == place; })) << id << ": " << PlaceOf(id);
    }
    Reply CheckIn(const std::string& appointment, const std::string& patient) {
        return Post("Appointment/" + appointment + "/$check-in", "",
                    As(patient, "patient/*.cruds", patient));
    }
    // From here on log-ins of `https://linked.example` act for their patients by links, too.
    void UseLinks() {
        const auto file = state_folder() / "issuer.jwks";
        auth::GateOptions gate;
        gate.issuers.push_back(Issuer(file));
        gate.issuers.push_back(Issuer(file));
        gate.issuers.back().issuer = "https://linked.example";
        gate.issuers.back().patient_claim = auth::PatientClaim::kLink;
        gate_ = auth::Gate::Create(gate, clock_, log_).value();
        auto operations =
            rest::LinkOperations({store_->login_links(), store_->reader(), clock_, 1});
        operations.push_back(waiting::CheckInOperation(*rooms_));
        RestTest::StartService({}, std::move(operations));
    }
    // A log-in that cares for the patient, and may do there what it asks for.
    Headers CarerOf(const std::string& patient) {
        Made("RelatedPerson", patient + "-mother",
             R"("patient":{"reference":"Patient/)" + patient + "\"}");
        const auto parameters = [](const std::string& list) {
            return R"({"resourceType":"Parameters","parameter":[)" + list + "]}";
        };
        Reply code = Post(
            "Patient/" + patient + "/$link-code",
            parameters(R"({"name":"kind","valueCode":"carer"},{"name":"relatedPerson",)"
                       R"("valueReference":{"reference":"RelatedPerson/)" +
                       patient + R"(-mother"}},{"name":"scopes","valueString":"patient/*.cruds"})"),
            As("nurse", "user/Patient.u"));
        std::string value;
        for (const auto& one : code.body.At("parameter").items()) {
            if (one.TextOf("name") == "code") value = one.TextOf("valueString");
        }
        Headers login = As("mum", "patient/*.cruds", "", "app", "https://linked.example");
        const Reply linked =
            Post("Patient/$link", parameters(R"({"name":"code","valueString":")" + value + "\"}"),
                 login);
        EXPECT_EQ(linked.status, 200) << code.http.body << linked.http.body;
        login.emplace_back("X-CareStream-Patient", patient);
        return login;
    }
    static std::vector<std::string> HistoryOf(const fhir::Node& visit) {
        std::vector<std::string> statuses;
        if (const fhir::Node* history = visit.Find("statusHistory")) {
            for (const auto& entry : history->items()) {
                statuses.emplace_back(entry.TextOf("status"));
            }
        }
        return statuses;
    }
    // A message about a visit, found by its number.
    void Message(const std::string& number, const std::string& members) {
        fhir::Change change;
        change.type = "Encounter";
        change.provisional_id = "visit-" + number;
        change.keys = {{"urn:visits", number}};
        change.resource =
            fhir::ParseJson(
                R"({"resourceType":"Encounter","id":")" + change.provisional_id +
                R"(","class":{"code":"AMB"},"identifier":[{"system":"urn:visits","value":")" +
                number + "\"}]," + members + "}")
                .value();
        store::FeedWrite write;
        write.seq = ++messages_;
        write.received = clock_.Now();
        write.event = "ADT^A04";
        write.changes.changes = {std::move(change)};
        write.changes.source = "adt|A|B";
        std::promise<Result<store::FeedResult>> promise;
        store_->writer().SubmitFeed(std::move(write), [&](Result<store::FeedResult> result) {
            promise.set_value(std::move(result));
        });
        const auto result = promise.get_future().get();
        ASSERT_TRUE(result) << result.error().ToString();
        ASSERT_EQ(result->status, store::OutcomeStatus::kProcessed) << result->reason;
    }
    static std::string At(const std::string& place) {
        return R"("location":[{"location":{"reference":"Location/)" + place +
               R"("},"status":"active"}])";
    }
    static std::string Of(const std::string& patient) {
        return R"("subject":{"reference":"Patient/)" + patient + "\"}";
    }

    std::shared_ptr<const clinics::Clinics> clinics_;
    std::mutex rooms_mutex_;
    std::unique_ptr<waiting::Rooms> rooms_;
    Headers staff_;
    std::int64_t messages_ = 0;
};

TEST_F(RoomsTest, WhoComesIsQueuedAndMovesUp) {
    Visit("v1", "ada", "arrived", "clin1");
    Becomes("v1", "ortho 1");
    Visit("v2", "bob", "arrived", "clin1");
    Becomes("v2", "ortho 2");
    Visit("v3", "eve", "arrived", "clin2");
    Becomes("v3", "cardio 1");
    Visit("w", "eve", "arrived", "ward");
    // The first is called: the others move up.
    Visit("v1", "ada", "in-progress", "clin1");
    Becomes("v1", "ortho 0");
    Becomes("v2", "ortho 1");
    EXPECT_EQ(PlaceOf("w"), "- 0");
    EXPECT_THAT(HistoryOf(Encounter("v1")), ElementsAre("arrived", "in-progress"));
    Visit("v1", "ada", "finished", "clin1");
    EXPECT_THAT(HistoryOf(Encounter("v1")), ElementsAre("arrived", "in-progress", "finished"));
    // Of a clinic no more.
    Visit("v2", "bob", "arrived", "ward");
    Becomes("v2", "- 0");
    EXPECT_EQ(Get("Encounter?_tag=urn:carestream:clinic|ortho&status=arrived", staff_).Ids().size(),
              0u);
}

TEST_F(RoomsTest, MessagesMoveAVisitAndLeaveItsHistory) {
    Message("1", Of("ada") + R"(,"status":"planned",)" + At("clin1"));
    const std::string id = "visit-1";
    Becomes(id, "ortho 0");
    Message("1", Of("ada") + R"(,"status":"arrived",)" + At("clin1"));
    Becomes(id, "ortho 1");
    EXPECT_THAT(HistoryOf(Encounter(id)), ElementsAre("planned", "arrived"));
    Message("1", Of("ada") + R"(,"status":"in-progress",)" + At("clin1"));
    Becomes(id, "ortho 0");
    Message("1", Of("ada") + R"(,"status":"finished",)" + At("clin1"));
    EXPECT_THAT(HistoryOf(Encounter(id)),
                ElementsAre("planned", "arrived", "in-progress", "finished"));
    EXPECT_EQ(Get("Encounter/" + id + "/_history", staff_).status, 200);
}

TEST_F(RoomsTest, TheAppChecksIn) {
    Appointment("a1", "ada", clock_.Now() + 10 * kMinute);
    const Reply first = CheckIn("a1", "ada");
    ASSERT_EQ(first.status, 201) << first.http.body;
    EXPECT_EQ(first.body.TextOf("resourceType"), "Encounter");
    EXPECT_EQ(first.body.TextOf("status"), "arrived");
    EXPECT_EQ(Get("Appointment/a1", staff_).body.TextOf("status"), "arrived");
    Becomes(first.Id(), "ortho 1");
    // Again: the same visit.
    const Reply again = CheckIn("a1", "ada");
    EXPECT_EQ(again.status, 200) << again.http.body;
    EXPECT_EQ(again.Id(), first.Id());
    // The patient reads the own position, and nobody else's.
    Visit("v2", "bob", "arrived", "clin1");
    Becomes("v2", "ortho 2");
    const auto ada = As("ada", "patient/*.cruds", "ada");
    EXPECT_THAT(Get("Encounter?status=arrived", ada).Ids(), ElementsAre(first.Id()));
    EXPECT_EQ(Get("Encounter/v2", ada).status, 404);
    EXPECT_EQ(CheckIn("a1", "bob").status, 404);
}

TEST_F(RoomsTest, StaffFindsTheAppointmentsOfItsClinic) {
    Appointment("a1", "ada", clock_.Now() + 60 * 24 * kMinute);
    Appointment("a2", "bob", clock_.Now() + 60 * 24 * kMinute, "booked", "clin2");
    Appointment("a3", "bob", clock_.Now() + 60 * 24 * kMinute, "booked", "ward");
    const auto ids = [this](const std::string& clinic) {
        return Get("Appointment?_tag=urn:carestream:clinic|" + clinic, staff_).Ids();
    };
    EXPECT_TRUE(Eventually([&] { return ids("ortho").size() + ids("cardio").size() == 2; }));
    EXPECT_THAT(ids("ortho"), ElementsAre("a1"));
    EXPECT_THAT(ids("cardio"), ElementsAre("a2"));
    // A write that leaves the tag out leaves it where it is.
    Appointment("a1", "ada", clock_.Now() + 60 * 25 * kMinute);
    EXPECT_THAT(ids("ortho"), ElementsAre("a1"));
}

TEST_F(RoomsTest, SaysWhyACheckInIsNotPossible) {
    const auto refused = [this](const std::string& id, const std::string& text) {
        const Reply reply = CheckIn(id, "ada");
        EXPECT_EQ(reply.status, 422) << reply.http.body;
        EXPECT_THAT(reply.http.body, HasSubstr(text));
    };
    Appointment("early", "ada", clock_.Now() + 120 * kMinute);
    refused("early", "too early to check in: possible from ");
    Appointment("late", "ada", clock_.Now() - 60 * kMinute);
    refused("late", "too late");
    Appointment("ward", "ada", clock_.Now(), "booked", "ward");
    refused("ward", "no clinic");
    Appointment("off", "ada", clock_.Now(), "cancelled");
    refused("off", "not booked");
    EXPECT_EQ(CheckIn("nothing", "ada").status, 404);
    EXPECT_EQ(Get("Encounter?_tag=urn:carestream:clinic|ortho&status=arrived", staff_).Ids().size(),
              0u);
    // What reads only does not check in.
    Appointment("a1", "ada", clock_.Now());
    EXPECT_EQ(Post("Appointment/a1/$check-in", "", As("ada", "patient/*.rs", "ada")).status, 403);
}

// Who may check in may not see every visit.
TEST_F(RoomsTest, AVisitThatTheTokenMayNotSeeIsNotShown) {
    const auto expect_unseen = [](const Reply& reply) {
        EXPECT_EQ(reply.status, 200) << reply.http.body;
        EXPECT_EQ(reply.body.TextOf("resourceType"), "OperationOutcome");
        EXPECT_THAT(reply.http.body, HasSubstr(R"("severity":"information")"));
        EXPECT_THAT(reply.http.body, Not(HasSubstr("Encounter/")));
        EXPECT_EQ(reply.Header("Location"), "");
        EXPECT_EQ(reply.Header("ETag"), "");
    };
    // Without a scope for Encounters: new or there before.
    Appointment("a1", "ada", clock_.Now());
    for (int i = 0; i < 2; ++i) {
        expect_unseen(
            Post("Appointment/a1/$check-in", "", As("ada", "patient/Appointment.ru", "ada")));
    }
    EXPECT_EQ(Get("Encounter?appointment=a1&status=arrived", staff_).Ids().size(), 1u);
    EXPECT_EQ(CheckIn("a1", "ada").body.TextOf("resourceType"), "Encounter");
    // For a carer from whom it is hidden.
    UseLinks();
    Visit("v1", "bob", "planned", "clin1",
          R"(,"meta":{"security":[{"code":"R"}]},"period":{"start":")" +
              FormatInstant(clock_.Now()) + "\"}");
    Becomes("v1", "ortho 0");
    Appointment("b1", "bob", clock_.Now());
    expect_unseen(Post("Appointment/b1/$check-in", "", CarerOf("bob")));
    EXPECT_EQ(Encounter("v1").TextOf("status"), "arrived");
    EXPECT_EQ(CheckIn("b1", "bob").Id(), "v1");
}

TEST_F(RoomsTest, TheHospitalsVisitTakesThePlaceOfTheCheckIn) {
    Appointment("a1", "ada", clock_.Now());
    const std::string ours = CheckIn("a1", "ada").Id();
    Becomes(ours, "ortho 1");
    Visit("v2", "bob", "arrived", "clin1");
    Becomes("v2", "ortho 2");
    Message("7", Of("ada") + R"(,"status":"arrived",)" + At("clin1"));
    Becomes("visit-7", "ortho 1");
    Becomes("v2", "ortho 2");
    const fhir::Node replaced = Encounter(ours);
    EXPECT_EQ(replaced.TextOf("status"), "entered-in-error");
    EXPECT_EQ(clinics::PositionOf(replaced), 0);
    EXPECT_THAT(HistoryOf(replaced), ElementsAre("arrived", "entered-in-error"));
    const fhir::Node theirs = Encounter("visit-7");
    EXPECT_EQ(theirs.Find("appointment")->items().at(0).TextOf("reference"), "Appointment/a1");
    // The app that checks in once more is shown the hospital's.
    EXPECT_EQ(CheckIn("a1", "ada").Id(), "visit-7");
}

TEST_F(RoomsTest, ACheckInFindsTheVisitThatIsThere) {
    Visit("planned", "ada", "planned", "clin1",
          R"(,"period":{"start":")" + FormatInstant(clock_.Now()) + "\"}");
    Becomes("planned", "ortho 0");
    Appointment("a1", "ada", clock_.Now());
    const Reply reply = CheckIn("a1", "ada");
    EXPECT_EQ(reply.status, 200) << reply.http.body;
    EXPECT_EQ(reply.Id(), "planned");
    Becomes("planned", "ortho 1");
    EXPECT_THAT(HistoryOf(Encounter("planned")), ElementsAre("planned", "arrived"));
}

TEST_F(RoomsTest, AnAppointmentThatAMessageSaysHasArrivedWaits) {
    Appointment("a1", "ada", clock_.Now() + 3 * 60 * kMinute);
    Appointment("a1", "ada", clock_.Now() + 3 * 60 * kMinute, "arrived");
    std::vector<std::string> ids;
    EXPECT_TRUE(Eventually([&] {
        ids = Get("Encounter?appointment=a1&status=arrived", staff_).Ids();
        return ids.size() == 1;
    }));
    ASSERT_EQ(ids.size(), 1u);
    Becomes(ids[0], "ortho 1");
}

TEST_F(RoomsTest, GoesOnWhereItWas) {
    Visit("v1", "ada", "arrived", "clin1");
    Becomes("v1", "ortho 1");
    StopRooms();
    Visit("v2", "bob", "arrived", "clin1");
    Visit("v1", "ada", "in-progress", "clin1");
    StartRooms();
    Becomes("v2", "ortho 1");
}

TEST_F(RoomsTest, WhoCameLongAgoWaitsNoMore) {
    Visit("old", "ada", "arrived", "clin1", R"(,"period":{"start":"2020-01-01T08:00:00Z"})");
    Visit("v2", "bob", "arrived", "clin1");
    Becomes("v2", "ortho 1");
    EXPECT_EQ(PlaceOf("old"), "ortho 0");
}

}  // namespace
}  // namespace carestream::test
