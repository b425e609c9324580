#pragma once
// The scheduler behind the REST API on a real store: templates in a folder, a clock that can be put
// forward, and deliveries as a test states them.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "component/rest/rest_fixture.h"
#include "scheduling/internal/resources.h"
#include "scheduling/operations.h"
#include "scheduling/scheduler.h"
#include "tests/support/token_gate.h"

namespace carestream::test {

// The system's time, put forward. Thread-safe.
class AheadClock final : public Clock {
public:
    [[nodiscard]] Micros Now() const override { return SystemClock().Now() + ahead_; }
    void Advance(Micros by) { ahead_ += by; }

private:
    std::atomic<Micros> ahead_ = 0;
};

// What became of messages, in the order in which a test says it. Outlives schedulers.
struct DeliveryLog {
    std::mutex mutex;
    std::vector<scheduling::Delivery> all;  // guarded by mutex

    void Add(scheduling::Delivery delivery) {
        const std::lock_guard lock(mutex);
        delivery.change = static_cast<std::int64_t>(all.size()) + 1;
        all.push_back(std::move(delivery));
    }
};

class StatedDeliveries final : public scheduling::Deliveries {
public:
    explicit StatedDeliveries(DeliveryLog& log) : log_(log) {}
    Result<std::vector<scheduling::Delivery>> Changes(std::int64_t after, int limit) override {
        const std::lock_guard lock(log_.mutex);
        std::vector<scheduling::Delivery> found;
        for (const auto& one : log_.all) {
            if (one.change > after && static_cast<int>(found.size()) < limit) found.push_back(one);
        }
        return found;
    }

private:
    DeliveryLog& log_;
};

class SchedulingTest : public RestTest {
protected:
    static constexpr Micros kMinute = 60'000'000;

    void SetUp() override {
        folder_ = state_folder() / "schedules";
        std::filesystem::create_directories(folder_);
        events_.committed = [this](std::int64_t) {
            const std::lock_guard lock(scheduler_mutex_);
            if (scheduler_) scheduler_->Wake();
        };
        RestTest::StartService({});
        ASSERT_EQ(Put("Patient/ada", R"({"resourceType":"Patient","id":"ada"})").status, 201);
        ASSERT_EQ(Put("Patient/bob", R"({"resourceType":"Patient","id":"bob"})").status, 201);
        ASSERT_EQ(Put("Location/room", R"({"resourceType":"Location","id":"room"})").status, 201);
    }
    void TearDown() override {
        StopScheduler();
        RestTest::TearDown();
    }

    // Day and night for three days, unless a test says more.
    void PutTemplate(const std::string& more = "", int slot_minutes = 60,
                     const std::string& name = "room") {
        std::ofstream(folder_ / (name + ".yaml"))
            << "schedule: " << name << "\ntitle: Room\nlocation: room\ntime_zone: Europe/Berlin\n"
            << "slot_minutes: " << slot_minutes << "\nhorizon_days: 3\n"
            << "service_type: http://snomed.info/sct|394582007\n"
            << (more.find("hours:") == std::string::npos
                    ? "hours:\n  - {days: [mon, tue, wed, thu, fri, sat, sun], from: \"00:00\", "
                      "to: \"24:00\"}\n"
                    : "")
            << more;
        LoadTemplates();
    }
    void LoadTemplates() {
        auto loaded = scheduling::Templates::Load(folder_, "");
        ASSERT_TRUE(loaded.templates) << loaded.errors.at(0).ToString();
        {
            const std::lock_guard lock(templates_mutex_);
            templates_ = std::move(loaded.templates);
        }
        if (scheduler_) scheduler_->Reload();
    }

    void StartScheduler(scheduling::Confirm confirm = scheduling::Confirm::kNone) {
        if (!templates_) PutTemplate();
        scheduling::SchedulerOptions options = options_;
        options.confirm = confirm;
        if (confirm != scheduling::Confirm::kNone) options.destination = "ehr";
        auto scheduler = std::make_unique<scheduling::Scheduler>(
            options, scheduling::SchedulerParts{
                         definitions_,
                         [this] {
                             const std::lock_guard lock(templates_mutex_);
                             return templates_;
                         },
                         store_->MakeEvents(), store_->MakeBookings(), store_->MakeBookings(),
                         std::make_unique<StatedDeliveries>(deliveries_), store_->reader(),
                         store_->writer(), store_->keys(), ahead_, log_, metrics_});
        write_rules_ = scheduling::WriteRules();
        RestTest::StartService({}, scheduling::Operations(*scheduler));
        const std::lock_guard lock(scheduler_mutex_);
        scheduler_ = std::move(scheduler);
        scheduler_->Start();
    }
    void StopScheduler() {
        client_.reset();
        server_.reset();
        service_.reset();
        std::unique_ptr<scheduling::Scheduler> gone;
        {
            const std::lock_guard lock(scheduler_mutex_);
            gone = std::move(scheduler_);
        }
        if (gone) gone->Stop();
    }

    // From the next StartScheduler on each request needs a token.
    void RequireTokens() {
        StopScheduler();
        gate_ = tokens_.Make(state_folder(), clock_, log_);
    }
    // "" = no patient's.
    [[nodiscard]] Headers Token(const std::string& patient, const std::string& scope) const {
        return tokens_.Token("s", patient, scope);
    }

    Reply Operate(const std::string& target,
                  const std::vector<std::pair<std::string, std::string>>& parameters,
                  const Headers& headers = {}) {
        std::string body;
        for (const auto& [name, value] : parameters) {
            body += (body.empty() ? "" : ",") + std::string(R"({"name":")") + name +
                    R"(","valueString":")" + value + "\"}";
        }
        return Post("Appointment" + target,
                    R"({"resourceType":"Parameters","parameter":[)" + body + "]}", headers);
    }
    Reply Book(const std::string& slot, const std::string& patient, const std::string& key = "") {
        std::vector<std::pair<std::string, std::string>> parameters = {
            {"slot", "Slot/" + slot}, {"patient", "Patient/" + patient}};
        if (!key.empty()) parameters.emplace_back("idempotency-key", key);
        return Operate("/$book", parameters);
    }
    // Ids of the free slots, earliest first, once there are `count` of them.
    std::vector<std::string> FreeSlots(std::size_t count = 10) {
        return Found("_count=200", count);
    }
    // The same of what $find gives for `parameters`.
    std::vector<std::string> Found(const std::string& parameters, std::size_t count) {
        std::vector<std::string> ids;
        const bool there = Eventually(
            [&] {
                ids.clear();
                const Reply found = Get("Appointment/$find?" + parameters);
                const fhir::Node* entries = found.body.Find("entry");
                if (entries == nullptr) return false;
                for (const fhir::Node& entry : entries->items()) {
                    const fhir::Node* slots = entry.Find("resource")->Find("slot");
                    if (slots == nullptr) continue;
                    ids.push_back(
                        scheduling::IdOf(slots->items().at(0).TextOf("reference"), "Slot"));
                }
                return ids.size() >= count;
            },
            30'000);
        EXPECT_TRUE(there) << ids.size() << " slots of " << parameters;
        return ids;
    }
    std::string SlotStatus(const std::string& id) {
        const Reply read = Get("Slot/" + id);
        return read.status == 200 ? std::string(read.body.TextOf("status"))
                                  : std::to_string(read.status);
    }
    // "booked", "being-clarified", ... of the extension.
    static std::string StateIn(const fhir::Node& appointment,
                               std::string_view url = scheduling::kStateExtension) {
        const fhir::Node* extensions = appointment.Find("extension");
        if (extensions == nullptr) return {};
        for (const fhir::Node& extension : extensions->items()) {
            if (extension.TextOf("url") == url) return extension.members().at(1).value.text();
        }
        return {};
    }
    std::string StateOf(const std::string& id) { return StateIn(Get("Appointment/" + id).body); }
    bool Becomes(const std::string& id, const std::string& state) {
        std::string now;
        const bool became = Eventually(
            [&] {
                now = StateOf(id);
                return now == state;
            },
            20'000);
        EXPECT_TRUE(became) << "it is " << now;
        return became;
    }
    // What becomes of the message for the newest request of an appointment.
    void Deliver(const std::string& id, scheduling::DeliveryState state,
                 const std::string& code = "AA", const std::string& channel = "ehr") {
        const std::string asked =
            StateIn(Get("Appointment/" + id).body, scheduling::kRequestExtension);
        ASSERT_NE(asked, "") << "nothing was asked";
        scheduling::Delivery delivery;
        delivery.channel = channel;
        delivery.appointment = id;
        delivery.event = std::stoll(
            Scalar("select max(e.seq) from event e join resource r on r.pk = e.resource where "
                   "r.id = '" +
                   id + "'"));
        delivery.state = state;
        delivery.code = code;
        deliveries_.Add(std::move(delivery));
        scheduler_->Wake();
    }
    // A message of the EHR about an appointment, found by the placer's number.
    void Ehr(const std::string& id, const std::string& members) {
        EXPECT_EQ(
            Feed({ChangeOf("Appointment", "urn:carestream:authority:CARESTREAM", id, members)}),
            id);
    }
    // `key` finds it again; its provisional id is "<type>-<key>".
    static fhir::Change ChangeOf(const std::string& type, const std::string& system,
                                 const std::string& key, const std::string& members) {
        fhir::Change change;
        change.type = type;
        change.provisional_id = type + "-" + key;
        change.keys = {{system, key}};
        change.resource = fhir::ParseJson(R"({"resourceType":")" + type + R"(","id":")" +
                                          change.provisional_id + "\"," + members + "}")
                              .value();
        return change;
    }
    // A message with these changes; the id of what the last one is about.
    std::string Feed(std::vector<fhir::Change> changes) {
        store::FeedWrite write;
        write.seq = ++messages_;
        write.received = clock_.Now();
        write.event = "SIU^S12";
        write.changes.changes = std::move(changes);
        write.changes.source = "ehr|A|B";
        std::promise<Result<store::FeedResult>> promise;
        store_->writer().SubmitFeed(std::move(write), [&](Result<store::FeedResult> result) {
            promise.set_value(std::move(result));
        });
        const auto result = promise.get_future().get();
        if (!result || result->resources.empty()) {
            ADD_FAILURE() << (result ? result->reason : result.error().ToString());
            return {};
        }
        return result->resources.back().id;
    }

    const TokenGate tokens_;
    AheadClock ahead_;
    scheduling::SchedulerOptions options_;
    DeliveryLog deliveries_;
    std::filesystem::path folder_;
    std::mutex templates_mutex_;
    std::shared_ptr<const scheduling::Templates> templates_;
    std::mutex scheduler_mutex_;
    std::unique_ptr<scheduling::Scheduler> scheduler_;
    std::int64_t messages_ = 0;
};

}  // namespace carestream::test
