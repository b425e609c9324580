// Goal: what a search finds is exactly what the matcher accepts, in the order that was asked for,
// on pages that neither skip nor repeat, whatever plan answers it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "search/query.h"
#include "tests/component/store/resource_fixture.h"

namespace carestream {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Parameters = std::vector<std::pair<std::string, std::string>>;

class SearchTest : public test::ResourceTest {
protected:
    Result<store::SearchPage> Ask(const std::string& type, const Parameters& parameters,
                                  const std::string& position = "",
                                  const std::string& patient = "") {
        auto query = search::ParseQuery(*test::Definitions(), type, parameters, patient);
        if (!query) return Fail(query.error());
        EXPECT_THAT(query->unknown, IsEmpty());
        store::SearchRequest request;
        request.query = std::move(*query);
        request.position = position;
        request.leave_out_unreadable = true;
        std::promise<Result<store::SearchPage>> promise;
        reader().Search(std::move(request), [&promise](Result<store::SearchPage> page) {
            promise.set_value(std::move(page));
        });
        return promise.get_future().get();
    }

    static std::vector<std::string> Ids(const std::vector<store::StoredVersion>& versions) {
        std::vector<std::string> ids;
        for (const auto& version : versions) ids.push_back(version.id);
        return ids;
    }

    // Ids of one page.
    std::vector<std::string> Find(const std::string& type, const Parameters& parameters,
                                  const std::string& patient = "") {
        const auto page = Ask(type, parameters, "", patient);
        EXPECT_TRUE(page.has_value()) << page.error().ToString();
        return page ? Ids(page->matches) : std::vector<std::string>();
    }

    // Ids of all pages. `unreadable`: the names of what they left out.
    std::vector<std::string> FindAll(const std::string& type, Parameters parameters, int count,
                                     const std::string& patient = "",
                                     std::set<std::string>* unreadable = nullptr) {
        parameters.emplace_back("_count", std::to_string(count));
        std::vector<std::string> all;
        std::string position;
        for (int pages = 0; pages < 1000; ++pages) {
            const auto page = Ask(type, parameters, position, patient);
            EXPECT_TRUE(page.has_value()) << page.error().ToString();
            if (!page) break;
            EXPECT_LE(page->matches.size(), static_cast<std::size_t>(count));
            for (const std::string& id : Ids(page->matches)) all.push_back(id);
            if (unreadable != nullptr) {
                unreadable->insert(page->unreadable.begin(), page->unreadable.end());
            } else {
                EXPECT_THAT(page->unreadable, IsEmpty());
            }
            if (page->next.empty()) break;
            position = page->next;
        }
        return all;
    }

    // Nobody can open it any more.
    void Damage(const std::string& id) {
        ASSERT_TRUE(
            Connect().Execute("update version set body = '\\x00' where resource = (select pk from "
                              "resource where id = '" +
                              id + "')"));
    }

    void Put(const std::string& json) {
        const auto put = Update(json);
        ASSERT_TRUE(put.has_value()) << put.error().ToString() << json;
    }

    static std::string Patient(const std::string& id, const std::string& family,
                               const std::string& gender, const std::string& born) {
        return R"({"resourceType":"Patient","id":")" + id +
               R"(","identifier":[{"system":"urn:mrn",)" + R"("value":"m-)" + id +
               R"("}],"name":[{"family":")" + family + R"("}],"gender":")" + gender +
               R"(","birthDate":")" + born + R"("})";
    }
    static std::string Observation(const std::string& id, const std::string& patient,
                                   const std::string& code, const std::string& date,
                                   const std::string& value) {
        return R"({"resourceType":"Observation","id":")" + id +
               R"(","status":"final","code":{"coding":[{"system":"http://loinc.org","code":")" +
               code + R"("}]},"subject":{"reference":"Patient/)" + patient + R"("})" +
               (date.empty() ? "" : R"(,"effectiveDateTime":")" + date + "\"") +
               R"(,"valueQuantity":{"value":)" + value +
               R"(,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}})";
    }
};

TEST_F(SearchTest, EachKindOfCriterionFindsItsResources) {
    Put(Patient("a", "Müller-Roe", "female", "1980-01-02"));
    Put(Patient("b", "Roebling", "male", "1980-03-02"));
    Put(Observation("o1", "a", "718-7", "2026-01-01T10:00:00Z", "5.4"));
    Put(Observation("o2", "a", "718-7", "2026-01-02", "7"));
    Put(Observation("o3", "b", "2345-7", "2026-01-01", "100"));
    EXPECT_THAT(Find("Patient", {{"identifier", "urn:mrn|m-a"}}), ElementsAre("a"));
    EXPECT_THAT(Find("Patient", {{"name", "roe"}}), UnorderedElementsAre("a", "b"));
    EXPECT_THAT(Find("Patient", {{"family", "Roeb"}}), ElementsAre("b"));
    EXPECT_THAT(Find("Patient", {{"gender", "female"}, {"birthdate", "1980"}}), ElementsAre("a"));
    EXPECT_THAT(Find("Patient", {{"birthdate", "ge1980-02-01"}, {"family", "roe"}}),
                ElementsAre("b"));
    EXPECT_THAT(Find("Patient", {{"_id", "b,zz"}}), ElementsAre("b"));
    EXPECT_THAT(Find("Observation", {{"code", "http://loinc.org|718-7"}}),
                UnorderedElementsAre("o1", "o2"));
    EXPECT_THAT(Find("Observation", {{"patient", "a"}}), ElementsAre("o2", "o1"));
    EXPECT_THAT(
        Find("Observation", {{"patient", "Patient/a"}, {"code", "718-7"}, {"date", "2026-01-01"}}),
        ElementsAre("o1"));
    EXPECT_THAT(Find("Observation", {{"patient", "a"}, {"date", "gt2026-01-01"}}),
                ElementsAre("o2"));
    EXPECT_THAT(Find("Observation", {{"date", "2026-01-01"}}), UnorderedElementsAre("o1", "o3"));
    EXPECT_THAT(Find("Observation", {{"value-quantity", "lt6"}}), ElementsAre("o1"));
    EXPECT_THAT(Find("Observation", {{"code:not", "718-7"}, {"patient", "b"}}), ElementsAre("o3"));
    EXPECT_THAT(Find("Observation", {{"patient", "nobody"}}), IsEmpty());
    EXPECT_THAT(Find("Observation", {}, "a"), ElementsAre("o2", "o1"));
    EXPECT_THAT(Find("Observation", {{"patient", "b"}}, "a"), IsEmpty());
    EXPECT_THAT(Find("Observation", {}), ElementsAre("o3", "o2", "o1"));
    EXPECT_THAT(Find("Observation", {{"_lastUpdated", "gt2050"}}), IsEmpty());
}

TEST_F(SearchTest, TooCostlyIsSaidAndNeverAnsweredWrongly) {
    const auto page = Ask("Observation", {{"code:not", "1"}});
    ASSERT_FALSE(page.has_value());
    EXPECT_EQ(page.error().code, Code::kLimit);
    EXPECT_THAT(page.error().message, HasSubstr("code"));
    EXPECT_EQ(Ask("Observation", {}, "nonsense").error().code, Code::kInvalid);
}

TEST_F(SearchTest, DeletedAndUpdatedOnesAreFoundAsTheyAre) {
    Put(Observation("o1", "a", "1", "2026-01-01", "1"));
    Put(Observation("o1", "b", "2", "2026-02-01", "1"));
    EXPECT_THAT(Find("Observation", {{"patient", "a"}}), IsEmpty());
    EXPECT_THAT(Find("Observation", {{"code", "1"}}), IsEmpty());
    EXPECT_THAT(Find("Observation", {{"patient", "b"}, {"code", "2"}}), ElementsAre("o1"));
    EXPECT_THAT(Find("Observation", {{"date", "2026-02"}}), ElementsAre("o1"));
    store::RestWrite gone;
    gone.method = store::RestMethod::kDelete;
    gone.type = "Observation";
    gone.id = "o1";
    ASSERT_TRUE(Rest(gone).has_value());
    for (const Parameters& parameters : std::vector<Parameters>{
             {}, {{"patient", "b"}}, {{"code", "2"}}, {{"date", "2026-02"}}, {{"_id", "o1"}}}) {
        EXPECT_THAT(Find("Observation", parameters), IsEmpty());
    }
}

TEST_F(SearchTest, PagesNeitherSkipNorRepeatWhileOthersWrite) {
    for (int i = 0; i < 30; ++i) {
        Put(Observation("o" + std::to_string(i), "a", "1",
                        i % 7 == 0 ? "" : "2026-01-" + std::to_string(10 + i % 3),
                        std::to_string(i)));
    }
    const std::vector<Parameters> questions = {{},
                                               {{"patient", "a"}},
                                               {{"code", "1"}},
                                               {{"date", "2026-01"}},
                                               {{"_sort", "-date"}},
                                               {{"_sort", "date"}},
                                               {{"_sort", "_id"}},
                                               {{"_sort", "_lastUpdated"}},
                                               {{"code", "1"}, {"_sort", "-date"}},
                                               {{"patient", "a"}, {"_sort", "-_lastUpdated"}},
                                               {{"patient", "a"}, {"_sort", "date"}},
                                               {{"value-quantity", "ge0"}}};
    for (const Parameters& parameters : questions) {
        SCOPED_TRACE(parameters.empty() ? "all"
                                        : parameters.back().first + parameters.back().second);
        const std::vector<std::string> whole = FindAll("Observation", parameters, 1000);
        EXPECT_THAT(whole, SizeIs(parameters == Parameters{{"date", "2026-01"}} ? 25 : 30));
        EXPECT_THAT(FindAll("Observation", parameters, 7), testing::ElementsAreArray(whole));
        EXPECT_THAT(FindAll("Observation", parameters, 1), testing::ElementsAreArray(whole));
    }
    // Newest first: what is added or moved meanwhile does not shift what follows.
    Parameters page_of_ten = {{"_count", "10"}};
    const auto first = Ask("Observation", page_of_ten);
    Put(Observation("new", "a", "1", "2026-01-20", "1"));
    Put(Observation("o3", "a", "9", "2026-01-20", "1"));
    std::vector<std::string> all = Ids(first->matches);
    std::string position = first->next;
    while (!position.empty()) {
        const auto page = Ask("Observation", page_of_ten, position);
        for (const std::string& id : Ids(page->matches)) all.push_back(id);
        position = page->next;
    }
    std::set<std::string> distinct(all.begin(), all.end());
    EXPECT_EQ(distinct.size(), all.size());
    EXPECT_EQ(distinct.size(), 30u);
}

TEST_F(SearchTest, ResourcesOfSeveralDatesTakeNoPlaceFromOthers) {
    std::set<std::string> ids;
    for (int i = 0; i < 27; ++i) {
        std::string targets;
        for (int k = 0; k < 3; ++k) {
            const int day = 3 * i + k;
            targets += std::string(k == 0 ? "" : ",") + R"({"dueDate":"2026-0)" +
                       std::to_string(1 + day / 28) + "-" + (day % 28 < 9 ? "0" : "") +
                       std::to_string(1 + day % 28) + "\"}";
        }
        const std::string id = "g" + std::to_string(i);
        ids.insert(id);
        Put(R"({"resourceType":"Goal","id":")" + id +
            R"(","lifecycleStatus":"active","description":{"text":"x"},"subject":{"reference":"Patient/a"},"target":[)" +
            targets + "]}");
    }
    const auto found = FindAll("Goal", {{"target-date", "2026"}}, 20);
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), ids);
}

TEST_F(SearchTest, WhatCannotBeOpenedIsLeftOutAndNamedHoweverItIsAskedFor) {
    std::set<std::string> whole;
    std::string ids;
    for (int i = 10; i < 40; ++i) {
        const std::string id = "o" + std::to_string(i);
        Put(Observation(id, "a", "1", "2026-01-" + std::to_string(10 + i % 15), std::to_string(i)));
        Put(R"({"resourceType":"RiskAssessment","id":"r)" + std::to_string(i) +
            R"(","status":"final","subject":{"reference":"Patient/a"},"prediction":[{"probabilityDecimal":0.)" +
            std::to_string(i) + "}]}");
        whole.insert(id);
        ids += (ids.empty() ? "" : ",") + id;
    }
    const std::vector<Parameters> questions = {{},
                                               {{"patient", "a"}},
                                               {{"code", "1"}},
                                               {{"date", "2026-01"}},
                                               {{"_id", ids}},
                                               {{"_sort", "-date"}},
                                               {{"_sort", "_id"}},
                                               {{"_sort", "_lastUpdated"}},
                                               {{"code", "1"}, {"_sort", "-date"}},
                                               {{"patient", "a"}, {"code:not", "2"}},
                                               {{"patient", "a"}, {"date", "ge2026-01-01"}},
                                               {{"value-quantity", "ge0"}}};
    const auto check = [&](const std::set<std::string>& damaged) {
        std::set<std::string> names;
        std::vector<std::string> left;
        for (const std::string& id : whole) {
            if (damaged.contains(id)) {
                names.insert("Observation/" + id + "/_history/1");
            } else {
                left.push_back(id);
            }
        }
        for (const Parameters& parameters : questions) {
            for (const std::string patient : {"", "a"}) {
                for (const int count : {1, 3, 7, 1000}) {
                    std::string text = patient + " " + std::to_string(count);
                    for (const auto& [name, value] : parameters) text += " " + name + "=" + value;
                    std::set<std::string> unreadable;
                    EXPECT_THAT(FindAll("Observation", parameters, count, patient, &unreadable),
                                testing::UnorderedElementsAreArray(left))
                        << text;
                    EXPECT_EQ(unreadable, names) << text;
                }
            }
        }
    };
    // At either end, one alone, and enough in a row to fill a page.
    std::set<std::string> damaged = {"o10", "o15", "o39", "o38", "o37"};
    for (int i = 20; i < 30; ++i) damaged.insert("o" + std::to_string(i));
    for (const std::string& id : damaged) Damage(id);
    check(damaged);
    Damage("r20");
    std::set<std::string> unreadable;
    const Parameters by_body = {{"patient", "a"}, {"_sort", "-probability"}};
    EXPECT_THAT(FindAll("RiskAssessment", by_body, 5, "", &unreadable), SizeIs(29));
    EXPECT_EQ(unreadable, std::set<std::string>{"RiskAssessment/r20/_history/1"});
    for (const std::string& id : whole) Damage(id);
    check(whole);
}

TEST_F(SearchTest, PagesGoOnBehindMoreThanOnePageLooksAtThatCannotBeOpened) {
    Put(Observation("o1", "a", "1", "2026-01-01", "1"));
    auto connection = Connect();
    // As if a key were lost: more than kExamineMax, before the one that can be opened.
    ASSERT_TRUE(connection.Execute(
        "insert into resource select 1000000000 + g, tenant, type, version, deleted, subject, "
        "updated, main_date, 'lost' || g, merge from resource, generate_series(1, 13000) g where "
        "id = 'o1'"));
    ASSERT_TRUE(
        connection.Execute("insert into version select pk, updated, version, '\\x00' from resource "
                           "where id like 'lost%'"));
    ASSERT_TRUE(connection.Execute("analyze resource, version"));
    const auto first = Ask("Observation", {{"_sort", "_id"}});
    ASSERT_TRUE(first.has_value()) << first.error().ToString();
    EXPECT_THAT(first->matches, IsEmpty());
    EXPECT_NE(first->next, "");
    std::set<std::string> unreadable;
    EXPECT_THAT(FindAll("Observation", {{"_sort", "_id"}}, 20, "", &unreadable), ElementsAre("o1"));
    EXPECT_THAT(unreadable, SizeIs(13'000));
}

TEST_F(SearchTest, WhatCannotBeOpenedIsLeftOutOfIncludesAndCounted) {
    Put(Patient("a", "Roe", "male", "1980-01-01"));
    Put(Patient("b", "Roe", "male", "1980-01-01"));
    for (const char* id : {"o1", "o2", "o3"}) {
        Put(Observation(id, std::string(id) == "o1" ? "a" : "b", "1", "2026-01-01", "1"));
    }
    Damage("a");
    Damage("o3");
    auto page = Ask("Observation", {{"code", "1"}, {"_include", "Observation:subject"}});
    ASSERT_TRUE(page.has_value()) << page.error().ToString();
    EXPECT_THAT(Ids(page->matches), ElementsAre("o2", "o1"));
    EXPECT_THAT(Ids(page->included), ElementsAre("b"));
    EXPECT_THAT(page->unreadable, ElementsAre("Observation/o3/_history/1", "Patient/a/_history/1"));
    page = Ask("Patient", {{"_id", "b"}, {"_revinclude", "Observation:subject"}});
    ASSERT_TRUE(page.has_value()) << page.error().ToString();
    EXPECT_THAT(Ids(page->included), ElementsAre("o2"));
    EXPECT_THAT(page->unreadable, ElementsAre("Observation/o3/_history/1"));
    for (const char* count : {"0", "1", "2", "50"}) {
        page = Ask("Observation", {{"code", "1"}, {"_count", count}, {"_total", "accurate"}});
        ASSERT_TRUE(page.has_value()) << page.error().ToString();
        EXPECT_EQ(page->total, 3) << count;
    }
    // Nobody knows whether its body would have matched: it is not counted, and that is said.
    page = Ask("Patient", {{"family", "roe"}, {"_summary", "count"}});
    ASSERT_TRUE(page.has_value()) << page.error().ToString();
    EXPECT_EQ(page->total + static_cast<std::int64_t>(page->unreadable.size()), 2);
}

TEST_F(SearchTest, AReadOfWhatCannotBeOpenedFailsNoOtherOne) {
    for (int i = 0; i < 20; ++i) {
        Put(Patient("p" + std::to_string(i), "Roe", "male", "1980-01-01"));
    }
    Damage("p7");
    // All at once: they share round trips.
    std::vector<std::future<Result<store::StoredVersion>>> reads;
    for (int i = 0; i < 200; ++i) {
        auto promise = std::make_shared<std::promise<Result<store::StoredVersion>>>();
        reads.push_back(promise->get_future());
        reader().Read(1, "Patient", "p" + std::to_string(i % 20),
                      [promise](Result<store::StoredVersion> version) {
                          promise->set_value(std::move(version));
                      });
    }
    for (int i = 0; i < 200; ++i) {
        const auto version = reads[static_cast<std::size_t>(i)].get();
        ASSERT_EQ(version.has_value(), i % 20 != 7) << i;
        EXPECT_TRUE(version || !version.error().retryable) << i;
    }
}

TEST_F(SearchTest, SortsByDatesAndNumbersThatTheRowDoesNotHold) {
    for (int i = 0; i < 12; ++i) {
        const std::string n = std::to_string(i);
        Put(R"({"resourceType":"RiskAssessment","id":"r)" + n +
            R"(","status":"final","subject":{"reference":"Patient/a"},"prediction":[{"probabilityDecimal":0.)" +
            std::to_string(10 + (i * 5) % 12) + "}]}");
        Put(R"({"resourceType":"Condition","id":"c)" + n +
            R"(","subject":{"reference":"Patient/a"},"onsetDateTime":"2020","code":{"coding":[{"code":"x"}]},)" +
            R"("recordedDate":"2021-01-)" + std::to_string(10 + (i * 7) % 12) + R"("})");
    }
    EXPECT_THAT(
        FindAll("Condition", {{"code", "x"}, {"_sort", "recorded-date"}}, 5),
        ElementsAre("c0", "c7", "c2", "c9", "c4", "c11", "c6", "c1", "c8", "c3", "c10", "c5"));
    EXPECT_THAT(
        FindAll("Condition", {{"_sort", "-recorded-date"}}, 5),
        ElementsAre("c5", "c10", "c3", "c8", "c1", "c6", "c11", "c4", "c9", "c2", "c7", "c0"));
    EXPECT_THAT(
        FindAll("RiskAssessment", {{"_sort", "probability"}}, 5),
        ElementsAre("r0", "r5", "r10", "r3", "r8", "r1", "r6", "r11", "r4", "r9", "r2", "r7"));
    EXPECT_THAT(
        FindAll("RiskAssessment", {{"patient", "a"}, {"_sort", "-probability"}}, 5),
        ElementsAre("r7", "r2", "r9", "r4", "r11", "r6", "r1", "r8", "r3", "r10", "r5", "r0"));
    EXPECT_THAT(Find("RiskAssessment", {{"probability", "gt0.195"}}), ElementsAre("r2", "r7"));
}

TEST_F(SearchTest, TotalsAreExactAndIncludesComeAlong) {
    for (int i = 0; i < 5; ++i) {
        const std::string n = std::to_string(i);
        Put(Patient("p" + n, "Roe", "male", "1980-01-01"));
        Put(Observation("o" + n, "p" + n, "1", "2026-01-01", n));
    }
    auto page = Ask("Observation", {{"code", "1"},
                                    {"_count", "2"},
                                    {"_total", "accurate"},
                                    {"_include", "Observation:subject"}});
    ASSERT_TRUE(page.has_value()) << page.error().ToString();
    EXPECT_EQ(page->total, 5);
    EXPECT_THAT(Ids(page->matches), ElementsAre("o4", "o3"));
    EXPECT_THAT(Ids(page->included), UnorderedElementsAre("p4", "p3"));
    page = Ask("Patient", {{"_id", "p1"}, {"_revinclude", "Observation:subject"}});
    ASSERT_TRUE(page.has_value()) << page.error().ToString();
    EXPECT_THAT(Ids(page->included), ElementsAre("o1"));
    page = Ask("Patient", {{"family", "roe"}, {"_summary", "count"}});
    ASSERT_TRUE(page.has_value()) << page.error().ToString();
    EXPECT_EQ(page->total, 5);
    EXPECT_THAT(page->matches, IsEmpty());
    EXPECT_EQ(Ask("Observation", {{"_summary", "count"}})->total, 5);
}

TEST_F(SearchTest, LinkedPatientsAreOneInSearches) {
    Put(Patient("a", "Roe", "male", "1980-01-01"));
    Put(Patient("b", "Roe", "male", "1980-01-01"));
    Put(Observation("oa", "a", "1", "2026-01-01", "1"));
    Put(Observation("ob", "b", "1", "2026-01-02", "1"));
    ChangeLinks(
        "insert into link (tenant, loser, survivor) select 1, l.pk, s.pk from resource l, resource "
        "s where l.id = 'b' and s.id = 'a'");
    for (const char* patient : {"a", "b"}) {
        EXPECT_THAT(Find("Observation", {{"patient", patient}}), ElementsAre("ob", "oa"));
        EXPECT_THAT(
            Find("Observation", {{"subject", std::string("Patient/") + patient}, {"code", "1"}}),
            UnorderedElementsAre("ob", "oa"));
    }
}

TEST_F(SearchTest, ManyMatchesAreScannedInsteadOfCollected) {
    // More than kCollectMax with one code.
    std::vector<std::future<Result<store::FeedResult>>> waiting;
    for (int i = 0; i < 250; ++i) {
        std::vector<fhir::Change> changes;
        for (int k = 0; k < 10; ++k) {
            const std::string number = std::to_string(i * 10 + k);
            fhir::Change change = Change("Observation", number, "{}");
            change.resource = test::Json(Observation(
                change.provisional_id, "p" + std::to_string(i % 3), k == 9 ? "rare" : "common",
                "2026-01-" + std::to_string(10 + k) + "T00:00:" + std::to_string(10 + i % 40) + "Z",
                std::to_string(i)));
            changes.push_back(std::move(change));
        }
        waiting.push_back(Submit(Message(std::move(changes))));
    }
    for (auto& one : waiting) ASSERT_TRUE(one.get().has_value());
    EXPECT_EQ(FindAll("Observation", {{"code", "common"}}, 500).size(), 2250u);
    const auto by_date = FindAll("Observation", {{"code", "common"}, {"_sort", "-date"}}, 400);
    EXPECT_EQ(std::set<std::string>(by_date.begin(), by_date.end()).size(), 2250u);
    EXPECT_EQ(by_date.size(), 2250u);
    EXPECT_EQ(FindAll("Observation", {{"code", "rare"}, {"status", "final"}}, 100).size(), 250u);
    EXPECT_EQ(FindAll("Observation", {{"patient", "p1"}, {"code", "common"}}, 100).size(), 747u);
    // A patient's list is cut after the code was asked, not before.
    EXPECT_EQ(FindAll("Observation", {{"patient", "p1"}, {"code", "rare"}}, 20).size(), 83u);
    EXPECT_THAT(Find("Observation", {{"patient", "p1"}, {"code", "none"}}), IsEmpty());
    const auto counted =
        Ask("Observation", {{"code", "common"}, {"_total", "accurate"}, {"_count", "1"}});
    EXPECT_EQ(counted->total, 2250);
}

TEST_F(SearchTest, ResultEqualsTheMatcherOnRandomQuestions) {
    std::mt19937 random(20260528);
    const auto pick = [&](const std::vector<std::string>& list) {
        return list[random() % list.size()];
    };
    const std::vector<std::string> patients = {"a", "b", "c"};
    const std::vector<std::string> codes = {"1", "2", "3"};
    const std::vector<std::string> dates = {
        "", "2026-01-01", "2026-01", "2026-01-01T12:00:00Z", "2025", "2026-02-03T04:05:06+02:00"};
    const std::vector<std::string> values = {"1", "1.5", "2.0", "10"};
    std::map<std::string, fhir::Node> stored;
    for (int i = 0; i < 60; ++i) {
        const std::string id = "o" + std::to_string(i % 45);  // some are updates
        std::string one = Observation(id, pick(patients), pick(codes), pick(dates), pick(values));
        if (i % 4 == 0) {  // in the compartment of another one, too
            one.pop_back();
            one += R"(,"performer":[{"reference":"Patient/)" + pick(patients) + R"("}]})";
        }
        Put(one);
        stored[id] = test::Json(Read("Observation", id)->body);
    }
    const std::vector<std::string> prefixes = {"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"};
    for (int i = 0; i < 300; ++i) {
        Parameters parameters;
        if (random() % 2) parameters.emplace_back("patient", pick(patients));
        if (random() % 2)
            parameters.emplace_back("code", pick(codes) + (random() % 3 ? "" : "," + pick(codes)));
        if (random() % 2)
            parameters.emplace_back(
                "date", pick(prefixes) + pick({"2026-01-01", "2026", "2026-01-01T12:00:00Z"}));
        if (random() % 3 == 0)
            parameters.emplace_back("value-quantity", pick(prefixes) + pick(values));
        if (random() % 3 == 0)
            parameters.emplace_back("_sort", pick({"date", "-date", "_lastUpdated", "-_id"}));
        const std::string compartment = random() % 3 ? "" : pick(patients);
        if (!compartment.empty() && random() % 2) parameters.emplace_back("code:not", pick(codes));
        auto query =
            search::ParseQuery(*test::Definitions(), "Observation", parameters, compartment);
        ASSERT_TRUE(query.has_value()) << query.error().ToString();
        std::vector<std::string> expected;
        for (const auto& [id, node] : stored) {
            const bool all = std::all_of(query->criteria.begin(), query->criteria.end(),
                                         [&, &node = node](const auto& criterion) {
                                             return search::Matches(*test::Definitions(), node,
                                                                    "Observation", criterion);
                                         });
            if (all) expected.push_back(id);
        }
        std::string text = compartment + " ";
        for (const auto& [name, value] : parameters) text += name + "=" + value + " ";
        EXPECT_THAT(FindAll("Observation", parameters, 6, compartment),
                    testing::UnorderedElementsAreArray(expected))
            << text;
    }
}

}  // namespace
}  // namespace carestream
