// Goal: what the writer promises about identity, versions, order and events, on a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <numeric>
#include <set>
#include <thread>

#include "tests/component/store/resource_fixture.h"

namespace carestream {
namespace {

using fhir::ChangeMode;
using store::OutcomeStatus;
using testing::ElementsAre;
using testing::HasSubstr;

class WriterTest : public test::ResourceTest {
protected:
    fhir::Change Patient(const std::string& mrn, const std::string& members,
                         ChangeMode mode = ChangeMode::kUpsert) {
        return Change("Patient", mrn,
                      R"({"identifier":[{"system":"urn:test:mrn","value":")" + mrn + "\"}]" +
                          (members.empty() ? "" : "," + members) + "}",
                      mode);
    }
    fhir::Change Encounter(const std::string& number, const std::string& mrn,
                           const std::string& members) {
        return Change(
            "Encounter", number,
            R"({"status":"in-progress","class":{"code":"IMP"},"subject":{"reference":"Patient/)" +
                IdOf("Patient", mrn) + "\"}" + (members.empty() ? "" : "," + members) + "}");
    }
    fhir::Node Stored(const std::string& type, const std::string& id) {
        const auto read = Read(type, id);
        EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().ToString());
        return read && !read->body.empty() ? test::Json(read->body) : fhir::Node();
    }
};

TEST_F(WriterTest, MessageBecomesReadableResources) {
    const auto result =
        Feed(Message({Patient("1", R"("gender":"female")"), Encounter("V1", "1", "")}));
    ASSERT_TRUE(result.has_value()) << result.error().ToString();
    ASSERT_EQ(result->resources.size(), 2u);
    EXPECT_TRUE(result->resources[0].created);
    EXPECT_EQ(result->resources[0].version, 1);
    const fhir::Node patient = Stored("Patient", IdOf("Patient", "1"));
    EXPECT_EQ(patient.TextOf("gender"), "female");
    EXPECT_EQ(patient.Find("meta")->TextOf("versionId"), "1");
    // The visit belongs to the patient by number, not by text.
    EXPECT_EQ(Scalar("select count(*) from resource r join resource p on p.pk = r.subject where "
                     "p.id = '" +
                     IdOf("Patient", "1") + "'"),
              "2");
    EXPECT_EQ(Scalar("select status from outcome where seq = 1"), "1");
}

TEST_F(WriterTest, SameContentAgainMakesNoVersionAndNoEvent) {
    ASSERT_TRUE(Feed(Message({Patient("1", R"("gender":"female")")})).has_value());
    const auto again = Feed(Message({Patient("1", R"("gender":"female")"),
                                     Change("Provenance", "m2", R"({"recorded":"2026-01-01"})")}));
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(again->resources.empty());
    EXPECT_EQ(Scalar("select count(*) from version"), "1");
    EXPECT_EQ(Scalar("select seq from event_head"), "1");
    EXPECT_EQ(Scalar("select count(*) from outcome"), "2");
    // Its stamp counts all the same: an older message may not win now.
    auto late = Message({Patient("1", R"("gender":"male")")});
    late.changes.order_time = test::kDay0 + 1'500'000;
    const auto superseded = Feed(std::move(late));
    ASSERT_TRUE(superseded.has_value());
    EXPECT_THAT(superseded->superseded,
                testing::Contains("Patient/" + IdOf("Patient", "1") + ".gender"));
    EXPECT_EQ(Stored("Patient", IdOf("Patient", "1")).TextOf("gender"), "female");
}

TEST_F(WriterTest, AnyOrderOfArrivalGivesTheSameState) {
    const std::vector<std::string> members = {
        R"("gender":"female")", R"("birthDate":"1980-01-02","gender":"male")",
        R"("deceasedBoolean":false,"name":[{"family":"Roe"}])",
        R"("name":[{"family":"Doe"}],"birthDate":"1980-01-03")"};
    std::vector<std::size_t> order(members.size());
    std::iota(order.begin(), order.end(), 0);
    std::string expected;
    int person = 0;
    do {
        const std::string mrn = "P" + std::to_string(++person);
        std::vector<std::future<Result<store::FeedResult>>> waiting;
        for (const std::size_t i : order) {
            auto write = Message({Patient(mrn, members[i])});
            write.changes.order_time = test::kDay0 + static_cast<Micros>(i) * 1000;
            waiting.push_back(Submit(std::move(write)));
        }
        for (auto& one : waiting) ASSERT_TRUE(one.get().has_value());
        fhir::Node state = Stored("Patient", IdOf("Patient", mrn));
        for (const char* name : {"id", "meta", "identifier"}) state.Remove(name);
        if (expected.empty()) expected = fhir::ToJson(state);
        EXPECT_EQ(fhir::ToJson(state), expected);
    } while (std::next_permutation(order.begin(), order.end()));
    EXPECT_THAT(expected, HasSubstr("1980-01-03"));
}

// What a source leaves out of a snapshot is ended, in whatever order its messages arrive; what only
// another source names is not, and a newer word of another one counts.
TEST_F(WriterTest, ASnapshotEndsWhatItLeavesOut) {
    struct Sent {
        const char* source;
        const char* names;  // a letter each
        bool snapshot;
    };
    const std::vector<Sent> messages = {{"X", "ABD", true}, {"X", "AD", true}, {"Y", "BE", false},
                                        {"X", "", false},   {"X", "AC", true}, {"Y", "D", false}};
    const auto allergy = [&](const std::string& mrn, char name) {
        return Change("AllergyIntolerance", mrn + name,
                      R"({"clinicalStatus":{"coding":[{"code":"active"}]},"patient":{"reference":)"
                      R"("Patient/)" +
                          IdOf("Patient", mrn) + "\"}}");
    };
    std::vector<std::size_t> order(messages.size());
    std::iota(order.begin(), order.end(), 0);
    int person = 0;
    do {
        const std::string mrn = "S" + std::to_string(++person);
        const bool one_by_one = person % 2 == 0;
        std::vector<std::future<Result<store::FeedResult>>> waiting;
        for (const std::size_t i : order) {
            // A feed without authority for patients does not update them.
            std::vector<fhir::Change> changes = {
                Patient(mrn, "", i % 2 == 0 ? ChangeMode::kUpsert : ChangeMode::kFindOrCreate)};
            fhir::Snapshot snapshot{"AllergyIntolerance", 0, {}, {}};
            snapshot.ended = test::Json(R"({"clinicalStatus":{"coding":[{"code":"inactive"}]}})");
            for (const char* name = messages[i].names; *name != '\0'; ++name) {
                snapshot.entries.push_back(changes.size());
                changes.push_back(allergy(mrn, *name));
            }
            auto write = Message(std::move(changes));
            write.changes.source = messages[i].source;
            write.changes.order_time = test::kDay0 + static_cast<Micros>(i) * 1000;
            if (messages[i].snapshot) write.changes.snapshots.push_back(std::move(snapshot));
            waiting.push_back(Submit(std::move(write)));
            if (one_by_one) waiting.back().wait();
        }
        for (auto& one : waiting) {
            const auto result = one.get();
            ASSERT_TRUE(result.has_value()) << result.error().ToString();
            ASSERT_NE(result->status, OutcomeStatus::kDeadLetter) << result->reason;
        }
        std::string state;
        for (const char name : std::string("ABCDE")) {
            const fhir::Node stored =
                Stored("AllergyIntolerance", IdOf("AllergyIntolerance", mrn + name));
            state +=
                fhir::ToJson(*stored.Find("clinicalStatus")).find("inactive") == std::string::npos
                    ? name
                    : '-';
        }
        // B: ended by X at 4 though Y named it at 2. D: X left it out at 4, Y named it at 5.
        ASSERT_EQ(state, "A-CDE") << testing::PrintToString(order);
        for (int skip = 0; skip < 10; ++skip) std::next_permutation(order.begin(), order.end());
    } while (std::next_permutation(order.begin(), order.end()) && person < 66);
}

// Also when the writer has long forgotten the merge.
TEST_F(WriterTest, AMessageOlderThanAMergeGoesToWhomItNamedThen) {
    const auto at = [](store::FeedWrite write, int second) {
        write.changes.order_time = test::kDay0 + second * 1'000'000LL;
        return write;
    };
    ASSERT_TRUE(Feed(at(Message({Patient("S", ""), Patient("L", "")}), 1)).has_value());
    auto merge = at(Message({Patient("S", ""), Patient("L", "")}), 5);
    merge.changes.links.push_back({0, 1, false});
    ASSERT_TRUE(Feed(std::move(merge)).has_value());
    const std::string survivor = IdOf("Patient", "S");
    const std::string loser = IdOf("Patient", "L");
    ASSERT_EQ(Stored("Patient", loser).Find("active")->text(), "false");
    StopWriter();
    ASSERT_TRUE(Feed(at(Message({Patient("L", R"("gender":"male")")}), 3)).has_value());
    EXPECT_EQ(Stored("Patient", loser).TextOf("gender"), "male");
    EXPECT_EQ(Stored("Patient", survivor).TextOf("gender"), "");
    StopWriter();
    ASSERT_TRUE(Feed(at(Message({Patient("L", R"("birthDate":"1980-01-02")")}), 7)).has_value());
    EXPECT_EQ(Stored("Patient", survivor).TextOf("birthDate"), "1980-01-02");
    EXPECT_EQ(Stored("Patient", loser).TextOf("birthDate"), "");
}

TEST_F(WriterTest, EventsHaveNoGapsAndBatchesKeepOrder) {
    std::vector<std::future<Result<store::FeedResult>>> waiting;
    for (int i = 0; i < 300; ++i) {
        waiting.push_back(Submit(
            Message({Patient(std::to_string(i % 10),
                             R"("birthDate":")" + std::to_string(1900 + i % 100) +
                                 R"(-01-01","multipleBirthInteger":)" + std::to_string(i))})));
    }
    for (auto& one : waiting) ASSERT_TRUE(one.get().has_value());
    EXPECT_EQ(Scalar("select count(*) from event"), "300");
    EXPECT_EQ(Scalar("select max(seq) from event"), "300");
    EXPECT_EQ(Scalar("select count(*) from (select seq, lag(message) over (order by seq) m, "
                     "message from event) e where m > message"),
              "0");
    EXPECT_EQ(Stored("Patient", IdOf("Patient", "3")).TextOf("multipleBirthInteger"), "");
    EXPECT_EQ(Stored("Patient", IdOf("Patient", "3")).Find("multipleBirthInteger")->text(), "293");
}

TEST_F(WriterTest, SecondIdentifierFindsTheSamePatientAndReferencesFollow) {
    ASSERT_TRUE(Feed(Message({Patient("1", "")})).has_value());
    // Known by "1", named by a new strongest identifier: the provisional id differs from the
    // stored.
    auto patient = Patient("new", R"("gender":"male")");
    patient.keys.push_back({"urn:test:mrn", "1"});
    const auto result = Feed(Message({patient, Encounter("V1", "new", "")}));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->resources[0].id, IdOf("Patient", "1"));
    EXPECT_EQ(Stored("Encounter", IdOf("Encounter", "V1")).Find("subject")->TextOf("reference"),
              "Patient/" + IdOf("Patient", "1"));
    // From now on the new identifier alone finds it.
    const auto third = Feed(Message({Patient("new", R"("gender":"other")")}));
    ASSERT_EQ(third->resources.size(), 1u);
    EXPECT_EQ(third->resources[0].id, IdOf("Patient", "1"));
    EXPECT_EQ(Scalar("select count(*) from resource where type = (select type from resource "
                     "where id = '" +
                     IdOf("Patient", "1") + "')"),
              "1");
}

TEST_F(WriterTest, IdentifiersOfTwoPatientsAreAConflictForAPerson) {
    ASSERT_TRUE(Feed(Message({Patient("1", "")})).has_value());
    ASSERT_TRUE(Feed(Message({Patient("2", "")})).has_value());
    auto both = Patient("1", R"("gender":"male")");
    both.keys.push_back({"urn:test:mrn", "2"});
    const auto result = Feed(Message({both}));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->identity_conflicts, 1);
    EXPECT_EQ(result->resources.at(0).id, IdOf("Patient", "1"));
    EXPECT_EQ(Scalar("select count(*) from identity_conflict"), "1");
    EXPECT_FALSE(Stored("Patient", IdOf("Patient", "2")).Find("gender"));
}

TEST_F(WriterTest, FindNeverUpdatesAndUpdateNeverMakes) {
    const auto update =
        Feed(Message({Patient("1", R"("gender":"male")", ChangeMode::kUpdateOnly)}));
    ASSERT_TRUE(update.has_value());
    EXPECT_THAT(update->skipped, ElementsAre("Patient"));
    EXPECT_EQ(Scalar("select count(*) from resource"), "0");
    ASSERT_TRUE(
        Feed(Message({Patient("1", R"("gender":"male")", ChangeMode::kFindOrCreate)})).has_value());
    const auto found =
        Feed(Message({Patient("1", R"("gender":"female")", ChangeMode::kFindOrCreate)}));
    EXPECT_TRUE(found->resources.empty());
    EXPECT_EQ(Stored("Patient", IdOf("Patient", "1")).TextOf("gender"), "male");
}

TEST_F(WriterTest, ObservationBeforeItsPatientBelongsToItLater) {
    const auto observation =
        Create(R"({"resourceType":"Observation","status":"final","code":{"text":"x"},)"
               R"("subject":{"reference":"Patient/late"}})");
    ASSERT_TRUE(observation.has_value()) << observation.error().ToString();
    EXPECT_EQ(Read("Patient", "late").error().code, Code::kNotFound);
    const auto patient = Update(R"({"resourceType":"Patient","id":"late","gender":"male"})");
    ASSERT_TRUE(patient.has_value());
    EXPECT_TRUE(patient->created);
    EXPECT_EQ(patient->version.version, 1);
    EXPECT_EQ(Scalar("select count(*) from resource r join resource p on p.pk = r.subject where "
                     "p.id = 'late' and r.id <> 'late'"),
              "1");
}

TEST_F(WriterTest, MergedPatientsMessagesLandOnTheSurvivorUntilUnlinked) {
    ASSERT_TRUE(Feed(Message({Patient("1", ""), Patient("2", "")})).has_value());
    // Whom a patient is linked with is remembered by the reader, and forgotten with each change.
    const auto linked = [&](const std::string& patient) {
        std::promise<std::set<std::string>> promise;
        reader().LinkedIds(
            1, IdOf("Patient", patient), [&](const Result<std::vector<std::string>>& ids) {
                promise.set_value(ids ? std::set<std::string>(ids->begin(), ids->end())
                                      : std::set<std::string>());
            });
        return promise.get_future().get();
    };
    const std::set<std::string> both = {IdOf("Patient", "1"), IdOf("Patient", "2")};
    EXPECT_EQ(linked("1"), std::set<std::string>{IdOf("Patient", "1")});
    auto merge = Message(
        {Patient("1", "", ChangeMode::kFindOrCreate), Patient("2", "", ChangeMode::kFindOrCreate)});
    merge.changes.links = {{.survivor = 0, .loser = 1, .remove = false}};
    const auto merged = Feed(merge);
    ASSERT_TRUE(merged.has_value()) << merged.error().ToString();
    EXPECT_EQ(merged->resources.size(), 2u);
    EXPECT_EQ(linked("1"), both);
    EXPECT_EQ(linked("2"), both);
    EXPECT_EQ(fhir::ToJson(*Stored("Patient", IdOf("Patient", "2")).Find("link")),
              R"([{"other":{"reference":"Patient/)" + IdOf("Patient", "1") +
                  R"("},"type":"replaced-by"}])");
    EXPECT_EQ(Stored("Patient", IdOf("Patient", "2")).Find("active")->text(), "false");
    const auto later = Feed(Message({Patient("2", R"("gender":"male")")}));
    EXPECT_EQ(later->resources.at(0).id, IdOf("Patient", "1"));
    // The same merge again changes nothing.
    merge.seq = 90;
    EXPECT_TRUE(Feed(merge)->resources.empty());

    auto unlink = merge;
    unlink.seq = 91;
    unlink.received += 90'000'000;
    unlink.changes.links[0].remove = true;
    EXPECT_EQ(Feed(unlink)->resources.size(), 2u);
    EXPECT_EQ(linked("2"), std::set<std::string>{IdOf("Patient", "2")});
    EXPECT_EQ(Scalar("select count(*) from link"), "0");
    EXPECT_FALSE(Stored("Patient", IdOf("Patient", "2")).Find("link"));
    auto after = Message({Patient("2", R"("gender":"other")")});
    after.changes.order_time = test::kDay0 + 99'000'000;
    EXPECT_EQ(Feed(after)->resources.at(0).id, IdOf("Patient", "2"));
}

TEST_F(WriterTest, WhatWasNotMadeLeavesNoIdentityBehind) {
    // A no-op makes no Provenance; the same MSH-10 with other content came later and stopped
    // every message behind it.
    ASSERT_TRUE(Feed(Message({Patient("1", R"("gender":"female")")})).has_value());
    const auto provenance = [&] {
        return Change("Provenance", "EHR|2", R"({"recorded":"2026-01-01"})");
    };
    ASSERT_TRUE(Feed(Message({Patient("1", R"("gender":"female")"), provenance()})).has_value());
    EXPECT_EQ(Scalar("select count(*) from identity i where not exists (select 1 from resource r "
                     "where r.pk = i.resource)"),
              "0");
    const auto third = Feed(Message({Patient("1", R"("gender":"male")"), provenance()}));
    ASSERT_TRUE(third.has_value());
    EXPECT_EQ(third->resources.size(), 2u);
}

TEST_F(WriterTest, ProvenanceNamesWhatItsMessageChanged) {
    const auto reference = [](const std::string& type, const std::string& value) {
        return type + "/" + IdOf(type, value);
    };
    const auto targets = [&](const std::vector<std::string>& references) {
        std::string text;
        for (const std::string& one : references)
            text += (text.empty() ? "" : ",") + (R"({"reference":")" + one + R"("})");
        return R"({"recorded":"2026-01-01","target":[)" + text + "]}";
    };
    const std::string patient = reference("Patient", "1");
    const std::string visit = reference("Encounter", "V1");
    const std::string doctor = reference("Practitioner", "D1");
    const auto message = [&](const std::string& id, const std::string& status) {
        return Message({Patient("1", R"("gender":"female")"), Encounter("V1", "1", status),
                        Change("Practitioner", "D1", R"({"active":true})"),
                        Change("Provenance", id, targets({patient, visit, doctor})),
                        Change("Provenance", id + "-doctor", targets({doctor}))});
    };
    ASSERT_TRUE(Feed(message("m1", "")).has_value());
    ASSERT_TRUE(Feed(message("m2", R"("period":{"start":"2026"})")).has_value());
    const auto named = [&](const std::string& id) {
        std::vector<std::string> references;
        const fhir::Node provenance = Stored("Provenance", IdOf("Provenance", id));
        for (const fhir::Node& target : provenance.Find("target")->items())
            references.emplace_back(target.TextOf("reference"));
        return references;
    };
    EXPECT_THAT(named("m1"), testing::ElementsAre(patient, visit, doctor));
    EXPECT_THAT(named("m1-doctor"), testing::ElementsAre(doctor));
    // The patient stays as the one whom it is about.
    EXPECT_THAT(named("m2"), testing::ElementsAre(patient, visit));
    EXPECT_FALSE(Read("Provenance", IdOf("Provenance", "m2-doctor")).has_value());
}

TEST_F(WriterTest, IdentityOfNothingHoldsUpItsOwnMessageOnly) {
    // As an older release could leave it behind.
    ASSERT_TRUE(Feed(Message({Patient("1", "")})).has_value());
    StopWriter();  // it would remember
    ASSERT_TRUE(Connect().Execute("update identity set resource = 999999").has_value());
    auto stuck = Submit(Message({Patient("1", R"("gender":"male")")}));
    auto behind = Submit(Message({Patient("2", "")}));
    const auto dead = stuck.get();
    ASSERT_TRUE(dead.has_value());
    EXPECT_EQ(dead->status, OutcomeStatus::kDeadLetter);
    EXPECT_EQ(Scalar("select stage from outcome where status = 3"), "write");
    const auto next = behind.get();
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->status, OutcomeStatus::kProcessed);
}

TEST_F(WriterTest, FeedSeesWhatRestChangedMeanwhile) {
    ASSERT_TRUE(Feed(Message({Patient("1", R"("gender":"female")")})).has_value());
    const std::string id = IdOf("Patient", "1");
    // The identifier goes: the feed remembers where it led, and must not follow it there.
    ASSERT_TRUE(
        Update(R"({"resourceType":"Patient","id":")" + id + R"(","gender":"male"})").has_value());
    const auto other = Create(
        R"({"resourceType":"Patient","identifier":[{"system":"urn:test:mrn","value":"1"}]})");
    ASSERT_TRUE(other.has_value());
    ASSERT_TRUE(
        Feed(Message({Patient("1", "", ChangeMode::kFindOrCreate), Encounter("V1", "1", "")}))
            .has_value());
    EXPECT_EQ(Stored("Encounter", IdOf("Encounter", "V1")).Find("subject")->TextOf("reference"),
              "Patient/" + other->version.id);
}

TEST_F(WriterTest, FeedAndRestOnOneResourceLoseNothing) {
    constexpr int kEach = 150;
    ASSERT_TRUE(Feed(Message({Patient("1", "")})).has_value());
    const std::string id = IdOf("Patient", "1");
    std::vector<std::future<Result<store::FeedResult>>> feeds;
    std::thread app([&] {
        for (int i = 0; i < kEach; ++i) {
            const auto made = Update(R"({"resourceType":"Patient","id":")" + id +
                                     R"(","multipleBirthInteger":)" + std::to_string(i + 1) + "}");
            EXPECT_TRUE(made.has_value());
        }
    });
    for (int i = 0; i < kEach; ++i) {
        auto write = Message({Patient("1", R"("birthDate":")" + std::to_string(1800 + i) + "\"")});
        write.changes.order_time = test::kDay0 + 1'000'000'000'000 + i;
        feeds.push_back(Submit(std::move(write)));
        if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    for (auto& one : feeds) {
        const auto result = one.get();
        ASSERT_TRUE(result.has_value());
        EXPECT_EQ(result->resources.size(), 1u);
    }
    app.join();
    // Every effective change is a version and an event, numbered without gaps.
    EXPECT_EQ(Scalar("select count(*) from version"), std::to_string(2 * kEach + 1));
    EXPECT_EQ(Scalar("select max(version) from version"), std::to_string(2 * kEach + 1));
    EXPECT_EQ(Scalar("select seq from event_head"), std::to_string(2 * kEach + 1));
    EXPECT_EQ(
        Scalar("select count(*) from index_token t where not exists (select 1 from resource r "
               "where r.pk = t.resource)"),
        "0");
}

TEST_F(WriterTest, ReaderOfEventsMissesNoneBehindADelayedCommit) {
    constexpr int kEach = 60;
    constexpr int kSlow = 15;
    ASSERT_TRUE(Feed(Message({Patient("first", "")})).has_value());
    std::atomic<bool> written = false;
    std::int64_t cursor = 0;
    std::thread consumer([&] {
        auto session = Connect();
        for (bool last = false; !last;) {
            last = written;
            const auto rows =
                session.Query("select seq from event where seq > $1::int8 order by seq",
                              store::pg::Params().Int8(cursor));
            ASSERT_TRUE(rows.has_value());
            for (int row = 0; row < rows->size(); ++row) {
                // What is numbered later is committed later: nothing appears behind the cursor.
                EXPECT_EQ(rows->Int8(row, 0), cursor + 1);
                cursor = rows->Int8(row, 0);
            }
        }
    });
    std::thread slow([&] {
        auto session = Connect();
        for (int i = 0; i < kSlow; ++i) {
            ASSERT_TRUE(session.Execute(
                "begin; with head as (update event_head set seq = seq + 1 returning seq) insert "
                "into event (seq, resource, message, updated, version, tenant, type, kind) "
                "select seq, 0, 0, now(), 1, 1, 1, 1 from head"));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            ASSERT_TRUE(session.Execute("commit"));
        }
    });
    std::thread app([&] {
        for (int i = 0; i < kEach; ++i) {
            EXPECT_TRUE(Create(R"({"resourceType":"Patient","gender":"male"})").has_value());
        }
    });
    for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(Feed(Message({Patient(std::to_string(i), "")})).has_value());
    }
    app.join();
    slow.join();
    written = true;
    consumer.join();
    EXPECT_EQ(cursor, 1 + 2 * kEach + kSlow);
}

TEST_F(WriterTest, TextThatTheDatabaseRefusesStillGetsAnOutcome) {
    auto write = Message({Patient("1", "")});
    write.event = "ADT^A0\xe9";
    write.path = std::string("PID\0", 4);
    ASSERT_TRUE(Feed(std::move(write)).has_value());
    EXPECT_EQ(Scalar("select event from outcome"), "ADT^A0?");
}

TEST_F(WriterTest, IdentifierOfAnotherPatientIsNotTakenOver) {
    const auto keyed = [](fhir::Change change, std::vector<std::string> keys) {
        const std::vector<std::string> parts(keys.size(), "PID-3");
        change.lists.push_back(
            {"identifier", fhir::ListPolicy::kMerge, std::move(keys), parts, {}});
        return change;
    };
    ASSERT_TRUE(Feed(Message({keyed(Patient("1", ""), {"1"}), keyed(Patient("2", ""), {"2"})}))
                    .has_value());
    auto both = Change(
        "Patient", "1",
        R"({"identifier":[{"system":"urn:test:mrn","value":"1"},{"system":"urn:test:mrn","value":"2"}]})");
    both.keys.push_back({"urn:test:mrn", "2"});
    // What stands beside the entries goes with them.
    const auto result = Feed(Message({keyed(both, {"1", "2"})}));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->status, OutcomeStatus::kProcessed) << result->reason;
    EXPECT_EQ(result->identity_conflicts, 1);
    EXPECT_THAT(result->reason, HasSubstr("identifiers of the message lead to two"));
    const fhir::Node kept = Stored("Patient", IdOf("Patient", "1"));
    EXPECT_EQ(fhir::ToJson(*kept.Find("identifier")), R"([{"system":"urn:test:mrn","value":"1"}])");
}

// A merged list has a key for each entry: what is left out takes its key along.
TEST_F(WriterTest, AConflictOnAMergedListIsNoDeadLetter) {
    ASSERT_TRUE(Feed(Message({Patient("1", ""), Patient("2", "")})).has_value());
    auto both = Change(
        "Patient", "1",
        R"({"identifier":[{"system":"urn:test:mrn","value":"2"},{"system":"urn:test:mrn","value":"1"}]})");
    both.keys.push_back({"urn:test:mrn", "2"});
    both.lists = {{"identifier", fhir::ListPolicy::kMerge, {"of 2", "of 1"}}};
    const auto result = Feed(Message({both}));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->status, OutcomeStatus::kProcessed) << result->path << ": " << result->reason;
    EXPECT_EQ(result->identity_conflicts, 1);
    EXPECT_EQ(Scalar("select count(*) from identity_conflict"), "1");
    const fhir::Node kept = Stored("Patient", IdOf("Patient", "1"));
    EXPECT_THAT(fhir::ToJson(*kept.Find("identifier")), testing::Not(HasSubstr(R"("value":"2")")));
    // The key went with its entry: the same entry again is found by it.
    EXPECT_TRUE(Feed(Message({both}))->resources.empty());
}

TEST_F(WriterTest, MovedVisitTakesItsOwnResourcesAlongAndNothingElse) {
    ASSERT_TRUE(Feed(Message({Patient("1", ""), Patient("2", ""), Encounter("V1", "1", ""),
                              Encounter("V2", "1", "")}))
                    .has_value());
    const auto observation = [&](const std::string& visit) {
        const auto made = Create(
            R"({"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/)" +
            IdOf("Patient", "1") + R"("},"encounter":{"reference":"Encounter/)" +
            IdOf("Encounter", visit) + "\"}}");
        EXPECT_TRUE(made.has_value());
        return made->version.id;
    };
    const std::string moved = observation("V1");
    const std::string stays = observation("V2");
    auto move = Message({Change("Encounter", "V1", "{}", ChangeMode::kUpdateOnly),
                         Patient("2", "", ChangeMode::kFindOrCreate)});
    move.changes.order_time = test::kDay0 + 9'000'000'000;
    move.changes.moves = {{.visit = 0, .patient = 1}};
    const auto result = Feed(std::move(move));
    ASSERT_TRUE(result.has_value()) << result.error().ToString();
    EXPECT_EQ(result->resources.size(), 2u);
    const auto subject = [&](const std::string& type, const std::string& id) {
        return std::string(Stored(type, id).Find("subject")->TextOf("reference"));
    };
    EXPECT_EQ(subject("Encounter", IdOf("Encounter", "V1")), "Patient/" + IdOf("Patient", "2"));
    EXPECT_EQ(subject("Observation", moved), "Patient/" + IdOf("Patient", "2"));
    EXPECT_EQ(subject("Encounter", IdOf("Encounter", "V2")), "Patient/" + IdOf("Patient", "1"));
    EXPECT_EQ(subject("Observation", stays), "Patient/" + IdOf("Patient", "1"));
    EXPECT_EQ(Scalar("select count(*) from resource r join resource p on p.pk = r.subject and "
                     "p.id = '" +
                     IdOf("Patient", "2") + "' where r.pk <> p.pk"),
              "2");
}

TEST_F(WriterTest, TheAnswerIsMadeOfTheOutcomeThatWasWritten) {
    const auto answer = [](OutcomeStatus status, const std::string&, const std::string& reason) {
        const bool failed = status == OutcomeStatus::kDeadLetter;
        return store::SentAck{failed ? "AE" : "AA", (failed ? "no: " : "yes") + reason};
    };
    std::vector<std::future<Result<store::FeedResult>>> waiting;
    for (int i = 0; i < 3; ++i) {
        auto write = Message({Patient(std::to_string(i), "")});
        // Mapping saw nothing wrong; only the writer does.
        if (i == 1) write.changes.changes[0].resource.Set("nonsense", fhir::Node::Number("1"));
        if (i < 2) write.answer = answer;
        waiting.push_back(Submit(std::move(write)));
    }
    const auto good = waiting[0].get();
    ASSERT_TRUE(good.has_value());
    EXPECT_EQ(good->ack.code + good->ack.bytes, "AAyes");
    const auto dead = waiting[1].get();
    ASSERT_TRUE(dead.has_value());
    EXPECT_EQ(dead->ack.code, "AE");
    EXPECT_EQ(dead->ack.bytes, "no: " + dead->reason);
    EXPECT_EQ(waiting[2].get()->ack.code, "");
    EXPECT_EQ(Scalar("select string_agg(answered || (ack is null), ' ' order by seq) from outcome"),
              "AAfalse AEfalse true");
}

TEST_F(WriterTest, ChangeThatDoesNotFitDeadLettersItsMessageAlone) {
    std::vector<std::future<Result<store::FeedResult>>> waiting;
    for (int i = 0; i < 20; ++i) {
        auto write = Message({Patient(std::to_string(i), ""), Patient("shared", "")});
        if (i == 7) write.changes.changes[1].resource.Set("nonsense", fhir::Node::Number("1"));
        waiting.push_back(Submit(std::move(write)));
    }
    for (int i = 0; i < 20; ++i) {
        const auto result = waiting[static_cast<std::size_t>(i)].get();
        ASSERT_TRUE(result.has_value());
        EXPECT_EQ(result->status, i == 7 ? OutcomeStatus::kDeadLetter : OutcomeStatus::kProcessed);
    }
    EXPECT_EQ(Scalar("select stage from outcome where status = 3"), "write");
    EXPECT_EQ(Scalar("select count(*) from resource where version > 0"), "20");
    EXPECT_EQ(Read("Patient", IdOf("Patient", "7")).error().code, Code::kNotFound);
}

TEST_F(WriterTest, DataThatTheDatabaseRefusesIsIsolated) {
    std::vector<std::future<Result<store::FeedResult>>> waiting;
    store::FeedWrite first;
    for (int i = 0; i < 16; ++i) {
        auto write = Message({Patient(std::to_string(i), "")});
        if (i == 0) first = write;
        if (i == 5) write = first;  // a message has one outcome
        waiting.push_back(Submit(std::move(write)));
    }
    int answered = 0;
    for (auto& one : waiting) answered += one.get().has_value() ? 1 : 0;
    EXPECT_EQ(answered, 15);
    EXPECT_EQ(Scalar("select count(*) from outcome"), "15");
}

TEST_F(WriterTest, RestConditionsAreDecidedUnderTheLock) {
    const auto made = Create(R"({"resourceType":"Patient","gender":"male"})");
    ASSERT_TRUE(made.has_value()) << made.error().ToString();
    const std::string id = made->version.id;
    const std::string same = R"({"resourceType":"Patient","id":")" + id + R"(","gender":"male"})";
    EXPECT_TRUE(Update(same)->unchanged);
    store::RestWrite write;
    write.method = store::RestMethod::kUpdate;
    write.type = "Patient";
    write.id = id;
    write.resource = test::Json(R"({"resourceType":"Patient","gender":"female"})");
    write.if_match = 1;
    EXPECT_EQ(Rest(write)->version.version, 2);
    EXPECT_EQ(Rest(write).error().code, Code::kPreconditionFailed);
    store::RestWrite gone;
    gone.method = store::RestMethod::kDelete;
    gone.type = "Patient";
    gone.id = id;
    EXPECT_TRUE(Rest(gone)->version.deleted);
    EXPECT_TRUE(Rest(gone)->unchanged);
    EXPECT_TRUE(Read("Patient", id)->deleted);
    const auto back = Update(same);
    EXPECT_TRUE(back->created);
    EXPECT_EQ(back->version.version, 4);
    gone.id = "never";
    EXPECT_EQ(Rest(gone).error().code, Code::kNotFound);
    EXPECT_EQ(Scalar("select count(*) from event"), "4");
}

TEST_F(WriterTest, FeedFindsWhatRestMade) {
    const auto made = Create(
        R"({"resourceType":"Patient","identifier":[{"system":"urn:test:mrn","value":"R1"}]})");
    ASSERT_TRUE(made.has_value());
    const auto fed = Feed(Message({Patient("R1", R"("gender":"male")")}));
    ASSERT_EQ(fed->resources.size(), 1u);
    EXPECT_EQ(fed->resources[0].id, made->version.id);
    EXPECT_EQ(fed->resources[0].version, 2);
}

TEST_F(WriterTest, TwoWritersRaceForOneIdentity) {
    for (int round = 0; round < 20; ++round) {
        const std::string mrn = "race" + std::to_string(round);
        auto fed = Submit(Message({Patient(mrn, R"("gender":"male")")}));
        const auto made =
            Create(R"({"resourceType":"Patient","identifier":[{"system":"urn:test:mrn","value":")" +
                   mrn + R"("}]})");
        ASSERT_TRUE(made.has_value());
        ASSERT_TRUE(fed.get().has_value());
    }
    EXPECT_EQ(Scalar("select count(*) from identity"), "20");
    EXPECT_EQ(Scalar("select max(seq) - count(*) from event"), "0");
}

TEST_F(WriterTest, IndexAfterUpdatesEqualsAFreshOne) {
    const std::string head = R"({"resourceType":"Patient","id":")";
    const std::string last =
        R"(","name":[{"family":"Roe","given":["Jane"]}],"gender":"female","birthDate":"1980-01-02",)"
        R"("identifier":[{"system":"urn:x","value":"9"}]})";
    ASSERT_TRUE(Update(head + "a" + R"(","name":[{"family":"Doe"}],"gender":"male"})").has_value());
    ASSERT_TRUE(
        Update(head + "a" + R"(","telecom":[{"system":"phone","value":"1"}]})").has_value());
    ASSERT_TRUE(Update(head + "a" + last).has_value());
    ASSERT_TRUE(Update(head + "b" + last).has_value());
    const std::string rows =
        "select string_agg(t.hash::text, ',' order by t.hash) from index_token t join resource r "
        "on r.pk = t.resource where r.id = ";
    EXPECT_EQ(Scalar(rows + "'a'"), Scalar(rows + "'b'"));
    EXPECT_NE(Scalar(rows + "'a'"), "");
    store::RestWrite gone;
    gone.method = store::RestMethod::kDelete;
    gone.type = "Patient";
    gone.id = "a";
    ASSERT_TRUE(Rest(gone).has_value());
    EXPECT_EQ(Scalar(rows + "'a'"), "");
}

TEST_F(WriterTest, ServerThatDiesUnderLoadLosesAndDoublesNothing) {
    std::vector<std::future<Result<store::FeedResult>>> waiting;
    for (int i = 0; i < 1000; ++i) {
        waiting.push_back(Submit(Message({Patient(std::to_string(i), "")})));
        if (i % 250 == 125) {
            auto killer = Connect();
            ASSERT_TRUE(killer
                            .Execute("select pg_terminate_backend(pid) from pg_stat_activity "
                                     "where application_name like 'carestream%writer'")
                            .has_value());
        }
    }
    for (auto& one : waiting) {
        const auto result = one.get();
        ASSERT_TRUE(result.has_value()) << result.error().ToString();
        EXPECT_EQ(result->status, OutcomeStatus::kProcessed);
    }
    EXPECT_EQ(Scalar("select count(*) from version"), "1000");
    EXPECT_EQ(Scalar("select count(*) from outcome"), "1000");
    EXPECT_EQ(Scalar("select max(seq) from event"), "1000");
}

}  // namespace
}  // namespace carestream
