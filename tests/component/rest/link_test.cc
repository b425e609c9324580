// Goal: a log-in whose issuer knows no patients acts for the patients it was linked to, within what
// the link allows and while it holds, and nothing else can be had or learned. Method: codes and
// attacks on them over HTTP on a real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <regex>
#include <thread>

#include "component/rest/token_fixture.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class RestLinkTest : public RestTokenTest {
protected:
    void SetUp() override {
        StartService({});
        for (const std::string who : {"ada", "bob", "cleo"}) {
            Make("Patient/" + who, R"("name":[{"family":"Test"}])");
            Make("Observation/" + who + "-lab",
                 R"("status":"final","code":{"text":"x"},"subject":{"reference":"Patient/)" + who +
                     "\"}");
            Make("Encounter/" + who + "-visit",
                 R"("status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/)" +
                     who + "\"}");
            Make("RelatedPerson/" + who + "-mother",
                 R"("patient":{"reference":"Patient/)" + who + "\"}");
        }
        UseTokens();
    }

    // A log-in of the issuer that knows no patients; a claim is not looked at.
    [[nodiscard]] Headers Login(const std::string& subject,
                                const std::string& scope = "patient/*.rs",
                                const std::string& claim = {}) const {
        return As(subject, scope, claim, "app", "https://linked.example");
    }
    [[nodiscard]] Headers For(const std::string& subject, const std::string& patient,
                              const std::string& scope = "patient/*.rs") const {
        Headers headers = Login(subject, scope);
        headers.emplace_back("X-CareStream-Patient", patient);
        return headers;
    }
    [[nodiscard]] Headers Staff() const { return As("nurse", "user/Patient.u"); }

    static std::string Value(const Reply& reply, std::string_view name) {
        const auto* list = reply.body.Find("parameter");
        if (list == nullptr) return {};
        for (const auto& one : list->items()) {
            if (one.TextOf("name") != name) continue;
            for (const auto& member : one.members()) {
                if (member.name == "valueReference") {
                    return std::string(member.value.TextOf("reference"));
                }
                if (member.name.starts_with("value")) return member.value.text();
            }
        }
        return {};
    }
    static std::string Parameters(const std::string& list) {
        return R"({"resourceType":"Parameters","parameter":[)" + list + "]}";
    }
    Reply MakeCode(const std::string& patient, const std::string& parameters = {}) {
        return Post("Patient/" + patient + "/$link-code", Parameters(parameters), Staff());
    }
    std::string Code(const std::string& patient, const std::string& parameters = {}) {
        const Reply made = MakeCode(patient, parameters);
        EXPECT_EQ(made.status, 200) << made.http.body;
        return Value(made, "code");
    }
    static std::string Carer(const std::string& patient, const std::string& scopes = {},
                             const std::string& more = {}) {
        return R"({"name":"kind","valueCode":"carer"},{"name":"relatedPerson","valueReference":{"reference":"RelatedPerson/)" +
               patient + R"(-mother"}})" +
               (scopes.empty() ? "" : R"(,{"name":"scopes","valueString":")" + scopes + R"("})") +
               more;
    }
    Reply Redeem(const Headers& login, const std::string& code) {
        return Post("Patient/$link",
                    Parameters(R"({"name":"code","valueString":")" + code + R"("})"), login);
    }
    void Link(const std::string& subject, const std::string& code) {
        const Reply linked = Redeem(Login(subject), code);
        ASSERT_EQ(linked.status, 200) << linked.http.body;
    }
    // Whose observations the log-in finds.
    std::vector<std::string> Sees(const Headers& headers) {
        const Reply found = Get("Observation", headers);
        EXPECT_EQ(found.status, 200) << found.http.body;
        return found.Ids();
    }
};

TEST_F(RestLinkTest, ACodeMakesTheLogInThePatient) {
    const Headers ann = Login("ann");
    EXPECT_EQ(Get("Observation", ann).status, 403);
    EXPECT_THAT(Get("Patient/ada", ann).http.body, HasSubstr("not linked to a patient"));
    EXPECT_EQ(Get("Patient/ada", Login("ann", "patient/*.rs", "ada")).status, 403)
        << "a claim of this issuer names nobody";
    const std::string code = Code("ada");
    EXPECT_TRUE(std::regex_match(code, std::regex("[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}"))) << code;
    std::string typed;
    for (const char c : code) typed += c == '-' ? ' ' : static_cast<char>(std::tolower(c));
    const Reply linked = Redeem(ann, typed);
    ASSERT_EQ(linked.status, 200) << linked.http.body;
    EXPECT_EQ(Value(linked, "patient"), "Patient/ada");
    EXPECT_EQ(Value(linked, "kind"), "self");
    EXPECT_THAT(Sees(ann), ElementsAre("ada-lab"));
    EXPECT_EQ(Get("Patient/bob", ann).status, 404);
    EXPECT_THAT(Sees(Login("ann", "patient/*.rs", "bob")), ElementsAre("ada-lab"));
    EXPECT_EQ(Get("Observation", Login("other")).status, 403);
    EXPECT_EQ(Get("Observation", As("ann", "patient/*.rs")).status, 403)
        << "the same subject of another issuer is somebody else";
    EXPECT_EQ(Redeem(Login("olga", "openid"), Code("bob")).status, 200);
    EXPECT_THAT(Sees(Login("olga")), ElementsAre("bob-lab"));
}

TEST_F(RestLinkTest, ACodeIsGoodOnceAndForATime) {
    const std::string code = Code("ada");
    Link("ann", code);
    const Reply again = Redeem(Login("eve"), code);
    EXPECT_EQ(again.status, 400);
    EXPECT_EQ(Get("Observation", Login("eve")).status, 403);
    const std::string late = Code("ada");
    ASSERT_TRUE(Connect().Execute("update link_code set expires = now() - interval '1 second'"));
    const Reply expired = Redeem(Login("fay"), late);
    const Reply unknown = Redeem(Login("gil"), "22222-22222");
    const Reply nonsense = Redeem(Login("hal"), "Robert'); drop table link_code");
    EXPECT_EQ(expired.status, 400);
    EXPECT_EQ(expired.http.body, again.http.body) << "one answer, whatever is wrong";
    EXPECT_EQ(unknown.http.body, again.http.body);
    EXPECT_EQ(nonsense.http.body, again.http.body);
    EXPECT_EQ(Scalar("select count(*)::text from login_link"), "1");
}

TEST_F(RestLinkTest, GuessingEndsAfterFiveWrongCodes) {
    const std::string code = Code("ada");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(Redeem(Login("eve"), "AAAAA-AAAAA").status, 400) << i;
    const Reply refused = Redeem(Login("eve"), code);
    EXPECT_EQ(refused.status, 429);
    EXPECT_GE(std::stoi(refused.Header("Retry-After")), 1);
    EXPECT_EQ(Get("Observation", Login("eve")).status, 403);
    ASSERT_TRUE(Connect().Execute("update link_attempt set at = at - interval '61 minutes'"));
    EXPECT_EQ(Redeem(Login("eve"), code).status, 200) << "the code was not used up by it";
}

TEST_F(RestLinkTest, TwoAtOnceGetOneLink) {
    const std::string code = Code("ada");
    std::atomic<int> linked = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            std::promise<bool> done;
            store_->login_links().Redeem(
                1, {"https://linked.example", "s" + std::to_string(i)}, code,
                [&](const Result<store::LoginLink>& link) { done.set_value(link.has_value()); });
            if (done.get_future().get()) ++linked;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(linked, 1);
}

TEST_F(RestLinkTest, ALogInIsOnePatientHimself) {
    Link("ann", Code("ada"));
    const std::string other = Code("bob");
    EXPECT_EQ(Redeem(Login("ann"), other).status, 409);
    EXPECT_THAT(Sees(Login("ann")), ElementsAre("ada-lab"));
    Link("bea", other);  // the code stayed good
    Link("ann", Code("ada"));
    EXPECT_THAT(Sees(Login("ann")), ElementsAre("ada-lab"));
    EXPECT_EQ(Scalar("select count(*)::text from login_link where revoked is null"), "2");
}

TEST_F(RestLinkTest, ARevokedLinkEndsAtOnceWhileTheTokenHolds) {
    const Headers ann = Login("ann");
    Link("ann", Code("ada"));
    EXPECT_THAT(Sees(ann), ElementsAre("ada-lab"));  // remembered from here on
    const std::string open = Code("ada");
    EXPECT_EQ(Post("Patient/ada/$unlink", Parameters(""), ann).status, 403);
    const Reply ended = Post("Patient/ada/$unlink", Parameters(""), Staff());
    ASSERT_EQ(ended.status, 200) << ended.http.body;
    EXPECT_EQ(Value(ended, "ended"), "1");
    EXPECT_EQ(Get("Observation", ann).status, 403);
    EXPECT_EQ(Get("Observation", For("ann", "ada")).status, 403);
    EXPECT_EQ(Redeem(ann, open).status, 400) << "open codes are void, too";
    EXPECT_EQ(Value(Post("Patient/ada/$unlink", Parameters(""), Staff()), "ended"), "0");
}

TEST_F(RestLinkTest, OneLinkAloneIsRevokedByItsNumber) {
    Link("ann", Code("ada"));
    Link("mum", Code("ada", Carer("ada")));
    const std::string number =
        Scalar("select number::text from login_link where kind = 2 and revoked is null");
    const std::string body = Parameters(R"({"name":"link","valuePositiveInt":)" + number + "}");
    EXPECT_EQ(Value(Post("Patient/bob/$unlink", body, Staff()), "ended"), "0") << "not bob's";
    EXPECT_THAT(Sees(Login("mum")), ElementsAre("ada-lab"));
    EXPECT_EQ(Value(Post("Patient/ada/$unlink", body, Staff()), "ended"), "1");
    EXPECT_EQ(Get("Observation", Login("mum")).status, 403);
    EXPECT_THAT(Sees(Login("ann")), ElementsAre("ada-lab"));
}

TEST_F(RestLinkTest, ACarerSeesWhatHisLinkNamesOfTheOneHeAsksFor) {
    Link("mum", Code("ada", Carer("ada", "patient/Observation.rs patient/Patient.r")));
    Link("mum", Code("bob", Carer("bob")));
    EXPECT_EQ(Get("Observation", Login("mum")).status, 403) << "of whom is not said";
    EXPECT_THAT(Sees(For("mum", "ada")), ElementsAre("ada-lab"));
    EXPECT_THAT(Sees(For("mum", "bob")), ElementsAre("bob-lab"));
    EXPECT_EQ(Get("Patient/ada", For("mum", "ada")).status, 200);
    EXPECT_EQ(Get("Encounter/ada-visit", For("mum", "ada")).status, 403) << "not in the link";
    EXPECT_EQ(Get("Encounter", For("mum", "ada")).status, 403);
    EXPECT_EQ(Get("Patient?_id=ada", For("mum", "ada")).status, 403) << "read, not searched";
    EXPECT_THAT(Get("Patient?_id=ada&_revinclude=Encounter:subject", For("mum", "ada")).Ids(),
                IsEmpty());
    EXPECT_EQ(Get("Encounter/bob-visit", For("mum", "bob")).status, 200);
    EXPECT_EQ(Get("Encounter/bob-visit", For("mum", "ada")).status, 403);
    EXPECT_EQ(Get("Observation/bob-lab", For("mum", "ada")).status, 404);
    EXPECT_EQ(
        Put("Observation/ada-lab",
            R"({"resourceType":"Observation","id":"ada-lab","status":"final","code":{"text":"y"},"subject":{"reference":"Patient/ada"}})",
            For("mum", "ada", "patient/*.cruds"))
            .status,
        403)
        << "the token may, the link may not";
    EXPECT_EQ(Get("Observation", For("mum", "ada", "patient/Patient.rs")).status, 403)
        << "the link may, the token may not";
    // Her own record is what she gets without a name.
    Link("mum", Code("cleo"));
    EXPECT_THAT(Sees(Login("mum")), ElementsAre("cleo-lab"));
    EXPECT_EQ(Get("Encounter/cleo-visit", Login("mum")).status, 200);
    EXPECT_THAT(Sees(For("mum", "ada")), ElementsAre("ada-lab"));
}

TEST_F(RestLinkTest, ALinkEndsWhenItIsSaidTo) {
    Link("mum", Code("ada", Carer("ada", "", R"(,{"name":"until","valueDateTime":"2999-01-01"})")));
    EXPECT_THAT(Sees(Login("mum")), ElementsAre("ada-lab"));
    ASSERT_TRUE(Connect().Execute("update login_link set until = now() - interval '1 second'"));
    EXPECT_TRUE(Eventually([&] { return Get("Observation", Login("mum")).status == 403; }));
    EXPECT_EQ(Get("Observation", For("mum", "ada")).status, 403);
    EXPECT_EQ(MakeCode("ada", R"({"name":"until","valueDateTime":"2001-01-01"})").status, 400);
}

TEST_F(RestLinkTest, WhoIsNotLinkedAndWhoIsNotThereAreOneAnswer) {
    Link("ann", Code("ada"));
    const Reply other = Get("Observation", For("ann", "bob"));
    const Reply nobody = Get("Observation", For("ann", "no-such-patient"));
    EXPECT_EQ(other.status, 403);
    EXPECT_EQ(other.http.body, nobody.http.body);
    EXPECT_EQ(Get("Observation", For("ann", "not an id")).http.body, nobody.http.body);
    Headers trusted = As("x", "patient/*.rs", "ada");
    trusted.emplace_back("X-CareStream-Patient", "bob");
    EXPECT_EQ(Get("Observation", trusted).http.body, nobody.http.body)
        << "a claim is not overruled, and the header not left unheard";
    Headers user = As("x", "user/*.rs");
    user.emplace_back("X-CareStream-Patient", "bob");
    EXPECT_EQ(Get("Observation", user).status, 400);
}

TEST_F(RestLinkTest, MergedPatientsAreOne) {
    Link("ann", Code("ada"));
    ChangeLinks(
        "insert into link (loser, survivor, tenant) select l.pk, s.pk, 1 from resource l, resource "
        "s where l.id = 'ada' and s.id = 'bob'");
    EXPECT_THAT(Sees(Login("ann")), UnorderedElementsAre("ada-lab", "bob-lab"));
    EXPECT_THAT(Sees(For("ann", "bob")), UnorderedElementsAre("ada-lab", "bob-lab"));
    EXPECT_EQ(Get("Observation", For("ann", "cleo")).status, 403);
    EXPECT_EQ(MakeCode("bob", Carer("ada")).status, 200) << "his RelatedPerson of before";
    EXPECT_EQ(Value(Post("Patient/bob/$unlink", Parameters(""), Staff()), "ended"), "1")
        << "ended under either id";
    EXPECT_EQ(Get("Observation", Login("ann")).status, 403);
}

TEST_F(RestLinkTest, OnlyStaffMakesCodes) {
    const std::string none = Parameters("");
    EXPECT_EQ(Post("Patient/ada/$link-code", none).status, 401);
    EXPECT_EQ(Post("Patient/ada/$link-code", none, As("x", "user/Patient.rs")).status, 403);
    EXPECT_EQ(Post("Patient/ada/$link-code", none, As("x", "patient/*.cruds", "ada")).status, 403);
    EXPECT_EQ(Post("Patient/ada/$link-code", none, As("x", "user/Patient.u?gender=male")).status,
              403);
    Link("ann", Code("ada"));
    EXPECT_EQ(Post("Patient/ada/$link-code", none, Login("ann", "patient/*.cruds")).status, 403);
    EXPECT_EQ(Send("GET", "/fhir/r4/Patient/ada/$link-code", Staff()).status, 405);
    EXPECT_EQ(Redeem(As("x", "patient/*.rs"), Code("ada")).status, 403) << "not this issuer's";
    EXPECT_EQ(Redeem(Login("x", "user/*.rs"), Code("ada")).status, 403);
    EXPECT_EQ(Redeem({}, "22222-22222").status, 401);
}

TEST_F(RestLinkTest, WhatACodeIsAskedForIsChecked) {
    EXPECT_EQ(MakeCode("nobody").status, 404);
    const std::pair<const char*, std::string> wrong[] = {
        {"kind", R"({"name":"kind","valueCode":"owner"})"},
        {"relatedPerson", R"({"name":"kind","valueCode":"carer"})"},
        {"relatedPerson", Carer("bob")},
        {"relatedPerson",
         R"({"name":"relatedPerson","valueReference":{"reference":"RelatedPerson/ada-mother"}})"},
        {"scopes", Carer("ada", "user/*.rs")},
        {"scopes", Carer("ada", "patient/Observation.rs?code=1")},
        {"scopes", Carer("ada", "patient/*.rs nonsense")},
        {"hours", R"({"name":"hours","valueInteger":0})"},
        {"hours", R"({"name":"hours","valueInteger":721})"},
        {"hour", R"({"name":"hour","valueInteger":1})"},
    };
    for (const auto& [path, parameters] : wrong) {
        const Reply reply = MakeCode("ada", parameters);
        EXPECT_EQ(reply.status, 400) << parameters;
        EXPECT_EQ(reply.Issue(), "invalid|" + std::string(path));
    }
    for (int i = 0; i < 10; ++i) EXPECT_EQ(MakeCode("ada").status, 200);
    EXPECT_EQ(MakeCode("ada").status, 429);
    EXPECT_EQ(MakeCode("bob").status, 200);
}

TEST_F(RestLinkTest, LinksAreAuditedAndHoldNothingInPlainText) {
    const std::string code = Code("ada");
    Link("MARKEDSUBJECT", code);
    ASSERT_TRUE(Eventually([&] { return store_->access_audit().waiting() == 0; }));
    const std::string audit =
        Get("AuditEvent?patient=Patient/ada&_count=100", As("a", "system/AuditEvent.rs")).http.body;
    EXPECT_THAT(audit, HasSubstr("$link-code"));
    EXPECT_THAT(audit, HasSubstr("MARKEDSUBJECT"));
    EXPECT_THAT(audit, Not(HasSubstr(code)));
    const std::string bare = code.substr(0, 5) + code.substr(6);
    for (const std::string& marked : {std::string("MARKEDSUBJECT"), code, bare,
                                      std::string("linked.example"), std::string("nurse")}) {
        for (const char* table : {"login_link", "link_code", "access"}) {
            EXPECT_EQ(Scalar("select count(*)::text from " + std::string(table) +
                             " t where position('" + marked + "' in t::text) > 0 or position('" +
                             marked + "'::bytea in sealed) > 0"),
                      "0")
                << marked << " in " << table;
        }
    }
    for (const std::string& line : lines_) EXPECT_THAT(line, Not(HasSubstr(bare.substr(0, 5))));
}

}  // namespace
}  // namespace carestream::test
