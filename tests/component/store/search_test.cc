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

    // Ids of all pages.
    std::vector<std::string> FindAll(const std::string& type, Parameters parameters, int count) {
        parameters.emplace_back("_count", std::to_string(count));
        std::vector<std::string> all;
        std::string position;
        for (int pages = 0; pages < 1000; ++pages) {
            const auto page = Ask(type, parameters, position);
            EXPECT_TRUE(page.has_value()) << page.error().ToString();
            if (!page) break;
            EXPECT_LE(page->matches.size(), static_cast<std::size_t>(count));
            for (const std::string& id : Ids(page->matches)) all.push_back(id);
            if (page->next.empty()) break;
            position = page->next;
        }
        return all;
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
    auto connection = Connect();
    ASSERT_TRUE(connection
                    .Execute("insert into link (tenant, loser, survivor) select 1, l.pk, s.pk from "
                             "resource l, resource s where l.id = 'b' and s.id = 'a'")
                    .has_value());
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
        Put(Observation(id, pick(patients), pick(codes), pick(dates), pick(values)));
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
        auto query = search::ParseQuery(*test::Definitions(), "Observation", parameters);
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
        std::string text;
        for (const auto& [name, value] : parameters) text += name + "=" + value + " ";
        EXPECT_THAT(FindAll("Observation", parameters, 6),
                    testing::UnorderedElementsAreArray(expected))
            << text;
    }
}

}  // namespace
}  // namespace carestream
