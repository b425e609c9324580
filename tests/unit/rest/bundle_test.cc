// Goal: what is spliced together is JSON that reads back as meant.
#include "rest/internal/bundle.h"

#include <gtest/gtest.h>

#include "fhir/json.h"
#include "rest/admin_pages.h"
#include "rest/index_page.h"
#include "rest/outcome.h"

namespace carestream::rest {
namespace {

fhir::Node Join(const std::vector<std::string>& pieces) {
    std::string all;
    for (const auto& piece : pieces) all += piece;
    const auto parsed = fhir::ParseJson(all);
    EXPECT_TRUE(parsed.has_value()) << all;
    return parsed ? *parsed : fhir::Node();
}

store::StoredVersion Version(std::int32_t number, std::size_t padding) {
    store::StoredVersion version;
    version.type = "Patient";
    version.id = "p" + std::to_string(number);
    version.version = number;
    version.last_updated = 1'700'000'000'123'000;
    version.body = R"({"resourceType":"Patient","id":")" + version.id + R"(","language":")" +
                   std::string(padding, 'x') + "\"}";
    return version;
}

TEST(Bundle, Empty) {
    BundleWriter writer("searchset", 0, "http://h/fhir/r4");
    const auto bundle = Join(writer.Finish());
    EXPECT_EQ(fhir::ToJson(bundle), R"({"resourceType":"Bundle","type":"searchset","total":0})");
}

TEST(Bundle, SearchsetSplicesSmallAndLargeBodies) {
    BundleWriter writer("searchset", -1, "http://h/fhir/r4");
    writer.Link("self", "http://h/fhir/r4/Patient?name=\"x\"");
    writer.Link("next", "n");
    writer.SearchEntry(Version(1, 10), "match");
    writer.SearchEntry(Version(2, 5000), "match");
    writer.SearchEntry(Version(3, 10), "include");
    writer.OutcomeEntry(OutcomeJson({{"warning", "not-supported", "t", "foo"}}));
    const auto bundle = Join(writer.Finish());
    EXPECT_EQ(bundle.Find("total"), nullptr);
    EXPECT_EQ(bundle.Find("link")->items().size(), 2u);
    const auto& entries = bundle.Find("entry")->items();
    ASSERT_EQ(entries.size(), 4u);
    EXPECT_EQ(entries[1].TextOf("fullUrl"), "http://h/fhir/r4/Patient/p2");
    EXPECT_EQ(entries[1].Find("resource")->TextOf("language").size(), 5000u);
    EXPECT_EQ(entries[2].Find("search")->TextOf("mode"), "include");
    EXPECT_EQ(entries[3].Find("search")->TextOf("mode"), "outcome");
    EXPECT_EQ(entries[3].Find("resource")->TextOf("resourceType"), "OperationOutcome");
}

TEST(Bundle, HistoryNamesWhatHappened) {
    BundleWriter writer("history", 2, "http://h/fhir/r4");
    writer.Link("self", "s");
    auto deleted = Version(2, 0);
    deleted.deleted = true;
    deleted.body.clear();
    writer.HistoryEntry(deleted);
    writer.HistoryEntry(Version(1, 2000));
    const auto bundle = Join(writer.Finish());
    const auto& entries = bundle.Find("entry")->items();
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries[0].Find("resource"), nullptr);
    EXPECT_EQ(entries[0].Find("request")->TextOf("method"), "DELETE");
    EXPECT_EQ(entries[0].Find("response")->TextOf("status"), "204");
    EXPECT_EQ(entries[1].Find("request")->TextOf("method"), "PUT");
    EXPECT_EQ(entries[1].Find("response")->TextOf("etag"), "W/\"1\"");
    EXPECT_EQ(entries[1].Find("response")->TextOf("lastModified"), "2023-11-14T22:13:20.123Z");
}

TEST(Outcome, StatusOfErrors) {
    const auto status = [](Code code, ErrorOrigin origin) {
        return OutcomeOf(Error{code, "m", "Patient.name", {}, 0, false}, origin).status;
    };
    EXPECT_EQ(status(Code::kInvalid, ErrorOrigin::kSearch), 400);
    EXPECT_EQ(status(Code::kNotFound, ErrorOrigin::kStore), 404);
    EXPECT_EQ(status(Code::kGone, ErrorOrigin::kStore), 410);
    EXPECT_EQ(status(Code::kConflict, ErrorOrigin::kStore), 409);
    EXPECT_EQ(status(Code::kPreconditionFailed, ErrorOrigin::kStore), 412);
    EXPECT_EQ(status(Code::kLimit, ErrorOrigin::kSearch), 400);
    EXPECT_EQ(status(Code::kLimit, ErrorOrigin::kStore), 503);
    EXPECT_EQ(status(Code::kUnsupported, ErrorOrigin::kSearch), 400);
    EXPECT_EQ(status(Code::kUnsupported, ErrorOrigin::kStore), 501);
    EXPECT_EQ(status(Code::kDenied, ErrorOrigin::kStore), 403);
    EXPECT_EQ(status(Code::kUnavailable, ErrorOrigin::kStore), 503);
    EXPECT_EQ(status(Code::kInternal, ErrorOrigin::kStore), 500);
    const auto response = OutcomeOf({{"required", "Patient.link", "a \"quoted\" text"}});
    EXPECT_EQ(response.status, 422);
    const auto body = Join(response.body);
    EXPECT_EQ(body.Find("issue")->items()[0].TextOf("diagnostics"), "a \"quoted\" text");
    EXPECT_EQ(body.Find("issue")->items()[0].Find("expression")->items()[0].text(), "Patient.link");
}

TEST(IndexPage, EscapesWhatItIsGiven) {
    const std::string page = IndexPage("http://h/<script>\"&", "1.2");
    EXPECT_EQ(page.find("<script>"), std::string::npos);
    EXPECT_EQ(page.find("@BASE@"), std::string::npos);
    EXPECT_EQ(page.find("@VERSION@"), std::string::npos);
    EXPECT_NE(page.find("CareStream 1.2"), std::string::npos);
    EXPECT_NE(page.find("@media"), std::string::npos);
}

class KeepResponse final : public net::Responder {
public:
    void Send(net::Response answer) override { response = std::move(answer); }
    const std::shared_ptr<std::atomic<bool>>& cancelled() const override { return flag_; }
    net::Response response;

private:
    std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

TEST(AdminPages, Table) {
    std::string reason = "store: starting";
    const auto handler =
        MakeAdminHandler({[&] { return reason; }, [] { return std::string("m 1\n"); }});
    const auto get = [&](std::string_view path, std::string_view method = "GET") {
        net::Request request;
        request.method = method;
        request.path = path;
        const auto keep = std::make_shared<KeepResponse>();
        handler(request, keep);
        return std::to_string(keep->response.status) + " " + keep->response.body.at(0);
    };
    EXPECT_EQ(get("/health"), "200 ok\n");
    EXPECT_EQ(get("/ready"), "503 store: starting\n");
    reason.clear();
    EXPECT_EQ(get("/ready"), "200 ready\n");
    EXPECT_EQ(get("/metrics"), "200 m 1\n");
    EXPECT_EQ(get("/other").substr(0, 3), "404");
    EXPECT_EQ(get("/metrics", "POST").substr(0, 3), "405");
}

}  // namespace
}  // namespace carestream::rest
