// Goal: one place decides, and nothing about another patient passes it. Method: tables over the
// real definitions.
#include "auth/access.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "auth/owner.h"
#include "fhir/json.h"

namespace carestream::auth {
namespace {

const fhir::Definitions& R4() {
    static const auto definitions =
        fhir::Definitions::Load(std::string(CARESTREAM_SOURCE_DIR) + "/schemas/fhir/r4").value();
    return *definitions;
}

Principal Who(const std::string& scopes, const std::string& patient = "p1") {
    Principal principal;
    principal.patient = patient;
    principal.scopes = ParseScopes(scopes);
    return principal;
}

fhir::Node Json(const std::string& text) {
    return fhir::ParseJson(text).value();
}

std::string VerdictOf(const std::string& scopes, std::string_view type, Action action,
                      const std::string& patient = "p1") {
    switch (Decide(R4(), Who(scopes, patient), type, action).verdict) {
        case Verdict::kDenied:
            return "denied";
        case Verdict::kConfined:
            return "confined";
        case Verdict::kAllowed:
            return "allowed";
    }
    return "";
}

TEST(Decide, Table) {
    using A = Action;
    struct Row {
        std::string scopes;
        std::string_view type;
        Action action;
        std::string verdict;
        std::string patient = "p1";
    };
    const Row rows[] = {
        {"", "Observation", A::kRead, "denied"},
        {"openid", "Observation", A::kRead, "denied"},
        {"patient/*.rs", "Observation", A::kRead, "confined"},
        {"patient/*.rs", "Observation", A::kSearch, "confined"},
        {"patient/*.rs", "Observation", A::kCreate, "denied"},
        {"patient/*.r", "Observation", A::kSearch, "denied"},
        {"patient/*.s", "Observation", A::kRead, "denied"},
        {"patient/Observation.rs", "Condition", A::kRead, "denied"},
        {"patient/*.rs", "Observation", A::kRead, "denied", ""},  // no patient: nobody's
        {"patient/*.cruds", "Patient", A::kCreate, "denied"},
        {"patient/*.cruds", "Patient", A::kUpdate, "confined"},
        {"patient/*.cruds", "Practitioner", A::kRead, "confined"},
        {"patient/*.cruds", "Practitioner", A::kUpdate, "denied"},
        {"patient/*.cruds", "Device", A::kCreate, "denied"},
        {"patient/*.cruds", "Binary", A::kRead, "confined"},  // as what it belongs to
        {"patient/*.cruds", "Binary", A::kSearch, "denied"},
        {"patient/*.cruds", "Binary", A::kCreate, "denied"},
        {"patient/*.cruds", "Binary", A::kUpdate, "denied"},
        {"patient/*.cruds", "Flag", A::kRead, "confined"},
        {"patient/*.cruds", "Flag", A::kUpdate, "denied"},  // nobody takes back his own red flag
        {"patient/*.cruds", "Flag", A::kDelete, "denied"},
        {"patient/*.cruds", "Task", A::kSearch, "confined"},
        {"patient/*.cruds", "Task", A::kCreate, "denied"},
        {"system/*.cruds", "Flag", A::kUpdate, "allowed"},
        {"patient/*.cruds", "Subscription", A::kRead, "confined"},  // to what he made
        {"patient/*.rs", "Subscription", A::kCreate, "denied"},
        {"patient/*.cruds", "*", A::kRead, "denied"},
        {"user/*.rs", "Observation", A::kRead, "allowed"},
        {"user/*.rs", "Binary", A::kRead, "allowed"},
        {"system/*.cruds", "*", A::kUpdate, "allowed"},
        {"system/Observation.cruds", "*", A::kUpdate, "denied"},
        {"system/Observation.cruds", "Patient", A::kUpdate, "denied"},
        // A patient's token stays one, whatever else it holds.
        {"patient/Observation.rs user/*.cruds system/*.cruds", "Condition", A::kRead, "confined"},
        {"patient/Observation.rs system/*.rs", "Observation", A::kRead, "denied", ""},
        // Granular.
        {"patient/Observation.rs?category=laboratory", "Observation", A::kRead, "confined"},
        {"patient/Observation.rs?nonsense=x", "Observation", A::kRead, "denied"},
        {"patient/Observation.rs?category=", "Observation", A::kRead, "denied"},
        {"patient/Observation.rs?_count=5", "Observation", A::kRead, "denied"},
        {"patient/Observation.rs?_include=Observation:subject", "Observation", A::kRead, "denied"},
        {"patient/Observation.rs?subject.name=x", "Observation", A::kRead, "denied"},
        {"patient/*.rs?category=laboratory", "Encounter", A::kRead, "denied"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(VerdictOf(row.scopes, row.type, row.action, row.patient), row.verdict)
            << row.scopes << " " << row.type;
    }
}

// What is left of a resource for the patient p1; "" = nothing is shown.
std::string Shown(const std::string& json, Principal who = Who("patient/*.cruds")) {
    Access access(R4(), std::move(who));
    access.SetLinked({"p1", "old1"});
    fhir::Node resource = Json(json);
    const std::string type(resource.TextOf("resourceType"));
    bool changed = false;
    if (!access.Show(type, resource, Action::kRead, &changed)) return "";
    EXPECT_EQ(changed, resource.Find("meta") != nullptr);
    resource.Remove("meta");
    return fhir::ToJson(resource);
}

TEST(Access, OfWhatIsAboutSeveralOnlyOnesOwnPartIsShown) {
    EXPECT_EQ(
        Shown(
            R"({"resourceType":"Appointment","text":{"status":"generated"},"participant":[)"
            R"({"actor":{"reference":"Patient/p1"}},{"actor":{"reference":"Patient/p2"}},)"
            R"({"actor":{"reference":"http://here/fhir/r4/Patient/p3"}},)"
            R"({"actor":{"type":"Patient","display":"Bob"}},{"actor":{"reference":"Location/l"}}]})"),
        R"({"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/p1"}},)"
        R"({"actor":{"reference":"Location/l"}}]})");
    EXPECT_EQ(Shown(R"({"resourceType":"Group","member":[{"entity":{"reference":"Patient/old1"}},)"
                    R"({"entity":{"reference":"Patient/p2/_history/1"}}]})"),
              R"({"resourceType":"Group","member":[{"entity":{"reference":"Patient/old1"}}]})");
    // An element goes whole; what is in a list inside of it goes alone.
    EXPECT_EQ(Shown(R"({"resourceType":"Condition","subject":{"reference":"Patient/p1"},)"
                    R"("asserter":{"reference":"Patient/p2"},"extension":[{"url":"urn:x",)"
                    R"("extension":[{"url":"a","valueReference":{"reference":"Patient/p2"}},)"
                    R"({"url":"b","valueCode":"c"}]}]})"),
              R"({"resourceType":"Condition","subject":{"reference":"Patient/p1"},)"
              R"("extension":[{"url":"urn:x","extension":[{"url":"b","valueCode":"c"}]}]})");
    EXPECT_EQ(
        Shown(R"({"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"c"},)"
              R"({"resourceType":"Group","id":"g"}],"subject":{"reference":"Patient/p1"}})"),
        R"({"resourceType":"Condition","contained":[{"resourceType":"Group","id":"g"}],)"
        R"("subject":{"reference":"Patient/p1"}})");
    const std::string whole =
        R"({"resourceType":"Condition","subject":{"reference":"Patient/p1"}})";
    EXPECT_EQ(Shown(whole), whole);
}

TEST(Access, WhatIsAboutAnotherIsNotShownToWhoHadAHandInIt) {
    for (
        const char* members :
        {R"("resourceType":"Observation","subject":{"reference":"Patient/p2"},"performer":[{"reference":"Patient/p1"}])",
         R"("resourceType":"Observation","subject":{"identifier":{"value":"7"}},"performer":[{"reference":"Patient/p1"}])",
         R"("resourceType":"AllergyIntolerance","patient":{"reference":"Patient/p2"},"asserter":{"reference":"Patient/p1"})",
         R"("resourceType":"Coverage","beneficiary":{"reference":"Patient/p2"},"policyHolder":{"reference":"Patient/p1"})"}) {
        EXPECT_EQ(Shown("{" + std::string(members) + "}"), "") << members;
    }
}

TEST(Access, ConfidentialIsHiddenFromCarersOnly) {
    const auto labelled = [](const std::string& code) {
        return R"({"resourceType":"Condition","meta":{"security":[{"system":"urn:any","code":")" +
               code + R"("}]},"subject":{"reference":"Patient/p1"}})";
    };
    Principal carer = Who("patient/*.cruds");
    carer.limited = true;
    carer.limits = ParseScopes("patient/*.cruds");
    const auto sees = [&](const Principal& who, const std::string& code, Policy policy = {}) {
        Access access(R4(), who, std::move(policy));
        access.SetLinked({"p1"});
        const fhir::Node resource = Json(labelled(code));
        EXPECT_EQ(access.Sees("Condition", resource, Action::kRead),
                  access.MayWrite("Condition", resource, Action::kUpdate));
        return access.Sees("Condition", resource, Action::kRead);
    };
    EXPECT_TRUE(sees(Who("patient/*.cruds"), "R"));
    EXPECT_TRUE(sees(Who("user/*.cruds"), "V"));
    EXPECT_FALSE(sees(carer, "R"));
    EXPECT_FALSE(sees(carer, "V"));
    EXPECT_TRUE(sees(carer, "N"));
    EXPECT_TRUE(sees(carer, "R", {{"PSY"}}));
    EXPECT_FALSE(sees(carer, "PSY", {{"PSY"}}));
    Access access(R4(), carer);
    access.SetLinked({"p1"});
    auto query = search::ParseQuery(R4(), "Condition", {}).value();
    ASSERT_TRUE(access.Narrow(query).has_value());
    const auto finds = [&](const std::string& code) {
        const fhir::Node resource = Json(labelled(code));
        return std::all_of(query.criteria.begin(), query.criteria.end(), [&](const auto& one) {
            return search::Matches(R4(), resource, "Condition", one);
        });
    };
    EXPECT_TRUE(finds("N"));
    EXPECT_FALSE(finds("R"));
    EXPECT_FALSE(finds("V"));
}

TEST(Access, StaffOfClinicsSeesTheirVisitsAndAppointments) {
    const auto at = [](const std::string& clinic, const std::string& type = "Encounter") {
        const std::string tag = R"(,"meta":{"tag":[{"system":"urn:carestream:clinic","code":")";
        return Json(R"({"resourceType":")" + type + R"(")" +
                    (clinic.empty() ? "" : tag + clinic + R"("}]})") + "}");
    };
    Principal staff = Who("user/*.cruds", "");
    EXPECT_TRUE(Access(R4(), staff).IsFree("Encounter", Action::kRead));
    staff.clinics = {"A,1", "B"};
    Access access(R4(), staff);
    for (const std::string type : {"Encounter", "Appointment"}) {
        EXPECT_FALSE(access.IsFree(type, Action::kRead));
        EXPECT_TRUE(access.Sees(type, at("A,1", type), Action::kRead));
        EXPECT_FALSE(access.Sees(type, at("C", type), Action::kRead));
        EXPECT_FALSE(access.Sees(type, at("", type), Action::kRead));
        EXPECT_TRUE(access.MayWrite(type, at("B", type), Action::kUpdate));
        EXPECT_FALSE(access.MayWrite(type, at("C", type), Action::kUpdate));
        EXPECT_FALSE(access.MayWrite(type, at("", type), Action::kUpdate));
        EXPECT_FALSE(access.MayWrite(type, at("C", type), Action::kCreate));
        EXPECT_TRUE(access.MayWrite(type, at("", type), Action::kCreate));
        auto query = search::ParseQuery(R4(), type, {}).value();
        ASSERT_TRUE(access.Narrow(query).has_value());
        ASSERT_EQ(query.criteria.size(), 1u);
        EXPECT_TRUE(search::Matches(R4(), at("A,1", type), type, query.criteria[0]));
        EXPECT_FALSE(search::Matches(R4(), at("C", type), type, query.criteria[0]));
        EXPECT_FALSE(search::Matches(R4(), at("", type), type, query.criteria[0]));
        Principal other = staff;
        other.clinics = {"C"};
        EXPECT_NE(access.View(type), Access(R4(), other).View(type));
    }
    EXPECT_TRUE(access.IsFree("Observation", Action::kRead));
    staff.clinics.emplace();
    Access nowhere(R4(), staff);
    EXPECT_FALSE(nowhere.Sees("Encounter", at("B"), Action::kRead));
    auto query = search::ParseQuery(R4(), "Encounter", {}).value();
    ASSERT_TRUE(nowhere.Narrow(query).has_value());
    ASSERT_EQ(query.criteria.size(), 1u);
    EXPECT_FALSE(search::Matches(R4(), at("B"), "Encounter", query.criteria[0]));
}

TEST(Owner, ClinicsAreKeptAndHearOfTheirOwnOnly) {
    Principal staff = Who("user/*.cruds", "");
    staff.issuer = "i";
    staff.subject = "s";
    for (const auto& clinics :
         {std::vector<std::string>{}, std::vector<std::string>{"A"}, {"A", "B"}}) {
        staff.clinics = clinics;
        fhir::Node subscription = Json(R"({"resourceType":"Subscription"})");
        SetOwner(subscription, staff);
        const auto owner = OwnerOf(subscription);
        ASSERT_TRUE(owner && owner->clinics);
        EXPECT_EQ(*owner->clinics, clinics);
        Access own(R4(), staff);
        EXPECT_TRUE(MayHear(own, "Encounter", owner));
        Principal moved = staff;
        moved.clinics = {"C"};
        Access elsewhere(R4(), moved);
        EXPECT_FALSE(MayHear(elsewhere, "Encounter", owner));
        Principal all = Who("system/*.cruds", "");
        Access free(R4(), all);
        EXPECT_TRUE(MayHear(free, "Encounter", owner));
        EXPECT_FALSE(MayHear(own, "Encounter", all));
        EXPECT_FALSE(MayHear(own, "Encounter", std::nullopt));
    }
}

TEST(Access, NobodyIsFoundByWhoStandsBesideHim) {
    Access access(R4(), Who("patient/*.cruds"));
    access.SetLinked({"p1"});
    const fhir::Node group = Json(R"({"resourceType":"Appointment","participant":[)"
                                  R"({"actor":{"reference":"Patient/p1"},"status":"accepted"},)"
                                  R"({"actor":{"reference":"Patient/p2"},"status":"declined"},)"
                                  R"({"actor":{"reference":"Location/l"}}]})");
    const auto finds = [&](const std::string& name, const std::string& value) {
        auto query = search::ParseQuery(R4(), "Appointment", {{name, value}}).value();
        EXPECT_TRUE(access.Narrow(query).has_value());
        return std::all_of(query.criteria.begin(), query.criteria.end(), [&](const auto& one) {
            return search::Matches(R4(), group, "Appointment", one);
        });
    };
    for (const char* name : {"patient", "actor"}) {
        EXPECT_TRUE(finds(name, "Patient/p1")) << name;
        EXPECT_FALSE(finds(name, "Patient/p2")) << name;
        EXPECT_FALSE(finds(name, "p2")) << name;
        EXPECT_FALSE(finds(name, "Patient/p3")) << name;
        EXPECT_TRUE(finds(name, "Patient/p2,Patient/p1")) << name;
    }
    EXPECT_TRUE(finds("part-status", "accepted"));
    EXPECT_FALSE(finds("part-status", "declined")) << "the other's answer";
    EXPECT_TRUE(finds("actor", "Location/l"));
    EXPECT_TRUE(finds("location", "Location/l"));
    EXPECT_TRUE(finds("actor", "Patient/p2,Location/l"));
}

TEST(Access, SeesAndMayWrite) {
    Access access(R4(), Who("patient/*.cruds"));
    access.SetLinked({"p1", "old1"});
    struct Row {
        std::string type;
        std::string body;
        bool sees;
        bool writes;
    };
    const auto observation = [](const std::string& more) {
        return R"({"resourceType":"Observation","status":"final","code":{"text":"x"})" + more + "}";
    };
    const Row rows[] = {
        {"Patient", R"({"resourceType":"Patient","id":"p1"})", true, true},
        {"Patient", R"({"resourceType":"Patient","id":"old1"})", true, true},
        {"Patient", R"({"resourceType":"Patient","id":"p2"})", false, false},
        {"Patient", R"({"resourceType":"Patient"})", false, false},
        // Naming a link is no link.
        {"Patient",
         R"({"resourceType":"Patient","id":"p2","link":[{"type":"seealso","other":{"reference":"Patient/p1"}}]})",
         false, false},
        {"Patient",
         R"({"resourceType":"Patient","id":"p1","link":[{"type":"seealso","other":{"reference":"Patient/p2"}}]})",
         true, false},
        {"Observation", observation(R"(,"subject":{"reference":"Patient/p1"})"), true, true},
        {"Observation", observation(R"(,"subject":{"reference":"Patient/old1"})"), true, true},
        {"Observation", observation(R"(,"subject":{"reference":"Patient/p2"})"), false, false},
        {"Observation", observation(R"(,"subject":{"reference":"Patient/p11"})"), false, false},
        {"Observation", observation(R"(,"subject":{"reference":"Group/p1"})"), false, false},
        {"Observation", observation(""), false, false},
        {"Observation",
         observation(R"(,"subject":{"reference":"http://other.example/fhir/Patient/p1"})"), false,
         false},
        // A performer is of the compartment, and sees and writes nothing about somebody else.
        {"Observation",
         observation(
             R"(,"subject":{"reference":"Patient/p2"},"performer":[{"reference":"Patient/p1"}])"),
         false, false},
        {"Observation",
         observation(
             R"(,"subject":{"reference":"Patient/p1"},"focus":[{"reference":"Patient/p2"}])"),
         true, false},
        {"Observation",
         observation(
             R"(,"subject":{"reference":"Patient/p1"},"contained":[{"resourceType":"Patient","id":"c"}])"),
         true, false},
        {"Observation",
         observation(
             R"(,"subject":{"reference":"Patient/p1"},"performer":[{"type":"Patient","identifier":{"value":"7"}}])"),
         true, false},
        {"Appointment",
         R"({"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/p2"}},{"actor":{"reference":"Patient/p1"}}]})",
         true, false},
        {"Appointment",
         R"({"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/p2"}}]})",
         false, false},
        {"Practitioner", R"({"resourceType":"Practitioner","id":"d"})", true, false},
        {"Device", R"({"resourceType":"Device","id":"d"})", true, false},
        {"Device", R"({"resourceType":"Device","patient":{"reference":"Patient/p2"}})", false,
         false},
        {"Device", R"({"resourceType":"Device","patient":{"identifier":{"value":"7"}}})", false,
         false},
        {"Device", R"({"resourceType":"Device","patient":{"display":"Jo"}})", false, false},
        {"Location",
         R"({"resourceType":"Location","extension":[{"url":"u:x","valueReference":{"reference":"Patient/p2"}}]})",
         false, false},
        {"Schedule", R"({"resourceType":"Schedule","actor":[{"reference":"Practitioner/d"}]})",
         true, false},
        {"Schedule", R"({"resourceType":"Schedule","actor":[{"reference":"Patient/p2"}]})", false,
         false},
        {"Binary", R"({"resourceType":"Binary","id":"b"})", false, false},
        // The type that was asked for is the body's.
        {"Practitioner", R"({"resourceType":"Patient","id":"p2"})", false, false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(access.Sees(row.type, Json(row.body), Action::kRead), row.sees) << row.body;
        EXPECT_EQ(access.MayWrite(row.type, Json(row.body), Action::kUpdate), row.writes)
            << row.body;
    }
}

TEST(Access, WhatIsInNobodysRecordBelongsToWhoMadeIt) {
    const auto principal = [](const std::string& subject, const std::string& patient) {
        Principal who;
        who.issuer = "https://issuer.test";
        who.subject = subject;
        who.patient = patient;
        who.scopes = ParseScopes("patient/*.cruds");
        return who;
    };
    const auto made_by = [](const Principal& who) {
        fhir::Node resource =
            fhir::ParseJson(R"({"resourceType":"Subscription","id":"1"})").value();
        SetOwner(resource, who);
        return resource;
    };
    const Principal me = principal("me", "p1");
    Access access(R4(), me);
    access.SetLinked({"p1"});
    EXPECT_TRUE(access.Sees("Subscription", made_by(me), Action::kRead));
    EXPECT_TRUE(access.MayWrite("Subscription", made_by(me), Action::kUpdate));
    // Another log-in, even for the same patient; the same log-in for another one; nobody's.
    EXPECT_FALSE(access.Sees("Subscription", made_by(principal("you", "p1")), Action::kRead));
    EXPECT_FALSE(access.Sees("Subscription", made_by(principal("me", "p2")), Action::kRead));
    EXPECT_FALSE(access.Sees("Subscription",
                             fhir::ParseJson(R"({"resourceType":"Subscription"})").value(),
                             Action::kRead));
    search::Query query = search::ParseQuery(R4(), "Subscription", {}).value();
    EXPECT_EQ(access.Narrow(query).error().code, Code::kDenied);
}

TEST(Access, GranularScopesDecideOnBodies) {
    Access access(R4(), Who("patient/Observation.rs?category=laboratory "
                            "patient/Observation.r?category=vital-signs"));
    access.SetLinked({"p1"});
    const auto of = [](const std::string& category, const std::string& patient) {
        return Json(R"({"resourceType":"Observation","category":[{"coding":[{"code":")" + category +
                    R"("}]}],"subject":{"reference":"Patient/)" + patient + "\"}}");
    };
    EXPECT_TRUE(access.Sees("Observation", of("laboratory", "p1"), Action::kRead));
    EXPECT_TRUE(access.Sees("Observation", of("vital-signs", "p1"), Action::kRead));
    EXPECT_FALSE(access.Sees("Observation", of("vital-signs", "p1"), Action::kSearch));
    EXPECT_FALSE(access.Sees("Observation", of("social-history", "p1"), Action::kRead));
    EXPECT_FALSE(access.Sees("Observation", of("laboratory", "p2"), Action::kRead));
}

Result<search::Query> Narrowed(Access& access, std::string_view type,
                               const net::Parameters& parameters) {
    CARESTREAM_TRY(access.CheckParameters(type, parameters));
    CARESTREAM_ASSIGN(query, search::ParseQuery(R4(), type, parameters));
    CARESTREAM_TRY(access.Narrow(query));
    return query;
}

TEST(Access, SearchesAreNarrowed) {
    Access access(R4(), Who("patient/*.rs"));
    access.SetLinked({"p1", "old1"});
    const auto observation = Narrowed(access, "Observation", {{"subject", "Patient/p2"}});
    ASSERT_TRUE(observation.has_value());
    EXPECT_EQ(observation->criteria[0].kind, search::CriterionKind::kPatient);
    EXPECT_EQ(observation->criteria[0].ids, std::vector<std::string>{"p1"});
    EXPECT_EQ(observation->self.size(), 1u) << "the link says what was asked";
    const auto patient = Narrowed(access, "Patient", {{"name", "x"}});
    ASSERT_TRUE(patient.has_value());
    EXPECT_EQ(patient->criteria[0].ids, (std::vector<std::string>{"p1", "old1"}));
    struct Row {
        std::string_view type;
        net::Parameters parameters;
        std::string path;
    };
    const Row refused[] = {
        {"Observation", {{"subject.name", "x"}}, "subject.name"},
        {"Observation", {{"subject:Patient.name", "x"}}, "subject:Patient.name"},
        {"Patient", {{"_has:Observation:subject:code", "x"}}, "_has:Observation:subject:code"},
        {"Practitioner", {{"_summary", "count"}}, "_count"},
        {"Binary", {}, ""},
    };
    for (const Row& row : refused) {
        const auto query = Narrowed(access, row.type, row.parameters);
        ASSERT_FALSE(query.has_value()) << row.type;
        EXPECT_EQ(query.error().code, Code::kDenied);
        EXPECT_EQ(query.error().path, row.path);
    }
    const auto shared = Narrowed(access, "Practitioner", {{"_total", "accurate"}});
    ASSERT_TRUE(shared.has_value());
    EXPECT_EQ(shared->total, search::Query::Total::kNone);
    EXPECT_EQ(Narrowed(access, "Device", {{"patient", "Patient/p2"}}).error().path, "patient");
    EXPECT_EQ(Narrowed(access, "Device", {{"patient:missing", "false"}}).error().path, "patient");
    const auto device = Narrowed(access, "Device", {{"identifier", "x"}});
    ASSERT_TRUE(device.has_value());
    EXPECT_EQ(device->criteria.at(1).parameter, "patient:missing");
}

bool IsPlain(const Result<search::Query>& query) {
    return std::any_of(query->criteria.begin(), query->criteria.end(),
                       [](const search::Criterion& one) { return one.plainly != nullptr; });
}

// A match of a search whose text shows that it is seen whole is not made a tree: what the text says
// must be what the tree says.
TEST(Access, WhatATextShowsPlainly) {
    Access access(R4(), Who("patient/*.rs"));
    access.SetLinked({"p1", "old1"});
    const auto plainly = Narrowed(access, "Observation", {})->criteria.at(0).plainly;
    struct Row {
        std::string members;
        bool plain;
    };
    const Row rows[] = {
        {R"("subject":{"reference":"Patient/p1"})", true},
        {R"("subject":{"reference":"Patient/old1/_history/2","display":"a \"b\" \\ c"})", true},
        {R"("subject":{"reference":"Patient/p1"},"performer":[{"reference":"Practitioner/x"}])", true},
        {R"("subject":{"reference":"Patient/p1"},"note":[{"text":"Patient is well"}])", true},
        {R"("subject":{"reference":"Patient/p1"},"performer":[{"reference":"Patient/old1"}])", true},
        {R"("status":"final")", false},
        {R"("subject":{"reference":"Patient/p2"})", false},
        {R"("subject":{"reference":"Patient/p11"})", false},
        {R"("subject":{"reference":"http://x/Patient/p1"})", false},
        {R"("subject":{"identifier":{"value":"1"}})", false},
        {R"("subject":{"reference":"Patient/p1","type":"Patient"})", false},
        {R"("subject":{"reference":"Patient/p1"},"focus":[{"reference":"Patient/p2"}])", false},
        {R"("subject":{"reference":"Patient/p1"},"focus":[{"reference":"x/Patient/p1"}])", false},
        {R"("subject":{"reference":"Patient/p1"},"focus":[{"type":"Patient","display":"x"}])", false},
        {R"("subject":{"reference":"Patient/p1"},"focus":[{"reference":"Pa\u0074ient/p2"}])", false},
        {R"("subject":{"reference":"Patient/p1"},"focus":[{"reference":"Patient\/p2"}])", false},
        {R"("subject":{"reference":"Patient/p1"},"contained":[{"resourceType":"Patient"}])", false},
        {R"("subject":{"reference":"Patient/p1"},"contained":[{"subject":{"display":"x"}}])", false},
        {R"("subject":{"reference":"Patient/p1"},"contained":[{"patient":{"display":"x"}}])", false},
        {R"("meta":{"security":[{"code":"R"}]},"subject":{"reference":"Patient/p1"})", false},
        {R"("meta":{"secur\u0069ty":[{"code":"R"}]},"subject":{"reference":"Patient/p1"})", false},
    };
    for (const Row& row : rows) {
        const std::string text = R"({"resourceType":"Observation",)" + row.members + "}";
        EXPECT_EQ(plainly(text), row.plain) << text;
        fhir::Node resource = Json(text);
        bool changed = false;
        if (row.plain) {
            EXPECT_TRUE(access.Show("Observation", resource, Action::kSearch, &changed)) << text;
            EXPECT_FALSE(changed) << text;
        }
    }
    Access granular(R4(), Who("patient/Observation.rs?category=a"));
    granular.SetLinked({"p1"});
    EXPECT_FALSE(IsPlain(Narrowed(granular, "Observation", {}))) << "a rule needs the tree";
    EXPECT_FALSE(IsPlain(Narrowed(access, "Patient", {}))) << "names itself by its id";
    EXPECT_FALSE(IsPlain(Narrowed(access, "Practitioner", {}))) << "in nobody's record";
    Access staff(R4(), Who("user/*.rs", ""));
    EXPECT_FALSE(IsPlain(Narrowed(staff, "Observation", {})));
}

// Whatever is put together of pieces that name patients: no text is said to be plain whose tree is
// not shown, or not whole.
TEST(Access, WhatATextShowsIsWhatATreeShows) {
    Access access(R4(), Who("patient/*.rs"));
    access.SetLinked({"p1", "old1"});
    const auto plainly = Narrowed(access, "Observation", {})->criteria.at(0).plainly;
    const std::vector<std::string> names = {
        "subject",  "patient",   "for",     "focus", "actor",        "type",
        "security", "reference", "display", "meta",  "resourceType", "coding"};
    const std::vector<std::string> texts = {
        "Patient/p1",   "Patient/old1", "Patient/p2",   "Patient/p1/_history/2", "Patient",
        "Patient/",     "x/Patient/p1", "Group/g",      "Patient/p1#a",          "subject",
        "Patient\"/p2", "security",     "a\"b",         "\\"};
    std::mt19937 random(7);
    const auto below = [&](std::size_t count) { return random() % count; };
    const std::function<fhir::Node(int)> make = [&](int depth) {
        const std::size_t kind = depth == 0 ? 0 : below(4);
        if (kind == 0) return fhir::Node::String(texts[below(texts.size())]);
        if (kind == 1) {
            fhir::Node list = fhir::Node::Array();
            list.Append(make(depth - 1));
            return list;
        }
        fhir::Node object = fhir::Node::Object();
        for (std::size_t i = 0; i < 1 + below(3); ++i) {
            object.Set(names[below(names.size())], make(depth - 1));
        }
        return object;
    };
    int plain = 0;
    for (int i = 0; i < 20'000; ++i) {
        fhir::Node resource = fhir::Node::Object();
        resource.Set("resourceType", fhir::Node::String("Observation"));
        // A search brings only what is in the compartment.
        fhir::Node subject = fhir::Node::Object();
        subject.Set("reference", fhir::Node::String("Patient/p1"));
        resource.Set("subject", std::move(subject));
        for (std::size_t k = 0; k < below(3); ++k) resource.Set(names[below(10)], make(3));
        const std::string text = fhir::ToJson(resource);
        if (!plainly(text)) continue;
        ++plain;
        bool changed = false;
        ASSERT_TRUE(access.Show("Observation", resource, Action::kSearch, &changed)) << text;
        ASSERT_FALSE(changed) << text;
    }
    EXPECT_GT(plain, 1000);
}

TEST(Access, GranularSearchesAreNarrowed) {
    Access two(R4(), Who("patient/Observation.rs?category=a patient/Observation.rs?category=b"));
    const auto query = Narrowed(two, "Observation", {});
    ASSERT_TRUE(query.has_value());
    // The compartment and the rules.
    ASSERT_EQ(query->criteria.size(), 2u);
    EXPECT_EQ(query->criteria[1].values, (std::vector<std::string>{"a", "b"}));
    Access mixed(R4(), Who("patient/Observation.rs?category=a patient/Observation.rs?code=b"));
    EXPECT_EQ(Narrowed(mixed, "Observation", {}).error().code, Code::kDenied);
    Access wide(R4(), Who("patient/Observation.rs?category=a patient/*.rs"));
    EXPECT_EQ(Narrowed(wide, "Observation", {})->criteria.size(), 1u);
    Access other(R4(), Who("patient/Observation.rs?category=a", "p2"));
    EXPECT_NE(two.View("Observation"), other.View("Observation"));
    EXPECT_NE(two.View("Observation"), wide.View("Observation"));
}

TEST(Access, ReverseIncludesOfWhatIsDeniedAreLeftOut) {
    Access access(R4(), Who("patient/Patient.rs patient/Observation.s"));
    search::Query query =
        search::ParseQuery(R4(), "Patient", {{"_revinclude", "Observation:subject"}}).value();
    ASSERT_TRUE(access.Narrow(query).has_value());
    EXPECT_TRUE(query.includes.empty());
}

TEST(Principal, OfClaims) {
    const auto of = [](const std::string& text) { return PrincipalOf(Json(text)); };
    EXPECT_EQ(of(R"({"sub":"a","azp":"c","patient":"p1","scope":"patient/*.rs"})")->client, "c");
    for (const std::string text :
         {R"({"patient":"a/b"})", R"({"patient":""})", R"({"patient":7})", R"({"patient":["p1"]})",
          R"({"patient":"Patient/p1"})", R"({"patient":null})", R"({"scope":["patient/*.rs"]})",
          R"({"sub":1})"}) {
        EXPECT_FALSE(of(text)) << text;
    }
}

}  // namespace
}  // namespace carestream::auth
