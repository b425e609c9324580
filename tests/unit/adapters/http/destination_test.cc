// Goal: a message that was posted is taken, answered, refused, to be tried again or in doubt, and
// never called one when it is another. Method: a real destination, raw sockets and real servers
// (TLS) as its peers.
#include "adapters/http/destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <mutex>

#include "base/text.h"
#include "net/http.h"
#include "tests/support/certificates.h"
#include "tests/support/raw_server.h"

namespace carestream::adapters::http {
namespace {

using channel::Sending;
using std::chrono::seconds;
using test::RawServer;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kMessage =
    "MSH|^~\\&|CS|MAIN|EHR|MAIN|20260302081530||ADT^A01^ADT_A01|C7|P|2.5.1||||||UNICODE UTF-8\r"
    "PID|1||42^^^MAIN^MR\r";
constexpr const char* kResource = R"({"resourceType":"Appointment","id":"a1","status":"booked"})";

std::string Ack(const std::string& code, const std::string& of) {
    return "MSH|^~\\&|EHR|MAIN|CS|MAIN|20260302081531||ACK|9|P|2.5.1\rMSA|" + code + "|" + of +
           "\r";
}

std::string Answer(const std::string& status, const std::string& body = "",
                   const std::string& headers = "") {
    return "HTTP/1.1 " + status + "\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Takes an acknowledgment of the message that is being sent.
class TestSink final : public channel::AnswerSink {
public:
    bool Answer(std::string message) override {
        const std::lock_guard lock(mutex_);
        answers_.push_back(message);
        return message.find("|C7") != std::string::npos;
    }
    std::vector<std::string> answers() {
        const std::lock_guard lock(mutex_);
        return answers_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> answers_;
};

class HttpDestinationTest : public testing::Test {
protected:
    ~HttpDestinationTest() override {
        if (destination_ != nullptr) destination_->Stop();
    }
    // "" or the error.
    std::string TryMake(const std::string& settings) {
        const auto yaml = config::Yaml::Parse("http: {" + settings + "}", "c.yaml");
        if (!yaml) return yaml.error().ToString();
        const config::Spec spec{
            .name = "t", .title = "", .description = "", .fields = {DestinationType().field}};
        config::Read read = config::ReadSpec(spec, *yaml, config::References::OfProcess());
        if (!read.errors.empty()) return read.errors[0].ToString();
        if (destination_ != nullptr) destination_->Stop();
        auto made =
            DestinationType().make(read.values.Object("http"), {"test", executor_, log_, metrics_});
        if (!made) return made.error().ToString();
        destination_ = std::move(*made);
        destination_->Start(sink_);
        return "";
    }
    void MakeFor(const net::Url& url, const std::string& more = "") {
        ASSERT_EQ(TryMake("url: \"" + url.Origin() + url.target + "\"" + more), "");
    }
    Sending Send(const std::string& bytes = kMessage) {
        auto done = std::make_shared<std::promise<Sending>>();
        destination_->Send({"C7", bytes}, [done](Sending sending) { done->set_value(sending); });
        auto sending = done->get_future();
        if (sending.wait_for(seconds(20)) != std::future_status::ready) {
            ADD_FAILURE() << "no end";
            return {};
        }
        return sending.get();
    }
    // What comes of a server that gives this answer to everything.
    Sending Answered(const std::string& answer, const std::string& more = "",
                     const std::string& bytes = kMessage) {
        RawServer server([&](int socket, int) {
            while (!ReadFrom(socket).empty()) RawServer::Write(socket, answer);
        });
        server_ = &server;
        MakeFor(server.At("/hl7"), more);
        Sending sending = Send(bytes);
        destination_->Stop();
        return sending;
    }
    std::string ReadFrom(int socket) {
        std::string request = server_->Read(socket);
        const std::lock_guard lock(mutex_);
        if (!request.empty()) requests_.push_back(request);
        return request;
    }
    std::string LastRequest() {
        const std::lock_guard lock(mutex_);
        return requests_.empty() ? "" : requests_.back();
    }

    net::Executor executor_{2};
    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    TestSink sink_;
    RawServer* server_ = nullptr;
    std::mutex mutex_;
    std::vector<std::string> requests_;
    std::unique_ptr<channel::Destination> destination_;
};

TEST_F(HttpDestinationTest, AMessageIsPostedAsItIs) {
    const std::string secret = testing::TempDir() + "http_destination_secret";
    std::ofstream(secret) << "s3cret\n";
    const Sending sending = Answered(
        Answer("200 OK"), ", bearer: \"${file:" + secret + "}\", headers: {X-Site: \"7\"}");
    EXPECT_EQ(sending.end, Sending::End::kTaken);
    EXPECT_EQ(sending.code, "200");
    const std::string request = LastRequest();
    EXPECT_THAT(request, HasSubstr("POST /hl7 HTTP/1.1\r\n"));
    EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/hl7-v2; charset=utf-8\r\n"));
    EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer s3cret\r\n"));
    EXPECT_THAT(request, HasSubstr("\r\nX-Site: 7\r\n"));
    EXPECT_THAT(request, HasSubstr("\r\nX-Request-Id: C7\r\n"));
    EXPECT_TRUE(request.ends_with(std::string("\r\n\r\n") + kMessage));
}

TEST_F(HttpDestinationTest, AResourceIsPostedAsFhir) {
    const Sending sending = Answered(Answer("201 Created", Ack("AE", "C7")), "", kResource);
    EXPECT_EQ(sending.end, Sending::End::kTaken);
    EXPECT_THAT(LastRequest(), HasSubstr("\r\nContent-Type: application/fhir+json\r\n"));
    EXPECT_THAT(LastRequest(), HasSubstr(kResource));
    EXPECT_TRUE(sink_.answers().empty());  // resources are not acknowledged by messages
}

TEST_F(HttpDestinationTest, StatusesDecide) {
    const struct {
        const char* status;
        Sending::End end;
    } rows[] = {
        {"202 Accepted", Sending::End::kTaken},      {"204 No Content", Sending::End::kTaken},
        {"301 Moved", Sending::End::kUnsent},        {"400 Bad Request", Sending::End::kRefused},
        {"401 Unauthorized", Sending::End::kUnsent}, {"410 Gone", Sending::End::kRefused},
        {"422 No", Sending::End::kRefused},          {"500 Broken", Sending::End::kUnsent},
        {"503 Later", Sending::End::kUnsent},        {"504 Gateway", Sending::End::kInDoubt},
    };
    for (const auto& row : rows) {
        const std::string answer = std::string_view(row.status).starts_with("204")
                                       ? std::string("HTTP/1.1 204 No Content\r\n\r\n")
                                       : Answer(row.status, "why");
        const Sending sending = Answered(answer);
        EXPECT_EQ(sending.end, row.end) << row.status;
        EXPECT_EQ(sending.code, std::string(row.status, 3));
        if (row.end != Sending::End::kTaken) {
            EXPECT_THAT(sending.error.message, HasSubstr(std::string(row.status, 3)));
            // Kept for who looks at the message, sealed; never in the text of the error.
            EXPECT_EQ(sending.answer, "why");
            EXPECT_THAT(sending.error.message, Not(HasSubstr("why")));
        }
    }
    EXPECT_EQ(Answered(Answer("401 No"), ", retry_on: [429]").end, Sending::End::kRefused);
}

TEST_F(HttpDestinationTest, RetryAfterIsHonoured) {
    Sending sending = Answered(Answer("429 Slow down", "", "Retry-After: 120\r\n"));
    EXPECT_EQ(sending.end, Sending::End::kUnsent);
    EXPECT_EQ(sending.retry_after, 120'000'000);
    sending = Answered(Answer("503 Later", "", "Retry-After: soon\r\n"));
    EXPECT_EQ(sending.retry_after, 0);
}

TEST_F(HttpDestinationTest, AnAcknowledgmentInTheBodyDecides) {
    // Whatever the status says: the sink reads MSA-1.
    EXPECT_EQ(Answered(Answer("200 OK", Ack("AA", "C7"))).end, Sending::End::kAnswered);
    EXPECT_EQ(Answered(Answer("200 OK", "\r\n" + Ack("AE", "C7"))).end, Sending::End::kAnswered);
    EXPECT_EQ(Answered(Answer("500 Broken", Ack("AR", "C7"))).end, Sending::End::kAnswered);
    EXPECT_EQ(sink_.answers().size(), 3u);
    EXPECT_EQ(sink_.answers()[1], std::string(Trim(Ack("AE", "C7"))));
    // One of another message: nobody knows what it means.
    EXPECT_EQ(Answered(Answer("200 OK", Ack("AE", "C8"))).end, Sending::End::kInDoubt);
    // Not asked for; asked for and not there.
    EXPECT_EQ(Answered(Answer("200 OK", Ack("AE", "C7")), ", acknowledgment: none").end,
              Sending::End::kTaken);
    EXPECT_EQ(Answered(Answer("200 OK", "thanks"), ", acknowledgment: required").end,
              Sending::End::kInDoubt);
    EXPECT_EQ(Answered(Answer("200 OK", Ack("AA", "C7")), ", acknowledgment: required").end,
              Sending::End::kAnswered);
    EXPECT_EQ(Answered(Answer("200 OK"), ", acknowledgment: required", kResource).end,
              Sending::End::kTaken);
}

TEST_F(HttpDestinationTest, LongAnswersAreCut) {
    const Sending sending =
        Answered(Answer("400 Bad", std::string(1u << 20, 'x')), ", answer_bytes_max: 1KiB");
    EXPECT_EQ(sending.end, Sending::End::kRefused);
    EXPECT_EQ(sending.answer.size(), 1024u);
}

TEST_F(HttpDestinationTest, NobodyThereIsUnsentAndNoAnswerIsInDoubt) {
    {
        RawServer server([](int, int) {});
        net::Url gone = server.At("/");
        gone.port = 1;
        MakeFor(gone);
        EXPECT_EQ(Send().end, Sending::End::kUnsent);
    }
    // Hangs up after the request; half an answer; one that never comes; no HTTP.
    const struct {
        const char* name;
        std::string answer;
        bool waits;
    } rows[] = {{"hangs up", "", false},
                {"half", "HTTP/1.1 200 OK\r\nContent-Le", false},
                {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", false},
                {"mute", "", true},
                {"slow", "HTTP/1.1 200", true},
                {"no http", "hello\r\n\r\n", false}};
    for (const auto& row : rows) {
        RawServer server([&](int socket, int) {
            (void)ReadFrom(socket);
            RawServer::Write(socket, row.answer);
            if (row.waits) server_->AwaitEnd(socket);
        });
        server_ = &server;
        MakeFor(server.At("/"), ", answer_timeout: 300ms");
        EXPECT_EQ(Send().end, Sending::End::kInDoubt) << row.name;
        destination_->Stop();
    }
}

TEST_F(HttpDestinationTest, AKeptConnectionIsUsedAgainAndADeadOneReplaced) {
    RawServer server([&](int socket, int number) {
        // The first hangs up after one answer, as servers do with idle connections.
        while (!ReadFrom(socket).empty()) {
            RawServer::Write(socket, Answer("200 OK"));
            if (number == 0) return;
        }
    });
    server_ = &server;
    MakeFor(server.At("/"));
    EXPECT_EQ(Send().end, Sending::End::kTaken);
    for (int i = 0; i < 100 && server.closed() == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(Send().end, Sending::End::kTaken);
    EXPECT_EQ(Send().end, Sending::End::kTaken);
    EXPECT_EQ(server.accepted(), 2);
}

TEST_F(HttpDestinationTest, StopEndsWhatIsUnderWay) {
    RawServer server([&](int socket, int) {
        (void)ReadFrom(socket);
        server_->AwaitEnd(socket);
    });
    server_ = &server;
    MakeFor(server.At("/"));
    auto done = std::make_shared<std::promise<Sending>>();
    destination_->Send({"C7", kMessage}, [done](Sending sending) { done->set_value(sending); });
    for (int i = 0; i < 500 && LastRequest().empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    destination_->Stop();
    EXPECT_EQ(done->get_future().get().end, Sending::End::kInDoubt);
    destination_->Stop();
    EXPECT_EQ(Send().end, Sending::End::kUnsent);
}

TEST_F(HttpDestinationTest, SettingsThatCannotWorkAreNamed) {
    const struct {
        const char* settings;
        const char* text;
    } rows[] = {
        {"url: \"ftp://ehr.test/\"", "'url'"},
        {"url: \"http://ehr.test/\"", "'plain: true'"},
        {"url: \"https://me:pw@ehr.test/\"", "'url'"},
        {"url: \"https://ehr.test/\", headers: {Host: x}", "Host"},
        {"url: \"https://ehr.test/\", headers: {content-type: x}", "set by this destination"},
        {"url: \"https://ehr.test/\", headers: {\"a b\": x}", "'headers'"},
        {"url: \"https://ehr.test/\", headers: {X: \"a\\nb\"}", "control characters"},
        {"url: \"https://ehr.test/\", bearer: x, headers: {authorization: y}", "Authorization"},
        {"url: \"https://ehr.test/\", retry_on: [500]", "at most 499"},
        {"url: \"https://ehr.test/\", retry_on: [many]", "whole number"},
        {"url: \"https://ehr.test/\", tls: {certificate: x.pem}", "together"},
        {"url: \"https://ehr.test/\", tls: {ca: absent.pem}", "absent.pem"},
        {"url: \"http://127.0.0.1:1/\", tls: {ca: x.pem}", "no https URL"},
        {"url: \"https://ehr.test/\", acknowledgement: none", "did you mean 'acknowledgment'"},
    };
    for (const auto& row : rows) EXPECT_THAT(TryMake(row.settings), HasSubstr(row.text));
    EXPECT_EQ(TryMake("url: \"http://ehr.test/\", plain: true"), "");
    EXPECT_EQ(TryMake("url: \"https://ehr.test/hl7?key=secret\""), "");
    EXPECT_EQ(destination_->Describe(), "https://ehr.test:443");  // no path, no query
}

class HttpDestinationTlsTest : public HttpDestinationTest {
protected:
    void SetUp() override {
        if (!certificates_.made()) GTEST_SKIP() << "the openssl command is not installed";
    }
    net::Url Serve(bool mutual) {
        net::TlsServerOptions tls;
        tls.certificate_file = certificates_["server.pem"];
        tls.key_file = certificates_["server.key"];
        if (mutual) tls.client_ca_file = certificates_["ca.pem"];
        net::HttpOptions http;
        http.drain_ms = 100;
        tls_server_ = std::make_unique<net::HttpServer>(
            executor_, http,
            [](const net::Request&, const std::shared_ptr<net::Responder>& responder) {
                responder->Send(net::Response::Text(200, "application/hl7-v2", Ack("AA", "C7")));
            },
            log_, metrics_);
        const auto bound = tls_server_->Listen(*net::ParseAddress("127.0.0.1:0"),
                                               net::MakeTlsContext(tls).value());
        EXPECT_TRUE(bound);
        return {.tls = true, .host = "localhost", .port = bound->port, .target = "/hl7"};
    }
    std::string File(const std::string& key, const std::string& name) {
        return key + ": \"" + certificates_[name].string() + "\"";
    }

    test::Certificates certificates_;
    std::unique_ptr<net::HttpServer> tls_server_;
};

TEST_F(HttpDestinationTlsTest, TheServerIsVerified) {
    const net::Url url = Serve(false);
    MakeFor(url, ", tls: {" + File("ca", "ca.pem") + "}");
    EXPECT_EQ(Send().end, Sending::End::kAnswered);
    MakeFor(url);  // the system's authorities do not know it
    const Sending refused = Send();
    EXPECT_EQ(refused.end, Sending::End::kUnsent);
    EXPECT_THAT(refused.error.message, HasSubstr("TLS"));
}

TEST_F(HttpDestinationTlsTest, AClientsCertificateIsShown) {
    const net::Url url = Serve(true);
    const std::string ca = File("ca", "ca.pem");
    MakeFor(url, ", tls: {" + ca + "}");
    EXPECT_EQ(Send().end, Sending::End::kUnsent);
    MakeFor(url, ", tls: {" + ca + ", " + File("certificate", "client.pem") + ", " +
                     File("key", "client.key") + "}");
    EXPECT_EQ(Send().end, Sending::End::kAnswered);
}

}  // namespace
}  // namespace carestream::adapters::http
