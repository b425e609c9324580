// Goal: however many race for however few, whatever the destination answers and whenever the
// scheduler or its sessions die, a slot has one booking and none is lost. Method: threads with
// connections of their own; what is stored is read at the end.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "component/scheduling/scheduling_fixture.h"

namespace carestream::test {
namespace {

using scheduling::Confirm;
using scheduling::DeliveryState;
using scheduling::State;

class SchedulingRaceTest : public SchedulingTest {
protected:
    // Books with a key until there is an answer; the Appointment's id, or "" for a refusal.
    std::string Race(const std::string& slot, const std::string& patient, const std::string& key) {
        for (int tries = 0; tries < 200; ++tries) {
            const auto address = [&] {
                const std::lock_guard lock(address_mutex_);
                return bound_;
            }();
            auto client = net::HttpClient::Connect(address);
            if (client) {
                auto answer =
                    client->Send({.method = "POST",
                                  .target = "/fhir/r4/Appointment/$book?slot=" + slot +
                                            "&patient=" + patient + "&idempotency-key=" + key,
                                  .headers = {},
                                  .body = {}});
                if (answer && answer->status < 500) {
                    const auto body = fhir::ParseJson(answer->body);
                    const bool booked = answer->status == 200 || answer->status == 201;
                    EXPECT_TRUE(booked || answer->status == 409) << answer->body;
                    return booked && body ? std::string(body->TextOf("id")) : std::string();
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        ADD_FAILURE() << "no answer";
        return {};
    }
    void Start() {
        StartScheduler(Confirm::kAck);
        const std::lock_guard lock(address_mutex_);
        bound_ = address_;
    }

    std::mutex address_mutex_;
    net::Address bound_;
};

TEST_F(SchedulingRaceTest, OneBookingASlotWhateverHappens) {
    constexpr int kSlots = 10;
    constexpr int kClients = 60;
    for (int i = 0; i < kClients; ++i) {
        const std::string id = "p" + std::to_string(i);
        ASSERT_EQ(Put("Patient/" + id, R"({"resourceType":"Patient","id":")" + id + "\"}").status,
                  201);
    }
    Start();
    std::mt19937 random(7);
    for (int round = 0; round < 3; ++round) {
        auto slots = FreeSlots(kSlots + 3);
        slots.erase(slots.begin(), slots.begin() + 2);
        slots.resize(kSlots);
        std::mutex mutex;
        std::map<std::string, std::vector<std::string>> won;  // slot -> Appointments
        std::vector<std::thread> clients;
        for (int i = 0; i < kClients; ++i) {
            clients.emplace_back([&, i] {
                const std::string& slot = slots[static_cast<std::size_t>(i % kSlots)];
                const std::string id =
                    Race(slot, "p" + std::to_string(i), "r" + std::to_string(round));
                const std::lock_guard lock(mutex);
                if (!id.empty()) won[slot].push_back(id);
            });
        }
        // In the middle: the writer's session dies, then the scheduler with its server.
        ASSERT_TRUE(
            Connect().Execute("select pg_terminate_backend(pid) from pg_stat_activity "
                              "where application_name = 'carestream rest writer'"));
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        StopScheduler();
        Start();
        for (std::thread& client : clients) client.join();
        ASSERT_EQ(won.size(), slots.size());
        // The destination takes, refuses and forgets them.
        std::vector<std::pair<std::string, DeliveryState>> told;
        for (const auto& [slot, ids] : won) {
            EXPECT_EQ(ids.size(), 1u) << slot;
            const DeliveryState states[] = {DeliveryState::kTaken, DeliveryState::kRefused,
                                            DeliveryState::kUncertain};
            told.emplace_back(ids[0], states[random() % 3]);
            Deliver(ids[0], told.back().second);
        }
        for (const auto& [id, state] : told) {
            Becomes(id, state == DeliveryState::kTaken     ? "booked"
                        : state == DeliveryState::kRefused ? "compensated"
                                                           : "being-clarified");
        }
    }
    // Every booking that is not settled has its slot, and no two have the same; every slot that is
    // taken has a booking.
    std::set<std::string> taken;
    const auto open = scheduler_->List(std::nullopt, "", 1'000).value();
    for (const scheduling::Record& record : open) {
        EXPECT_TRUE(record.saga.state == State::kBooked || record.saga.state == State::kAmbiguous)
            << ToString(record.saga.state);
        EXPECT_TRUE(taken.insert(record.slot.id).second) << record.slot.id << " is booked twice";
        EXPECT_EQ(SlotStatus(record.slot.id), "busy");
    }
    EXPECT_EQ(Get("Slot?status=busy,busy-tentative&_summary=count").body.Find("total")->text(),
              std::to_string(taken.size()));
}

}  // namespace
}  // namespace carestream::test
