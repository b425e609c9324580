// Goal: one resource that cannot be opened costs the messages that are made of it, as dead letters,
// and holds up no other message and no other channel. Method: the shipped maps on a real store,
// with channels whose receivers are never asked.
#include "outbound/feeder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "fhir/json.h"
#include "tests/support/store_fixture.h"

namespace carestream::test {
namespace {

using store::OutboundState;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<channel::SourceType> Sources() {
    return {{{.key = "mllp",
              .type = config::Type::kObject,
              .fields = {{.key = "listen", .type = config::Type::kAddress, .required = true}}},
             {}}};
}

std::vector<channel::DestinationType> Destinations() {
    return {{{.key = "mllp",
              .type = config::Type::kObject,
              .fields = {{.key = "connect_to", .type = config::Type::kAddress, .required = true}}},
             {}}};
}

class FeederTest : public StoreTest {
protected:
    void SetUp() override {
        (void)keys();  // made before the store looks for them
        auto opened = store::Store::Open(Options(), definitions_,
                                         search::Indexer::Create(definitions_).value(), clock_, {});
        ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
        store_ = std::move(*opened);
        queue_ = store_->MakeOutbound();
        events_ = store_->MakeEvents();
        for (const char* name : {"one", "two"}) WriteChannel(name);
        const channel::Loaded loaded = Load();
        ASSERT_TRUE(loaded.generation) << loaded.errors.at(0).ToString();
        generation_ = loaded.generation;
        feeder_ = std::make_unique<outbound::Feeder>(
            outbound::FeederParts{*queue_, *events_, store_->reader(), *definitions_, clock_, log_,
                                  metrics_, [](const std::string&) {}});
        feeder_->Use(generation_->outbound);  // what comes from now on is news
    }
    void TearDown() override { feeder_.reset(); }

    void WriteChannel(const std::string& name) {
        std::filesystem::create_directories(state_folder() / "channels");
        std::ofstream(state_folder() / "channels" / (name + ".yaml"))
            << "channel: " << name
            << "\nsource: {topic: [appointment]}\n"
               "destination: {mllp: {connect_to: \"127.0.0.1:1\"}}\n"
               "render: {event: SIU^S12, receiving_application: EHR}\n";
    }
    [[nodiscard]] channel::Loaded Load() {
        const std::filesystem::path root = CARESTREAM_SOURCE_DIR;
        channel::GenerationInputs inputs{
            state_folder() / "channels",
            root / "mappings",
            definitions_,
            hl7::Dictionary::Load(root / "schemas/hl7").value(),
            Sources(),
            {{"main", 1}},
            config::References::OfProcess(),
            [this](const std::string& tenant) { return store_->keys().id_key(tenant); }};
        inputs.destination_types = Destinations();
        return channel::LoadGeneration(inputs, 1);
    }
    void Put(const std::string& json) {
        store::RestWrite write;
        write.method = store::RestMethod::kUpdate;
        write.resource = fhir::ParseJson(json).value();
        write.type = write.resource.TextOf("resourceType");
        write.id = write.resource.TextOf("id");
        std::promise<Result<store::RestResult>> promise;
        store_->writer().SubmitRest(std::move(write), [&](Result<store::RestResult> result) {
            promise.set_value(std::move(result));
        });
        const auto result = promise.get_future().get();
        ASSERT_TRUE(result.has_value()) << result.error().ToString();
    }
    void PutPatient(const std::string& id) {
        Put(R"({"resourceType":"Patient","id":")" + id +
            R"(","identifier":[{"system":"urn:mrn","value":"m-)" + id +
            R"("}],"name":[{"family":"Roe"}]})");
    }
    void Book(const std::string& id, const std::string& patient) {
        Put(R"({"resourceType":"Appointment","id":")" + id +
            R"(","status":"booked","start":"2026-05-04T09:00:00Z","end":"2026-05-04T09:30:00Z",)"
            R"("participant":[{"actor":{"reference":"Patient/)" +
            patient + R"("},"status":"accepted"}]})");
    }
    void Set(const std::string& patient, const std::string& body) {
        ASSERT_TRUE(Connect().Execute("update version set body = " + body +
                                      " where resource = (select pk from resource where id = '" +
                                      patient + "')"));
    }
    // A byte too many: it cannot be opened until it is gone.
    void Damage(const std::string& id) { Set(id, "body || '\\x00'"); }
    void Repair(const std::string& id) { Set(id, "substr(body, 1, length(body) - 1)"); }
    // "one a1 queued" of each message.
    std::vector<std::string> Made() {
        store::OutboundFilter filter;
        filter.states = {OutboundState::kQueued, OutboundState::kNacked};
        std::vector<std::string> made;
        const auto rows = queue_->List(filter).value();
        for (const auto& row : rows) {
            made.push_back(row.channel + " " + row.id + " " +
                           std::string(store::ToString(row.state)));
        }
        std::sort(made.begin(), made.end());
        return made;
    }
    store::OutboundRow Dead(const std::string& channel) {
        store::OutboundFilter filter;
        filter.channel = channel;
        filter.states = {OutboundState::kNacked};
        return queue_->List(filter).value().at(0);
    }
    // Renders the news of `a1` for channel "one".
    Result<store::OutboundMessage> Render(const outbound::Lookup& lookup) {
        const auto events = events_->ReadTypes(0, {"Appointment"}, 10).value().events;
        const outbound::Composer composer(*definitions_, lookup);
        return composer.Render(*generation_->outbound.at(0), outbound::ReadEvent(events.at(0)),
                               "SIU^S12", {1, "CSAAAAA1", clock_.Now()});
    }

    SystemClock clock_;
    std::vector<std::string> lines_;
    std::mutex mutex_;
    telemetry::Log log_{telemetry::Level::kDebug, [this](std::string_view line) {
                            const std::lock_guard lock(mutex_);
                            lines_.emplace_back(line);
                        }};
    telemetry::Metrics metrics_;
    std::shared_ptr<const fhir::Definitions> definitions_ =
        fhir::Definitions::Load(std::string(CARESTREAM_SOURCE_DIR) + "/schemas/fhir/r4").value();
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<store::Outbound> queue_;
    std::unique_ptr<store::Events> events_;
    std::shared_ptr<const channel::Generation> generation_;
    std::unique_ptr<outbound::Feeder> feeder_;
};

TEST_F(FeederTest, WhatRefersToSomethingThatCannotBeOpenedIsADeadLetterAndHoldsUpNobody) {
    for (const char* id : {"lost", "well"}) PutPatient(id);
    Book("a1", "lost");
    Book("a2", "well");
    Damage("lost");
    feeder_->Start();
    EXPECT_TRUE(Eventually([&] { return Made().size() == 4; }));
    EXPECT_THAT(Made(),
                ElementsAre("one a1 nacked", "one a2 queued", "two a1 nacked", "two a2 queued"));
    EXPECT_EQ(feeder_->Trouble(), "");
    const store::OutboundRow dead = Dead("one");
    EXPECT_EQ(dead.path, "Patient");
    EXPECT_THAT(dead.reason, HasSubstr("Patient/lost cannot be read"));
    {
        const std::lock_guard lock(mutex_);
        EXPECT_THAT(lines_, Contains(AllOf(HasSubstr("outbound.not_made"),
                                           HasSubstr("Patient/lost cannot be read"))));
        EXPECT_THAT(lines_, Not(Contains(HasSubstr("Roe"))));
    }
    // It can be made again once the resource is there again, from a backup.
    EXPECT_EQ(feeder_->MakeAgain(dead).error().code, Code::kConflict);
    Repair("lost");
    const auto again = feeder_->MakeAgain(dead);
    ASSERT_TRUE(again) << again.error().ToString();
    EXPECT_EQ(again->state, OutboundState::kQueued);
}

TEST_F(FeederTest, AnOutageIsNoDeadLetterWhateverElseIsWrong) {
    Put(R"({"resourceType":"Appointment","id":"a1","status":"booked","start":)"
        R"("2026-05-04T09:00:00Z","end":"2026-05-04T09:30:00Z","participant":[)"
        R"({"actor":{"reference":"Patient/lost"},"status":"accepted"},)"
        R"({"actor":{"reference":"Location/down"},"status":"accepted"}]})");
    const auto lost = [](const std::string&, const std::string&) -> Result<std::string> {
        return Fail(Code::kInvalid, "cannot be opened");
    };
    const auto made = Render(lost);
    ASSERT_TRUE(made) << made.error().ToString();
    EXPECT_EQ(made->bytes, "");
    EXPECT_THAT(made->reason, HasSubstr("cannot be opened"));
    for (const char* down : {"Patient", "Location"}) {
        const auto rendered = Render([&](const std::string& type, const std::string& id) {
            return type == down ? FailRetryable("down") : lost(type, id);
        });
        ASSERT_FALSE(rendered) << down;
        EXPECT_TRUE(rendered.error().retryable) << down;
    }
}

}  // namespace
}  // namespace carestream::test
