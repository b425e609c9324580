// Goal: TLS and mutual TLS on the link, by configuration alone. Method: real handshakes between our
// listener and our client.
#include <gtest/gtest.h>

#include "adapters/mllp/client.h"
#include "adapters/mllp/source.h"
#include "tests/support/certificates.h"

namespace carestream::adapters::mllp {
namespace {

constexpr const char* kMessage = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|ID1|P|2.5\rPID|1\r";

class AnsweringSink final : public channel::Sink {
public:
    void Receive(std::string, std::shared_ptr<channel::Exchange> exchange) override {
        exchange->Answer("MSH|^~\\&|\rMSA|AA|1\r");
    }
    void Oversized(std::string_view, std::shared_ptr<channel::Exchange> exchange) override {
        exchange->Close("test");
    }
};

class MllpTlsTest : public testing::Test {
protected:
    void SetUp() override {
        if (!files_.made()) GTEST_SKIP() << "the openssl command is not installed";
    }
    Result<void> Start(const std::string& tls) {
        const auto yaml =
            config::Yaml::Parse("mllp: {listen: \"127.0.0.1:0\", tls: {" + tls + "}}", "c.yaml");
        const config::Spec spec{
            .name = "t", .title = "", .description = "", .fields = {SourceType().field}};
        config::Read read = config::ReadSpec(spec, *yaml, config::References::OfProcess());
        EXPECT_TRUE(read.errors.empty());
        auto made =
            SourceType().make(read.values.Object("mllp"), {"test", executor_, log_, metrics_});
        if (!made) return Fail(made.error());
        source_ = std::move(*made);
        CARESTREAM_TRY(source_->Start(sink_));
        to_ = *net::ParseAddress(source_->Describe());
        return {};
    }
    std::string Quoted(const char* file) { return '"' + files_[file].string() + '"'; }
    net::TlsClientOptions Trust(const char* authority) {
        net::TlsClientOptions options;
        options.ca_file = files_[authority];
        return options;
    }
    std::string Server() {
        return "certificate: " + Quoted("server.pem") + ", key: " + Quoted("server.key");
    }
    // "AA", or the error.
    std::string Send(const net::TlsClientOptions& tls) {
        SendOptions options;
        options.to = to_;
        options.tls = true;
        options.tls_options = tls;
        const auto report = SendMessages({kMessage}, options);
        if (!report) return report.error().ToString();
        return report->errors.empty() ? report->codes.begin()->first
                                      : report->errors.begin()->first;
    }
    ~MllpTlsTest() override {
        if (source_ != nullptr) source_->Stop();
    }

    test::Certificates files_;
    net::Executor executor_{2};
    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    AnsweringSink sink_;
    std::unique_ptr<channel::Source> source_;
    net::Address to_;
};

TEST_F(MllpTlsTest, ServesClientsThatTrustUs) {
    ASSERT_TRUE(Start(Server()));
    EXPECT_EQ(Send(Trust("ca.pem")), "AA");
    EXPECT_TRUE(Send(Trust("stranger.pem")).starts_with("TLS: "));
    SendOptions plain;
    plain.to = to_;
    plain.ack_timeout_ms = 2000;
    const auto report = SendMessages({kMessage}, plain);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->answered, 0);
}

TEST_F(MllpTlsTest, MutualTlsRefusesStrangers) {
    ASSERT_TRUE(Start(Server() + ", client_ca: " + Quoted("ca.pem") + ", version_min: \"1.3\""));
    // In TLS 1.3 the refusal comes after our side of the handshake, as an alert.
    net::TlsClientOptions tls = Trust("ca.pem");
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(Send(tls), "TLS: tlsv13 alert certificate required (SSL routines)");
    }
    tls.certificate_file = files_["stranger.pem"];
    tls.key_file = files_["stranger.key"];
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(Send(tls), "TLS: tlsv1 alert unknown ca (SSL routines)");
    }
    tls.certificate_file = files_["client.pem"];
    tls.key_file = files_["client.key"];
    EXPECT_EQ(Send(tls), "AA");
    EXPECT_NE(
        metrics_.Expose().find("carestream_mllp_refused_total{channel=\"test\",reason=\"tls\"}"),
        std::string::npos);
}

TEST_F(MllpTlsTest, WrongFilesAreNamedWithTheirPlace) {
    auto started = Start("certificate: /nowhere.pem, key: /nowhere.key");
    ASSERT_FALSE(started);
    EXPECT_TRUE(started.error().ToString().starts_with("c.yaml:1:")) << started.error().ToString();
    EXPECT_NE(started.error().ToString().find("/nowhere.pem"), std::string::npos);
    started = Start("client_ca: /nowhere.pem");
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("needs both"), std::string::npos);
}

}  // namespace
}  // namespace carestream::adapters::mllp
