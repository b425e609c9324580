// Goal: TLS refuses what it must: strangers, old versions, clients without a certificate. Method:
// real handshakes on loopback with certificates that openssl makes for the run.
#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "net/http.h"
#include "net/http_client.h"

namespace carestream::net {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TlsTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        folder_ = fs::temp_directory_path() / ("cs_tls_" + std::to_string(::getpid()));
        fs::create_directories(folder_);
        const std::string script =
            "cd " + folder_.string() +
            " && openssl ecparam -name prime256v1 -genkey -noout -out ca.key"
            " && openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 2 -out ca.pem"
            " && for n in server client; do"
            "   openssl ecparam -name prime256v1 -genkey -noout -out $n.key"
            "   && openssl req -new -key $n.key -subj /CN=$n -out $n.csr"
            "   && printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > $n.ext"
            "   && openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
            "      -extfile $n.ext -out $n.pem; done >/dev/null 2>&1";
        made_ = std::system(("( " + script + " ) >/dev/null 2>&1").c_str()) == 0;
    }
    static void TearDownTestSuite() { fs::remove_all(folder_); }
    void SetUp() override {
        if (!made_) GTEST_SKIP() << "the openssl command is not installed";
    }

    static TlsServerOptions Server() {
        return {.certificate_file = folder_ / "server.pem",
                .key_file = folder_ / "server.key",
                .client_ca_file = {},
                .version_min = TlsVersion::k12};
    }
    static TlsClientOptions Client() {
        TlsClientOptions options;
        options.ca_file = folder_ / "ca.pem";
        return options;
    }
    Address Serve(const TlsServerOptions& options) {
        HttpOptions http;
        http.header_timeout_ms = 1000;
        http.drain_ms = 100;
        server_ = std::make_unique<HttpServer>(
            executor_, http,
            [](Request request, std::shared_ptr<Responder> responder) {
                Response response =
                    Response::Text(200, "text/plain", request.tls ? "tls" : "plain");
                if (request.path == "/big") response.body.assign(50, std::string(10'000, 'b'));
                responder->Send(std::move(response));
            },
            log_, metrics_);
        const auto bound =
            server_->Listen(*ParseAddress("127.0.0.1:0"), MakeTlsContext(options).value());
        EXPECT_TRUE(bound.has_value());
        return *bound;
    }
    // "200 tls" or "refused".
    static std::string Get(const Address& address, const TlsClientOptions& options,
                           const std::string& name = {}) {
        ClientOptions client;
        client.tls = MakeTlsContext(options).value();
        client.server_name = name;
        client.timeout_ms = 5000;
        auto connected = HttpClient::Connect(address, client);
        if (!connected) return "refused";
        const auto answer = connected->Send({.target = "/"});
        return answer ? std::to_string(answer->status) + " " + answer->body : "refused";
    }

    static inline fs::path folder_;
    static inline bool made_ = false;
    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    Executor executor_{2};
    std::unique_ptr<HttpServer> server_;
};

TEST_F(TlsTest, VerifiedClientIsServed) {
    const Address address = Serve(Server());
    EXPECT_EQ(Get(address, Client()), "200 tls");
    ClientOptions options;
    options.tls = MakeTlsContext(Client()).value();
    auto client = HttpClient::Connect(address, options);
    ASSERT_TRUE(client.has_value());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(client->Send({.target = "/big"})->body.size(), 500'000u);
    }
}

TEST_F(TlsTest, StrangersAndWrongNamesAreRefusedByTheClient) {
    const Address address = Serve(Server());
    EXPECT_EQ(Get(address, Client(), "other.example"), "refused");
    TlsClientOptions stranger;  // the system's authorities do not know our CA
    EXPECT_EQ(Get(address, stranger), "refused");
    stranger.verify = false;
    EXPECT_EQ(Get(address, stranger), "200 tls");
}

TEST_F(TlsTest, MutualTlsWantsACertificate) {
    TlsServerOptions mutual = Server();
    mutual.client_ca_file = folder_ / "ca.pem";
    const Address address = Serve(mutual);
    EXPECT_EQ(Get(address, Client()), "refused");
    TlsClientOptions known = Client();
    known.certificate_file = folder_ / "client.pem";
    known.key_file = folder_ / "client.key";
    EXPECT_EQ(Get(address, known), "200 tls");
}

TEST_F(TlsTest, PlainTextOnATlsPortIsClosedAndSlowHandshakesToo) {
    const Address address = Serve(Server());
    auto plain = HttpClient::Connect(address);
    ASSERT_TRUE(plain.has_value());
    const auto answer = plain->Exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    if (answer) {
        EXPECT_THAT(*answer, testing::Not(HasSubstr("HTTP/1.1")));
    }
    auto silent = HttpClient::Connect(address, {.timeout_ms = 4000});
    EXPECT_TRUE(silent->Exchange("").has_value());  // closed by the server before our time-out
}

TEST_F(TlsTest, OldVersionsAreRefused) {
    TlsServerOptions strict = Server();
    strict.version_min = TlsVersion::k13;
    const Address address = Serve(strict);
    const auto handshake = [&](const std::string& version) {
        const std::string command =
            "openssl s_client -connect " + address.ToString() + " -" + version + " -CAfile " +
            (folder_ / "ca.pem").string() +
            " </dev/null 2>/dev/null | grep -q 'Cipher is TLS_\\|Cipher is E'";
        return std::system(command.c_str()) == 0;
    };
    EXPECT_TRUE(handshake("tls1_3"));
    EXPECT_FALSE(handshake("tls1_2"));
    EXPECT_FALSE(handshake("tls1_1"));
}

TEST_F(TlsTest, DamagedFilesAreNamed) {
    TlsServerOptions options = Server();
    options.key_file = folder_ / "client.key";  // a key of another certificate
    EXPECT_EQ(MakeTlsContext(options).error().path, options.key_file.string());
    options.key_file = folder_ / "absent.key";
    EXPECT_EQ(MakeTlsContext(options).error().code, Code::kNotFound);
    options = Server();
    std::ofstream(folder_ / "broken.pem") << "-----BEGIN CERTIFICATE-----\nxx\n";
    options.certificate_file = folder_ / "broken.pem";
    EXPECT_EQ(MakeTlsContext(options).error().code, Code::kInvalid);
    TlsClientOptions client = Client();
    client.ca_file = folder_ / "broken.pem";
    EXPECT_EQ(MakeTlsContext(client).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace carestream::net
