// Goal: the daemon's configuration is read whole, relative to its file, or refused with the place.
#include "app/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace carestream::app {
namespace {

namespace fs = std::filesystem;

class DaemonSettingsTest : public testing::Test {
protected:
    DaemonSettingsTest()
        : folder_(fs::temp_directory_path() / ("cs_conf_" + std::to_string(::getpid()))) {
        fs::create_directories(folder_);
    }
    ~DaemonSettingsTest() override { fs::remove_all(folder_); }
    ReadSettings Read(const std::string& text) {
        std::ofstream(folder_ / "c.yaml") << text;
        return ReadSettingsFile(folder_ / "c.yaml", "/home-of-it");
    }
    fs::path folder_;
};

TEST_F(DaemonSettingsTest, TheShippedFileIsValid) {
    ::setenv("CARESTREAM_STATE", "/tmp/some-state", 1);
    ::setenv("CARESTREAM_FHIR", "127.0.0.1:9080", 1);
    const fs::path file = fs::path(CARESTREAM_SOURCE_DIR) / "conf/carestream.yaml";
    ReadSettings read = ReadSettingsFile(file, CARESTREAM_SOURCE_DIR);
    ASSERT_TRUE(read.errors.empty()) << read.errors[0].ToString();
    EXPECT_EQ(read.settings.state, "/tmp/some-state");
    EXPECT_EQ(read.settings.store.postgres, "embedded");
    EXPECT_EQ(read.settings.store.disk_free_min_bytes, 1ull << 30);
    EXPECT_EQ(read.settings.store.journal_keep, 90 * 86'400ll * 1'000'000);
    EXPECT_EQ(read.settings.fhir_listen.port, 9080);
    EXPECT_EQ(read.settings.fhir_variable, "CARESTREAM_FHIR");
    EXPECT_EQ(read.settings.admin_variable, "CARESTREAM_ADMIN");
    EXPECT_EQ(read.settings.channels, fs::path(CARESTREAM_SOURCE_DIR) / "channels");
    EXPECT_EQ(read.settings.mappings, fs::path(CARESTREAM_SOURCE_DIR) / "mappings");
    EXPECT_EQ(read.settings.tenants.at("main"), 1);
    ::unsetenv("CARESTREAM_STATE");
    ::unsetenv("CARESTREAM_FHIR");
    read = ReadSettingsFile(file, "/house");
    EXPECT_EQ(read.settings.state, ::geteuid() == 0 ? "/var/lib/carestream" : "/house/var");
}

TEST_F(DaemonSettingsTest, EverythingHasADefault) {
    const ReadSettings read = Read("");
    ASSERT_TRUE(read.errors.empty()) << read.errors[0].ToString();
    EXPECT_EQ(read.settings.fhir_listen.ToString(), "127.0.0.1:8080");
    EXPECT_EQ(read.settings.admin_listen.ToString(), "127.0.0.1:8081");
    EXPECT_EQ(read.settings.fhir_variable, "CARESTREAM_FHIR");
    EXPECT_EQ(read.settings.dispatcher.messages_max, 1024u);
    EXPECT_EQ(read.settings.channels, (folder_ / "../channels").lexically_normal());
}

TEST_F(DaemonSettingsTest, TheProductionExampleIsValidButForItsSecret) {
    const ReadSettings read = ReadSettingsFile(
        fs::path(CARESTREAM_SOURCE_DIR) / "conf/production.example.yaml", CARESTREAM_SOURCE_DIR);
    ASSERT_EQ(read.errors.size(), 1u);
    EXPECT_NE(read.errors[0].ToString().find("postgres.password"), std::string::npos)
        << read.errors[0].ToString();
}

TEST_F(DaemonSettingsTest, RefusesWhatWouldBeDangerousOrWrong) {
    const auto first = [this](const std::string& text) {
        const ReadSettings read = Read(text);
        return read.errors.empty() ? std::string("valid") : read.errors[0].message;
    };
    EXPECT_NE(first("fhir: {listen: \"0.0.0.0:8080\"}").find("loopback address only"),
              std::string::npos);
    EXPECT_NE(first("fhir: {unprotected: true}"), "valid") << "no way to be open to the network";
    EXPECT_NE(first("tenants: {main: 1, a: 1}").find("same number"), std::string::npos);
    EXPECT_NE(first("tenants: {main: 0}").find("1 to 32767"), std::string::npos);
    EXPECT_NE(first("fhir: {tenant: other}").find("unknown tenant 'other'"), std::string::npos);
    EXPECT_NE(first("fhir: {tenant: man}").find("did you mean 'main'?"), std::string::npos);
    EXPECT_NE(first("fhir: {tls: {key: x}}").find("needs both"), std::string::npos);
    EXPECT_NE(first("stor: {}").find("did you mean 'store'?"), std::string::npos);
    EXPECT_NE(ReadSettingsFile(folder_ / "absent.yaml", "/")
                  .errors.at(0)
                  .ToString()
                  .find("cannot be read"),
              std::string::npos);
}

TEST_F(DaemonSettingsTest, WhoMayAskIsSaidWhollyOrRefused) {
    const auto first = [this](const std::string& text) {
        const ReadSettings read = Read(text);
        return read.errors.empty() ? std::string("valid") : read.errors[0].message;
    };
    const auto issuer = [&](const std::string& members) {
        return first("auth: {mode: tokens, issuers: [{" + members + "}]}");
    };
    const std::string named = "issuer: \"https://a\", audience: b, ";
    EXPECT_EQ(issuer(named + "jwks_file: keys.json"), "valid");
    EXPECT_EQ(issuer(named + "jwks_url: \"https://a/keys\""), "valid");
    EXPECT_EQ(issuer(named + "jwks_url: \"http://127.0.0.1:8/keys\""), "valid");
    EXPECT_NE(issuer(named + "jwks_url: \"http://a/keys\"").find("https"), std::string::npos);
    EXPECT_NE(issuer(named + "jwks_url: \"file:///keys\"").find("https"), std::string::npos);
    EXPECT_NE(issuer(named + "jwks_url: \"https://u:p@a/\"").find("host"), std::string::npos);
    EXPECT_NE(issuer("issuer: a, audience: b").find("one of"), std::string::npos);
    EXPECT_NE(issuer(named + "jwks_file: k, jwks_url: \"https://a\"").find("one of"),
              std::string::npos);
    EXPECT_NE(issuer("issuer: a, jwks_file: k"), "valid");
    EXPECT_NE(issuer("issuer: \"\", audience: b, jwks_file: k"), "valid");
    EXPECT_NE(issuer("issuer: a, audience: b, jwks_file: k}, {issuer: a, audience: c, jwks_file: k")
                  .find("same 'issuer'"),
              std::string::npos);
    EXPECT_NE(first("auth: {mode: tokens}").find("nobody could get in"), std::string::npos);
    EXPECT_NE(first("auth: {issuers: [{" + named + "jwks_file: k}]}").find("'mode: open'"),
              std::string::npos);
    EXPECT_NE(first("auth: {local_tokens: true}").find("'mode: open'"), std::string::npos);
    EXPECT_NE(first("auth: {mode: none}"), "valid");
    EXPECT_NE(first("auth: {mode: tokens, local_tokens: true, skew: 10m}"), "valid");
    EXPECT_NE(first("fhir: {cors_origins: [\"*\"]}").find("every origin"), std::string::npos);
    const ReadSettings read = Read(
        "state: st\nfhir: {listen: \"0.0.0.0:8080\", cors_origins: [\"*\"]}\n"
        "auth: {mode: tokens, local_tokens: true, skew: 5s}");
    ASSERT_TRUE(read.errors.empty()) << read.errors[0].ToString();
    EXPECT_TRUE(read.settings.auth_tokens);
    EXPECT_EQ(read.settings.client_limit.per_second, 50);
    EXPECT_EQ(read.settings.unauthenticated_limit.burst, 20);
    EXPECT_EQ(read.settings.auth.skew, 5'000'000);
    EXPECT_EQ(read.settings.auth.issuers.at(0).jwks_file, folder_ / "st/auth/local.jwks");
    EXPECT_FALSE(Read("").settings.auth_tokens);
    const ReadSettings other = Read(
        "auth: {mode: tokens, rate_limit: {requests_per_second: 0, "
        "unauthenticated_burst: 7}, issuers: [{" +
        named + "jwks_file: k, patient_claim: link}]}");
    ASSERT_TRUE(other.errors.empty()) << other.errors[0].ToString();
    EXPECT_EQ(other.settings.client_limit.per_second, 0);
    EXPECT_EQ(other.settings.unauthenticated_limit.burst, 7);
    EXPECT_EQ(other.settings.auth.issuers.at(0).patient_claim, auth::PatientClaim::kLink);
    EXPECT_NE(first("auth: {rate_limit: {burst: 0}}"), "valid");
    EXPECT_NE(issuer(named + "jwks_file: k, patient_claim: believed"), "valid");
}

TEST_F(DaemonSettingsTest, ThePageLogsInWhereTokensAreTaken) {
    const std::string issuers =
        "auth:\n  mode: tokens\n  issuers:\n    - {issuer: \"https://login.example/care\", "
        "audience: b,"
        " jwks_url: \"https://login.example/keys\", token_endpoint: \"https://t.example/token\"}\n";
    const auto first = [&](const std::string& app) {
        const ReadSettings read = Read(issuers + app);
        return read.errors.empty() ? "valid" : read.errors[0].ToString();
    };
    EXPECT_FALSE(Read(issuers).settings.page);
    const ReadSettings read =
        Read(issuers + "app: {issuer: \"https://login.example/care\", client_id: page}");
    ASSERT_TRUE(read.errors.empty()) << read.errors[0].ToString();
    ASSERT_TRUE(read.settings.page);
    EXPECT_EQ(read.settings.page->client_id, "page");
    EXPECT_EQ(read.settings.page->endpoints, std::vector<std::string>{"https://t.example/token"});
    EXPECT_NE(read.settings.page->emergency, "");
    EXPECT_NE(first("app: {issuer: \"https://login.example/car\", client_id: page}")
                  .find("none of 'auth.issuers', so its tokens would be refused, did you mean "
                        "'https://login.example/care'?"),
              std::string::npos)
        << first("app: {issuer: \"https://login.example/car\", client_id: page}");
    EXPECT_NE(first("app: {issuer: here, client_id: page}").find("https URL"), std::string::npos);
    EXPECT_NE(
        first("app: {issuer: \"https://login.example/care\", client_id: \"\"}").find("'client_id'"),
        std::string::npos);
    EXPECT_EQ(Read(issuers + "app: {client_id: page}").errors.size(), 1u);
    const ReadSettings open =
        Read("app: {issuer: \"https://login.example/care\", client_id: page}");
    ASSERT_EQ(open.errors.size(), 1u);
    EXPECT_NE(open.errors[0].ToString().find("mode: tokens"), std::string::npos);
}

TEST_F(DaemonSettingsTest, PathsStartAtTheFilesFolder) {
    ReadSettings read =
        Read("state: ../data\nfhir: {tls: {certificate: tls/a.crt, key: /etc/a.key}}");
    ASSERT_TRUE(read.errors.empty()) << read.errors[0].ToString();
    EXPECT_EQ(read.settings.state, folder_.parent_path() / "data");
    EXPECT_EQ(read.settings.fhir_tls.certificate_file, folder_ / "tls/a.crt");
    EXPECT_EQ(read.settings.fhir_tls.key_file, "/etc/a.key");
    EXPECT_TRUE(Read("").settings.fhir_tls.certificate_file.empty());
    // What a variable gives is meant from where it was typed: the CLI reads the same one.
    ::setenv("CS_TEST_STATE", "here", 1);
    EXPECT_EQ(Read("state: \"${env:CS_TEST_STATE}\"").settings.state, fs::absolute("here"));
    ::unsetenv("CS_TEST_STATE");
}

TEST_F(DaemonSettingsTest, TheJournalIsKeptForATimeOrForever) {
    constexpr Micros kDay = 86'400ll * 1'000'000;
    EXPECT_EQ(Read("store: {journal_keep: 30d}").settings.store.journal_keep, 30 * kDay);
    const ReadSettings forever = Read("store: {journal_keep: forever}");
    EXPECT_GT(forever.settings.store.journal_keep, 99 * 365 * kDay);
    EXPECT_EQ(forever.settings.journal_keep, forever.settings.store.journal_keep);
    EXPECT_EQ(Read("store: {journal_keep: 1h}").errors.size(), 1u);
    EXPECT_EQ(Read("store: {journal_keep: never}").errors.size(), 1u);
    std::ofstream(folder_ / "c.yaml")
        << "store: {postgres: \"${file:/nowhere/password}\", journal_keep: 3d}\n";
    EXPECT_EQ(ReadContentSettings(folder_ / "c.yaml", "/house").settings.journal_keep, 3 * kDay);
    std::ofstream(folder_ / "c.yaml") << "channels: ch\n";
    EXPECT_EQ(ReadContentSettings(folder_ / "c.yaml", "/house").settings.journal_keep, 90 * kDay);
}

TEST_F(DaemonSettingsTest, ContentIsReadWithoutTheRest) {
    std::ofstream(folder_ / "c.yaml")
        << "store: {postgres: \"${file:/nowhere/password}\"}\nstor: {}\n"
           "channels: ch\nmappings: ../maps\ntenants: {main: 1, north: 2}\n";
    ReadContent read = ReadContentSettings(folder_ / "c.yaml", "/house");
    ASSERT_TRUE(read.errors.empty()) << read.errors[0].ToString();
    EXPECT_EQ(read.settings.channels, folder_ / "ch");
    EXPECT_EQ(read.settings.mappings, folder_.parent_path() / "maps");
    EXPECT_EQ(read.settings.tenants,
              (std::map<std::string, store::Tenant>{{"main", 1}, {"north", 2}}));

    std::ofstream(folder_ / "c.yaml") << "tenants: {main: 1, a: 1}\n";
    read = ReadContentSettings(folder_ / "c.yaml", "/house");
    ASSERT_EQ(read.errors.size(), 1u);
    EXPECT_NE(read.errors[0].ToString().find("c.yaml:1:10: tenants 'a' and 'main'"),
              std::string::npos)
        << read.errors[0].ToString();
    EXPECT_EQ(read.settings.mappings, "/house/mappings");
    EXPECT_EQ(ReadContentSettings(folder_ / "absent.yaml", "/").errors.size(), 1u);
}

}  // namespace
}  // namespace carestream::app
