// Goal: the page's files come with the headers that keep them harmless, and nothing else is served
// below /app/. Method: requests to the handler, without sockets.
#include "page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page/internal/assets.h"

namespace carestream::page {
namespace {

using testing::HasSubstr;
using testing::Not;

class Kept final : public net::Responder {
public:
    void Send(net::Response response) override { response_ = std::move(response); }
    [[nodiscard]] const std::shared_ptr<std::atomic<bool>>& cancelled() const override {
        return cancelled_;
    }
    net::Response response_;

private:
    std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};

class PageTest : public testing::Test {
protected:
    PageTest() {
        options_.issuer = "https://login.example/realms/care";
        options_.client_id = "page";
        options_.title = "A \"title\"";
        options_.endpoints = {"https://login.example/token", "https://tokens.example/token"};
    }
    net::Response Ask(std::string_view path, std::string_view method = "GET",
                      std::vector<std::pair<std::string_view, std::string_view>> headers = {}) {
        const auto handler = MakePage(options_, [](net::Request, const auto& responder) {
            responder->Send(net::Response::Text(200, "text/plain", "of the API"));
        });
        net::Request request;
        request.method = method;
        request.path = path;
        request.headers = std::move(headers);
        if (request.Header("Host").empty())
            request.headers.emplace_back("Host", "care.example:8443");
        const auto kept = std::make_shared<Kept>();
        handler(std::move(request), kept);
        return kept->response_;
    }
    static std::string HeaderOf(const net::Response& response, std::string_view name) {
        for (const auto& [key, value] : response.headers) {
            if (key == name) return value;
        }
        return {};
    }
    static std::string BodyOf(const net::Response& response) {
        std::string text;
        for (const std::string& piece : response.body) text += piece;
        return text;
    }
    PageOptions options_;
};

TEST_F(PageTest, TheDocumentAllowsItsOwnScriptsAlone) {
    const auto page = Ask("/app/");
    ASSERT_EQ(page.status, 200);
    EXPECT_EQ(HeaderOf(page, "Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(
        HeaderOf(page, "Content-Security-Policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
        "'self' "
        "https://login.example:443 https://tokens.example:443 ws://care.example:8443 "
        "wss://care.example:8443; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    EXPECT_EQ(HeaderOf(page, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(HeaderOf(page, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(BodyOf(page).find("<script>"), std::string::npos);
    EXPECT_EQ(BodyOf(page).find(" style="), std::string::npos);
    EXPECT_THAT(BodyOf(page), Not(HasSubstr("://")));
}

TEST_F(PageTest, AHostThatIsNoneStaysOutOfThePolicy) {
    const auto page = Ask("/app/", "GET", {{"Host", "a; script-src *"}});
    EXPECT_THAT(HeaderOf(page, "Content-Security-Policy"), Not(HasSubstr("ws://")));
    options_.public_url = "https://fhir.example.org/fhir/r4";
    EXPECT_THAT(HeaderOf(Ask("/app/"), "Content-Security-Policy"),
                HasSubstr(" ws://fhir.example.org:443 wss://fhir.example.org:443;"));
}

TEST_F(PageTest, EveryFileIsServedAndKnownAgain) {
    for (const Asset& asset : Assets()) {
        SCOPED_TRACE(asset.name);
        const std::string path = "/app/" + std::string(asset.name);
        const auto whole = Ask(path);
        EXPECT_EQ(whole.status, 200);
        EXPECT_EQ(BodyOf(whole), asset.text);
        EXPECT_EQ(HeaderOf(whole, "Cache-Control"), "no-cache");
        const std::string tag = HeaderOf(whole, "ETag");
        const auto known = Ask(path, "GET", {{"If-None-Match", "\"x\", " + tag}});
        EXPECT_EQ(known.status, 304);
        EXPECT_EQ(BodyOf(known), "");
        EXPECT_EQ(HeaderOf(known, "ETag"), tag);
        EXPECT_EQ(Ask(path, "GET", {{"If-None-Match", "W/\"other\""}}).status, 200);
    }
    EXPECT_EQ(HeaderOf(Ask("/app/main.mjs"), "Content-Type"), "text/javascript; charset=utf-8");
}

TEST_F(PageTest, TheConfigurationSaysWhereToLogInAndNothingSecret) {
    const auto config = Ask("/app/config.json");
    EXPECT_EQ(config.status, 200);
    EXPECT_EQ(HeaderOf(config, "Cache-Control"), "no-store");
    EXPECT_EQ(
        BodyOf(config),
        R"({"fhir":"../fhir/r4","issuer":"https://login.example/realms/care","client_id":"page",)"
        R"("scope":"","title":"A \"title\"","emergency":""})");
}

TEST_F(PageTest, NothingElseIsThere) {
    for (const char* path : {"/app/../conf/carestream.yaml", "/app/%2e%2e/x", "/app/none.mjs",
                             "/app//index.html", "/app/assets/main.mjs"}) {
        const auto answer = Ask(path);
        EXPECT_EQ(answer.status, 404) << path;
        EXPECT_THAT(BodyOf(answer), HasSubstr("/app/"));
    }
    EXPECT_EQ(HeaderOf(Ask("/app"), "Location"), "/app/");
    EXPECT_EQ(Ask("/app/", "POST").status, 405);
    EXPECT_EQ(HeaderOf(Ask("/app/", "POST"), "Allow"), "GET, HEAD");
    for (const char* path : {"/", "/fhir/r4/metadata", "/application", "/apples"}) {
        EXPECT_EQ(BodyOf(Ask(path)), "of the API") << path;
    }
}

}  // namespace
}  // namespace carestream::page
