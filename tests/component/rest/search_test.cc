// Goal: searches over HTTP answer whole, paged, confined and honest Bundles. Method: a small
// hospital on a real store; pages are followed link by link. (What each parameter finds is search's
// and store's test.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "component/rest/token_fixture.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class RestSearchTest : public RestTest {
protected:
    void SetUp() override {
        RestTest::SetUp();
        for (const std::string id : {"ada", "bob"}) {
            ASSERT_EQ(Put("Patient/" + id, R"({"resourceType":"Patient","id":")" + id +
                                               R"(","name":[{"family":"Family)" + id + R"("}]})")
                          .status,
                      201);
        }
        for (int i = 0; i < 7; ++i) {
            const std::string id = "o" + std::to_string(i);
            const auto made = Put(
                "Observation/" + id,
                R"({"resourceType":"Observation","id":")" + id +
                    R"(","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"718-7"}]},)" +
                    R"("subject":{"reference":"Patient/)" + (i == 6 ? "bob" : "ada") +
                    R"("},"effectiveDateTime":"2024-01-0)" + std::to_string(i + 1) +
                    R"(T10:00:00Z","valueQuantity":{"value":)" + std::to_string(i) + R"(.5}})");
            ASSERT_EQ(made.status, 201) << made.http.body;
        }
    }

    std::vector<std::string> AllPages(std::string url, int* pages = nullptr) {
        std::vector<std::string> ids;
        for (int page = 0; page < 50 && !url.empty(); ++page) {
            const auto reply = Follow(url);
            EXPECT_EQ(reply.status, 200) << reply.http.body;
            EXPECT_EQ(reply.Link("self"), url);
            for (auto& id : reply.Ids()) ids.push_back(std::move(id));
            url = reply.Link("next");
            if (pages != nullptr) *pages = page + 1;
        }
        return ids;
    }
};

TEST_F(RestSearchTest, FindsByGetAndByPost) {
    const auto get = Get("Observation?code=http://loinc.org|718-7&date=ge2024-01-06");
    ASSERT_EQ(get.status, 200) << get.http.body;
    EXPECT_THAT(get.Ids(), UnorderedElementsAre("o5", "o6"));
    EXPECT_EQ(get.body.TextOf("type"), "searchset");
    EXPECT_EQ(get.body.Find("entry")->items()[0].TextOf("fullUrl"),
              Base() + "/Observation/" + get.Ids()[0]);
    const auto post = Send("POST", "/fhir/r4/Observation/_search",
                           {{"Content-Type", "application/x-www-form-urlencoded"}},
                           "code=http%3A%2F%2Floinc.org%7C718-7&date=ge2024-01-06");
    ASSERT_EQ(post.status, 200) << post.http.body;
    EXPECT_EQ(post.Ids(), get.Ids());
    const auto mixed = Send("POST", "/fhir/r4/Observation/_search?date=ge2024-01-06",
                            {{"Content-Type", "application/x-www-form-urlencoded"}}, "code=718-7");
    EXPECT_EQ(mixed.Ids(), get.Ids());
    EXPECT_EQ(
        Send("POST", "/fhir/r4/Observation/_search", {{"Content-Type", "application/json"}}, "{}")
            .status,
        415);
}

TEST_F(RestSearchTest, BodiesAreThoseOfReads) {
    const auto found = Get("Observation?_id=o3");
    ASSERT_EQ(found.Ids(), std::vector<std::string>{"o3"});
    EXPECT_EQ(*found.body.Find("entry")->items()[0].Find("resource"), Get("Observation/o3").body);
}

TEST_F(RestSearchTest, PagesAreCompleteAndStable) {
    int pages = 0;
    const auto ids = AllPages(Base() + "/Observation?_sort=-date&_count=2", &pages);
    EXPECT_THAT(ids, ElementsAre("o6", "o5", "o4", "o3", "o2", "o1", "o0"));
    EXPECT_EQ(pages, 4);
    // A resource that arrives between two pages does not shift the others.
    const auto first = Get("Observation?_sort=-date&_count=3");
    ASSERT_EQ(Put("Observation/new", R"({"resourceType":"Observation","id":"new","status":"final",)"
                                     R"("code":{"text":"x"},"effectiveDateTime":"2025-01-01"})")
                  .status,
              201);
    const auto second = Follow(first.Link("next"));
    EXPECT_THAT(second.Ids(), ElementsAre("o3", "o2", "o1"));
}

TEST_F(RestSearchTest, CursorsCannotBeForgedOrMoved) {
    const auto first = Get("Observation?_sort=-date&_count=2");
    const std::string next = first.Link("next");
    const std::string cursor = next.substr(next.find("_page=") + 6);
    EXPECT_EQ(Get("Observation?_sort=-date&_count=2&_page=" + cursor).status, 200);
    std::string changed = cursor;
    changed[20] = changed[20] == 'A' ? 'B' : 'A';
    EXPECT_EQ(Get("Observation?_sort=-date&_count=2&_page=" + changed).status, 400);
    EXPECT_EQ(Get("Observation?_sort=-date&_count=2&_page=").status, 200);
    EXPECT_EQ(Get("Observation?_sort=date&_count=2&_page=" + cursor).status, 400);
    EXPECT_EQ(Get("Observation?_sort=-date&_count=2&patient=ada&_page=" + cursor).status, 400);
    EXPECT_EQ(Get("Encounter?_page=" + cursor).status, 400);
    EXPECT_EQ(Get("Patient/ada/Observation?_sort=-date&_count=2&_page=" + cursor).status, 400);
}

TEST_F(RestSearchTest, PostedParametersStayOutOfUrls) {
    const auto first = Send("POST", "/fhir/r4/Patient/_search",
                            {{"Content-Type", "application/x-www-form-urlencoded"}},
                            "name=Family&_count=1&_sort=_lastUpdated");
    ASSERT_EQ(first.status, 200) << first.http.body;
    ASSERT_EQ(first.Ids(), std::vector<std::string>{"ada"});
    const std::string next = first.Link("next");
    EXPECT_THAT(next, Not(HasSubstr("name")));
    const auto second = Follow(next);
    EXPECT_EQ(second.status, 200) << second.http.body;
    EXPECT_EQ(second.Ids(), std::vector<std::string>{"bob"});
    EXPECT_EQ(Send("GET", "/fhir/r4/Patient?name=x&" + next.substr(next.find('?') + 1)).status,
              400);
}

TEST_F(RestSearchTest, LinksOfAPostedSearchShowNothingOfIt) {
    const Headers form = {{"Content-Type", "application/x-www-form-urlencoded"}};
    for (const char* target : {"Patient/_search", "Patient/_search?_sort=_lastUpdated"}) {
        const auto first = Send("POST", std::string("/fhir/r4/") + target, form,
                                "name=Family&_count=1&_sort=_lastUpdated");
        ASSERT_EQ(first.status, 200) << first.http.body;
        for (const char* relation : {"self", "next"}) {
            EXPECT_THAT(first.Link(relation), StartsWith(Base() + "/Patient?_page=")) << relation;
            for (const char* secret : {"name", "Family", "_sort", "_count"}) {
                EXPECT_THAT(first.Link(relation), Not(HasSubstr(secret))) << relation;
            }
        }
        // Whoever holds the link may repeat the search, as with one by GET.
        const auto again = Follow(first.Link("self"));
        EXPECT_EQ(again.status, 200) << again.http.body;
        EXPECT_EQ(again.Ids(), first.Ids());
        EXPECT_EQ(again.Link("self"), first.Link("self"));
    }
}

TEST_F(RestSearchTest, OwnReferencesAreFoundHoweverTheyAreWritten) {
    ASSERT_EQ(Put("Observation/abs", R"({"resourceType":"Observation","id":"abs","status":"final",)"
                                     R"("code":{"text":"x"},"subject":{"reference":")" +
                                         Base() + R"(/Patient/bob"},"performer":[{"reference":")" +
                                         Base() + R"(/Practitioner/dr"}]})")
                  .status,
              201);
    for (const std::string name : {"subject", "patient"}) {
        for (const std::string value : {"bob", "Patient/bob", "BASE/Patient/bob"}) {
            const std::string full = value.starts_with("BASE") ? Base() + value.substr(4) : value;
            EXPECT_THAT(Get("Observation?" + name + "=" + full).Ids(),
                        UnorderedElementsAre("o6", "abs"))
                << name << "=" << full;
        }
    }
    for (const std::string& value : {std::string("Practitioner/dr"), Base() + "/Practitioner/dr"}) {
        EXPECT_THAT(Get("Observation?performer=" + value).Ids(), ElementsAre("abs")) << value;
    }
    EXPECT_THAT(Get("Observation?subject=http://other.test/fhir/r4/Patient/bob").Ids(), IsEmpty());
    // A proxy's name for the server is its name, too.
    rest::ServiceOptions options;
    options.public_url = "https://fhir.test/fhir/r4";
    StartService(std::move(options));
    EXPECT_THAT(Get("Observation?subject=https://fhir.test/fhir/r4/Patient/bob").Ids(),
                UnorderedElementsAre("o6", "abs"));
    const auto once =
        Post("Observation",
             R"({"resourceType":"Observation","status":"final",)"
             R"("code":{"text":"x"},"subject":{"reference":"Patient/eve"}})",
             {{"If-None-Exist", "subject=https://fhir.test/fhir/r4/Patient/bob&code=718-7"}});
    EXPECT_EQ(once.status, 200) << once.http.body;
}

TEST_F(RestSearchTest, CompartmentConfines) {
    EXPECT_THAT(AllPages(Base() + "/Patient/ada/Observation?_count=4"),
                UnorderedElementsAre("o0", "o1", "o2", "o3", "o4", "o5"));
    EXPECT_THAT(Get("Patient/bob/Observation?code=718-7").Ids(), ElementsAre("o6"));
    EXPECT_THAT(Get("Patient/nobody/Observation").Ids(), IsEmpty());
    EXPECT_THAT(Get("Patient/ada/Observation?patient=bob").Ids(), IsEmpty());
    EXPECT_EQ(Get("Patient/ada/Location").status, 404);
    EXPECT_EQ(Get("Patient/ada/*").status, 501);
    EXPECT_EQ(Get("Encounter/e/Observation").status, 404);
}

TEST_F(RestSearchTest, UnknownParametersAreNamedOrRefused) {
    const auto lenient = Get("Observation?foo=SECRET&patient=bob");
    EXPECT_EQ(lenient.status, 200);
    EXPECT_THAT(lenient.Ids(), ElementsAre("o6"));
    EXPECT_EQ(lenient.Ids("outcome").size(), 1u);
    EXPECT_THAT(lenient.http.body, HasSubstr("\"expression\":[\"foo\"]"));
    EXPECT_THAT(lenient.Link("self"), Not(HasSubstr("foo")));
    EXPECT_THAT(lenient.http.body, Not(HasSubstr("SECRET")));
    const auto strict = Get("Observation?foo=1&patient=bob", {{"Prefer", "handling=strict"}});
    EXPECT_EQ(strict.status, 400);
    EXPECT_EQ(strict.Issue(), "invalid|foo");
    EXPECT_EQ(Get("Observation?date=never").status, 400);
    EXPECT_EQ(Get("Observation?patient.name=x").status, 400);
    EXPECT_EQ(Get("Observation?_count=x").status, 400);
}

TEST_F(RestSearchTest, AParameterWithoutAValueNeverWidensInSilence) {
    for (const std::string target :
         {"Observation?patient=", "Observation?subject=&code=718-7",
          "Observation?_id=", "Observation?subject:missing=", "Patient/ada/Observation?encounter=",
          "Observation?code:exact=", "Patient?general-practitioner="}) {
        const auto refused = Get(target);
        EXPECT_EQ(refused.status, 400) << target << refused.http.body;
    }
    EXPECT_EQ(Get("Observation?patient=").Issue(), "invalid|patient");
    const auto lenient = Get("Observation?code=&patient=bob&_sort=");
    EXPECT_EQ(lenient.status, 200) << lenient.http.body;
    EXPECT_THAT(lenient.Ids(), ElementsAre("o6"));
    EXPECT_EQ(lenient.Ids("outcome").size(), 1u);
    EXPECT_THAT(lenient.http.body, HasSubstr("\"expression\":[\"code\"]"));
    EXPECT_THAT(lenient.http.body, HasSubstr("\"expression\":[\"_sort\"]"));
    EXPECT_THAT(lenient.Link("self"), Not(HasSubstr("code")));
    // Both kinds of what was ignored stand in one outcome.
    const auto both = Get("Observation?code=&foo=1&patient=bob");
    EXPECT_EQ(both.Ids("outcome").size(), 1u);
    EXPECT_THAT(both.http.body, HasSubstr("\"expression\":[\"foo\"]"));
    const auto strict = Get("Observation?code=&patient=bob", {{"Prefer", "handling=strict"}});
    EXPECT_EQ(strict.status, 400);
    EXPECT_EQ(strict.Issue(), "invalid|code");
}

TEST_F(RestSearchTest, IncludesAndTotals) {
    const auto include = Get("Observation?_id=o6&_include=Observation:subject");
    EXPECT_THAT(include.Ids(), ElementsAre("o6"));
    EXPECT_THAT(include.Ids("include"), ElementsAre("bob"));
    const auto reverse = Get("Patient?_id=bob&_revinclude=Observation:subject");
    EXPECT_THAT(reverse.Ids("include"), ElementsAre("o6"));
    EXPECT_EQ(Get("Observation?_total=accurate&_count=1").body.Find("total")->text(), "7");
    EXPECT_EQ(Get("Observation?_count=1").body.Find("total"), nullptr);
}

// Nobody can open the stored versions of it any more.
std::string DamageOf(const std::string& id) {
    return "update version set body = '\\x00' where resource = (select pk from resource where id "
           "= '" +
           id + "')";
}

// What the entries that are about the search itself say.
std::vector<std::string> Outcomes(const Reply& reply) {
    std::vector<std::string> texts;
    const fhir::Node* entries = reply.body.Find("entry");
    if (entries == nullptr) return texts;
    for (const auto& entry : entries->items()) {
        if (entry.Find("search")->TextOf("mode") != "outcome") continue;
        for (const auto& issue : entry.Find("resource")->Find("issue")->items()) {
            texts.push_back(std::string(issue.TextOf("severity")) + " " +
                            std::string(issue.TextOf("code")) + ": " +
                            std::string(issue.TextOf("diagnostics")));
        }
    }
    return texts;
}

TEST_F(RestSearchTest, WhatCannotBeOpenedIsNamedInTheAnswerAndInTheLog) {
    ASSERT_TRUE(Connect().Execute(DamageOf("o3")));
    ASSERT_TRUE(Connect().Execute(DamageOf("bob")));
    const auto found = Get("Observation?_sort=-date&_include=Observation:subject");
    ASSERT_EQ(found.status, 200) << found.http.body;
    EXPECT_THAT(found.Ids(), ElementsAre("o6", "o5", "o4", "o2", "o1", "o0"));
    EXPECT_THAT(found.Ids("include"), ElementsAre("ada"));
    EXPECT_THAT(Outcomes(found),
                ElementsAre("warning exception: something could not be read and was left out: "
                            "Observation/o3/_history/1, Patient/bob/_history/1"));
    EXPECT_THAT(AllPages(Base() + "/Observation?_sort=-date&_count=2"),
                ElementsAre("o6", "o5", "o4", "o2", "o1", "o0"));
    const std::lock_guard lock(mutex_);
    std::vector<std::string> told;
    for (const std::string& line : lines_) {
        if (line.find("rest.unreadable") != std::string::npos) told.push_back(line);
    }
    // A line for each of the two answers that met it.
    ASSERT_EQ(told.size(), 2u);
    EXPECT_THAT(told[0], HasSubstr("Observation/o3/_history/1, Patient/bob/_history/1"));
    EXPECT_THAT(told[0], HasSubstr(R"("count":"2")"));
}

TEST_F(RestSearchTest, OfManyThatCannotBeOpenedSomeAreNamed) {
    for (int i = 0; i < 25; ++i) {
        ASSERT_EQ(Post("Basic", R"({"resourceType":"Basic","code":{"text":"x"}})").status, 201);
    }
    ASSERT_TRUE(Connect().Execute("update version set body = '\\x00'"));
    const auto found = Get("Basic");
    ASSERT_EQ(found.status, 200) << found.http.body;
    EXPECT_THAT(found.Ids(), IsEmpty());
    const auto outcomes = Outcomes(found);
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_TRUE(outcomes[0].ends_with(" and 5 more")) << outcomes[0];
}

using UnreadableTest = RestTokenTest;

TEST_F(UnreadableTest, AConfinedTokenHearsNoNames) {
    for (const std::string id : {"ada", "bob"}) {
        Make("Patient/" + id, R"("active":true)");
        for (const char* number : {"1", "2"}) {
            Make("Observation/" + id + number, R"("status":"final","code":{"text":"x"},)"
                                               R"("subject":{"reference":"Patient/)" +
                                                   id + "\"}");
        }
    }
    UseTokens();
    const Headers ada = As("ada", "patient/*.cruds", "ada");
    const Headers staff = As("staff", "system/*.cruds");
    ASSERT_TRUE(Connect().Execute(DamageOf("bob1")));
    EXPECT_THAT(Outcomes(Get("Observation", ada)), IsEmpty())
        << "another's is none of her business";
    ASSERT_TRUE(Connect().Execute(DamageOf("ada1")));
    EXPECT_EQ(Get("Observation/bob1", ada).status, 404) << "nor is it told that it is there";
    EXPECT_EQ(Put("Observation/bob1",
                  R"({"resourceType":"Observation","id":"bob1","status":"final","code":{"text":)"
                  R"("x"},"subject":{"reference":"Patient/ada"}})",
                  ada)
                  .status,
              404);
    EXPECT_EQ(Delete("Observation/bob1", ada).status, 404);
    EXPECT_EQ(Get("Observation/bob1", staff).status, 400);
    const auto hers = Get("Observation", ada);
    EXPECT_THAT(hers.Ids(), ElementsAre("ada2"));
    EXPECT_THAT(Outcomes(hers),
                ElementsAre("warning exception: something could not be read and was left out"));
    const auto all = Get("Observation", staff);
    EXPECT_THAT(all.Ids(), UnorderedElementsAre("ada2", "bob2"));
    EXPECT_THAT(Outcomes(all),
                ElementsAre(HasSubstr("Observation/ada1/_history/1, Observation/bob1/_history/1")));
}

TEST_F(RestSearchTest, GzipAndPretty) {
    const auto packed = Get("Observation", {{"Accept-Encoding", "gzip"}});
    EXPECT_EQ(packed.Header("Content-Encoding"), "gzip");
    EXPECT_EQ(packed.Ids().size(), 7u);
    const auto pretty = Get("Observation?_pretty=true&_count=3");
    EXPECT_THAT(pretty.http.body, HasSubstr("\n  \"link\""));
    EXPECT_THAT(Follow(pretty.Link("next")).http.body, HasSubstr("\n  \"link\""));
}

TEST_F(RestSearchTest, ManyReadersAndWritersAtOnce) {
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            auto client = net::HttpClient::Connect(address_);
            for (int i = 0; i < 30; ++i) {
                const std::string id = "t" + std::to_string(t);
                const auto put = client->Send(
                    {.method = "PUT",
                     .target = "/fhir/r4/Patient/" + id,
                     .headers = {{"Content-Type", "application/fhir+json"}},
                     .body = R"({"resourceType":"Patient","id":")" + id +
                             R"(","name":[{"family":"N)" + std::to_string(i) + R"("}]})"});
                const auto read = client->Send({.target = "/fhir/r4/Patient/" + id});
                const bool own = put && read && put->status < 300 && read->body == put->body;
                const auto search =
                    client->Send({.target = "/fhir/r4/Observation?patient=ada&_count=2"});
                if (!own || !search || search->status != 200) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace carestream::test
