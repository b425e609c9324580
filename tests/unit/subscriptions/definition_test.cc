// Goal: a Subscription is understood as the backport guide and R4 say, and what this server does
// not offer is refused with the element's name.
#include "subscriptions/definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "auth/owner.h"
#include "base/home.h"
#include "fhir/json.h"

namespace carestream {
namespace {

using subscriptions::ChannelType;
using subscriptions::Content;
using subscriptions::ReadDefinition;
using testing::HasSubstr;

std::shared_ptr<const fhir::Definitions> R4() {
    static const auto definitions =
        fhir::Definitions::Load(FindHome().value() / "schemas/fhir/r4").value();
    return definitions;
}

const topics::Topics& Shipped() {
    static const auto topics =
        topics::Topics::Load(FindHome().value() / "mappings/topics", "", R4()).topics;
    return *topics;
}

Result<subscriptions::Definition> Read(const fhir::Node& resource) {
    return ReadDefinition(resource, {*R4(), Shipped(), {"127.0.0.1"}});
}

// A valid one; members of `channel` and of the resource may be replaced.
fhir::Node Subscription(const std::string& channel = "", const std::string& resource = "") {
    const std::string usual =
        R"("type":"rest-hook","endpoint":"https://app.test/hook","payload":"application/fhir+json",)"
        R"("_payload":{"extension":[{"url":")" +
        std::string(subscriptions::kBackport) +
        R"(backport-payload-content","valueCode":"id-only"}]})";
    const std::string text =
        R"({"resourceType":"Subscription","status":"requested","reason":"x",)" +
        (resource.empty() ? R"("criteria":"urn:carestream:topic:result")" : resource) +
        R"(,"channel":{)" + (channel.empty() ? usual : channel) + "}}";
    auto parsed = fhir::ParseJson(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value();
}

std::string FilterMember(const std::string& filter) {
    return R"("criteria":"urn:carestream:topic:result","_criteria":{"extension":[{"url":")" +
           std::string(subscriptions::kBackport) + R"(backport-filter-criteria","valueString":")" +
           filter + "\"}]}";
}

std::string HookTo(const std::string& url, const std::string& more = "") {
    return R"("type":"rest-hook","endpoint":")" + url + "\"" + more;
}

std::string ContentMember(const std::string& code) {
    return R"(,"_payload":{"extension":[{"url":")" + std::string(subscriptions::kBackport) +
           R"(backport-payload-content","valueCode":")" + code + "\"}]}";
}

std::string ChannelExtension(const std::string& name, const std::string& value) {
    return R"(,"extension":[{"url":")" + std::string(subscriptions::kBackport) + name + "\"," +
           value + "}]";
}

TEST(DefinitionTest, ATopicOfThisServer) {
    const auto definition = Read(Subscription());
    ASSERT_TRUE(definition) << definition.error().ToString();
    EXPECT_EQ(definition->topic, "urn:carestream:topic:result");
    EXPECT_EQ(definition->type, "DiagnosticReport");
    EXPECT_EQ(definition->channel, ChannelType::kRestHook);
    EXPECT_EQ(definition->content, Content::kIdOnly);
    EXPECT_EQ(definition->payload, "application/fhir+json");
    EXPECT_TRUE(definition->criteria.empty());
    EXPECT_FALSE(definition->owner);
}

TEST(DefinitionTest, CriteriaOfR4) {
    const auto definition =
        Read(Subscription(R"("type":"websocket")",
                          R"("criteria":"Observation?code=http://loinc.org|1975-2&status=final")"));
    ASSERT_TRUE(definition) << definition.error().ToString();
    EXPECT_EQ(definition->topic, "");
    EXPECT_EQ(definition->type, "Observation");
    EXPECT_EQ(definition->criteria.size(), 2u);
    EXPECT_EQ(definition->content, Content::kEmpty);
    const auto all = Read(Subscription(R"("type":"websocket")", R"("criteria":"Encounter")"));
    ASSERT_TRUE(all) << all.error().ToString();
    EXPECT_TRUE(all->criteria.empty());
}

TEST(DefinitionTest, FiltersAndLimits) {
    const auto definition = Read(Subscription(
        HookTo("https://app.test/",
               R"(,"header":["Authorization: Bearer x"])" + ContentMember("full-resource") +
                   ChannelExtension("backport-heartbeat-period", R"("valueUnsignedInt":60)")),
        FilterMember("DiagnosticReport?patient=Patient/1&code=x")));
    ASSERT_TRUE(definition) << definition.error().ToString();
    EXPECT_EQ(definition->criteria.size(), 2u);
    EXPECT_EQ(definition->heartbeat_s, 60);
    EXPECT_EQ(definition->content, Content::kFullResource);
    ASSERT_EQ(definition->headers.size(), 1u);
    EXPECT_EQ(definition->headers[0].first, "Authorization");
    EXPECT_EQ(definition->headers[0].second, "Bearer x");
}

struct Refusal {
    const char* name;
    std::string channel;
    std::string resource;
    const char* path;
    const char* text;
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
    *out << refusal.name;
}

class DefinitionRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(DefinitionRefusalTest, IsNamed) {
    const Refusal& refusal = GetParam();
    const auto definition = Read(Subscription(refusal.channel, refusal.resource));
    ASSERT_FALSE(definition);
    EXPECT_EQ(definition.error().path, refusal.path);
    EXPECT_THAT(definition.error().message, HasSubstr(refusal.text));
}

INSTANTIATE_TEST_SUITE_P(
    All, DefinitionRefusalTest,
    testing::Values(
        Refusal{"Topic", "", R"("criteria":"urn:carestream:topic:resutl")", "Subscription.criteria",
                "did you mean 'urn:carestream:topic:result'?"},
        Refusal{"Type", "", R"("criteria":"Observatoin?code=x")", "Subscription.criteria",
                "neither a topic"},
        Refusal{"Criterion", "", R"("criteria":"Observation?cod=x")", "Subscription.criteria",
                "did you mean 'code'?"},
        Refusal{"Steering", "", R"("criteria":"Observation?_sort=date")", "Subscription.criteria",
                "steers a search"},
        Refusal{"Chain", "", R"("criteria":"Observation?subject.name=x")", "Subscription.criteria",
                "subject.name"},
        Refusal{"EmptyPatient", "", R"("criteria":"Observation?patient=")", "Subscription.criteria",
                "patient"},
        Refusal{"Filter", "", FilterMember("colour=red"), "Subscription.criteria.extension",
                "no filter 'colour'"},
        Refusal{"FilterOfOther", "", FilterMember("Observation?code=x"),
                "Subscription.criteria.extension", "the topic is about DiagnosticReport"},
        Refusal{"Channel", R"("type":"email","endpoint":"mailto:x@y.test")", "",
                "Subscription.channel.type", "rest-hook and websocket"},
        Refusal{
            "ChannelExtension",
            HookTo("https://app.test/",
                   R"(,"_type":{"extension":[{"url":")" + std::string(subscriptions::kBackport) +
                       R"(backport-channel-type","valueCoding":{"code":"carrier-pigeon"}}]})"),
            "", "Subscription.channel.type.extension", "rest-hook and websocket"},
        Refusal{"NoEndpoint", R"("type":"rest-hook")", "", "Subscription.channel.endpoint",
                "needs a URL"},
        Refusal{"Scheme", HookTo("ftp://app.test/"), "", "Subscription.channel.endpoint",
                "http or https"},
        Refusal{"Plain", HookTo("http://app.test/"), "", "Subscription.channel.endpoint",
                "https is needed"},
        Refusal{"User", HookTo("https://me:secret@app.test/"), "", "Subscription.channel.endpoint",
                "without user or password"},
        Refusal{"Fragment", HookTo("https://app.test/#x"), "", "Subscription.channel.endpoint",
                "without fragment"},
        Refusal{"PlainFull", HookTo("http://127.0.0.1:1/", ContentMember("full-resource")), "",
                "Subscription.channel.payload", "not sent over http"},
        Refusal{"Header", HookTo("https://app.test/", R"(,"header":["Host: other.test"])"), "",
                "Subscription.channel.header", "sets 'host' itself"},
        Refusal{"HeaderForm", HookTo("https://app.test/", R"(,"header":["no colon"])"), "",
                "Subscription.channel.header", "'Name: value'"},
        Refusal{"Mime", HookTo("https://app.test/", R"(,"payload":"application/fhir+xml")"), "",
                "Subscription.channel.payload", "application/fhir+json"},
        Refusal{
            "FhirVersion",
            HookTo("https://app.test/", R"(,"payload":"application/fhir+json; fhirVersion=5.0")"),
            "", "Subscription.channel.payload", "FHIR 4.0"},
        Refusal{"Content", HookTo("https://app.test/", ContentMember("everything")), "",
                "Subscription.channel.payload.extension", "id-only"},
        Refusal{"Heartbeat",
                HookTo("https://app.test/",
                       ChannelExtension("backport-heartbeat-period", R"("valueUnsignedInt":1)")),
                "", "Subscription.channel.extension", "10 to 86400"},
        Refusal{"Timeout",
                HookTo("https://app.test/",
                       ChannelExtension("backport-timeout", R"("valueUnsignedInt":600)")),
                "", "Subscription.channel.extension", "1 to 60"},
        Refusal{"CrossVersion",
                HookTo("https://app.test/",
                       R"(,"extension":[{"url":"http://hl7.org/fhir/5.0/StructureDefinition/)"
                       R"(extension-Subscription.topic","valueString":"x"}])"),
                "", "Subscription.extension", "extensions of R5"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(OwnerTest, IsSetByTheServerAlone) {
    fhir::Node resource = Subscription();
    auth::Principal principal;
    principal.issuer = "https://issuer.test";
    principal.subject = "s";
    principal.patient = "p1";
    principal.scopes = auth::ParseScopes(
        "patient/Observation.rs?category=laboratory patient/Subscription.cud user/*.read");
    auth::Principal other = principal;
    other.subject = "other";
    auth::SetOwner(resource, other);
    auth::SetOwner(resource, principal);
    const auto owner = auth::OwnerOf(resource);
    ASSERT_TRUE(owner);
    EXPECT_TRUE(auth::IsSameOwner(*owner, principal));
    EXPECT_FALSE(auth::IsSameOwner(*owner, other));
    EXPECT_EQ(owner->scopes, principal.scopes);
    EXPECT_FALSE(owner->open);
    EXPECT_EQ(resource.Find("extension")->items().size(), 1u);
    // What a carer's link limits stays limited.
    principal.by_link = true;
    principal.limited = true;
    principal.limits = auth::ParseScopes("patient/Appointment.rs");
    auth::SetOwner(resource, principal);
    EXPECT_TRUE(auth::OwnerOf(resource)->by_link);
    EXPECT_TRUE(auth::OwnerOf(resource)->limited);
    EXPECT_EQ(auth::OwnerOf(resource)->limits, principal.limits);
    principal.limits.clear();
    auth::SetOwner(resource, principal);
    EXPECT_TRUE(auth::OwnerOf(resource)->limited);
    EXPECT_TRUE(auth::OwnerOf(resource)->limits.empty());
    auth::Principal open;
    open.open = true;
    auth::SetOwner(resource, open);
    EXPECT_TRUE(auth::OwnerOf(resource)->open);
}

}  // namespace
}  // namespace carestream
