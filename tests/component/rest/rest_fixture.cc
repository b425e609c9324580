#include "component/rest/rest_fixture.h"

namespace carestream::test {

std::string Reply::Issue() const {
    const auto* issues = body.Find("issue");
    if (issues == nullptr || issues->items().empty()) return {};
    const auto& issue = issues->items()[0];
    std::string text(issue.TextOf("code"));
    const auto* expressions = issue.Find("expression");
    if (expressions != nullptr) text += "|" + expressions->items().at(0).text();
    return text;
}

std::vector<std::string> Reply::Ids(std::string_view mode) const {
    std::vector<std::string> ids;
    const auto* entries = body.Find("entry");
    if (entries == nullptr) return ids;
    for (const auto& entry : entries->items()) {
        const auto* search = entry.Find("search");
        if (search == nullptr || search->TextOf("mode") != mode) continue;
        ids.emplace_back(entry.Find("resource")->TextOf("id"));
    }
    return ids;
}

std::string Reply::Link(std::string_view relation) const {
    const auto* links = body.Find("link");
    if (links == nullptr) return {};
    for (const auto& link : links->items()) {
        if (link.TextOf("relation") == relation) return std::string(link.TextOf("url"));
    }
    return {};
}

void RestTest::StartService(rest::ServiceOptions options, std::vector<rest::Operation> operations) {
    client_.reset();
    server_.reset();
    service_.reset();
    if (!store_) {
        definitions_ =
            fhir::Definitions::Load(std::string(CARESTREAM_SOURCE_DIR) + "/schemas/fhir/r4")
                .value();
        (void)keys();  // made before the store looks for them
        store::StoreOptions store_options = Options();
        store_options.access_audit_queue_bytes_max = audit_queue_bytes_max_;
        store_options.label = label_;
        store_options.label_elements = label_elements_;
        auto opened =
            store::Store::Open(store_options, definitions_,
                               search::Indexer::Create(definitions_).value(), clock_, events_);
        ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
        store_ = std::move(*opened);
    }
    service_ = std::make_unique<rest::Service>(
        std::move(options),
        rest::ServiceParts{definitions_, store_->reader(), store_->writer(), store_->access_audit(),
                           store_->login_links(), store_->keys(), clock_, log_,
                           [this] { return disk_low_.load(); }, gate_.get(), write_rules_,
                           topic_urls_},
        std::move(operations));
    net::HttpOptions http;
    http.name = "fhir";
    http.error_response = rest::ServerErrorOutcome;
    server_ =
        std::make_unique<net::HttpServer>(executor_, http, service_->handler(), log_, metrics_);
    const auto bound = server_->Listen(*net::ParseAddress("127.0.0.1:0"));
    ASSERT_TRUE(bound.has_value()) << bound.error().ToString();
    address_ = *bound;
}

void RestTest::TearDown() {
    client_.reset();
    server_.reset();
    service_.reset();
    gate_.reset();
    store_.reset();
}

Reply RestTest::Send(const std::string& method, const std::string& target, const Headers& headers,
                     const std::string& body) {
    Reply reply;
    if (!client_) {
        auto connected = net::HttpClient::Connect(address_);
        EXPECT_TRUE(connected.has_value());
        if (!connected) return reply;
        client_ = std::make_unique<net::HttpClient>(std::move(*connected));
    }
    auto answer =
        client_->Send({.method = method, .target = target, .headers = headers, .body = body});
    EXPECT_TRUE(answer.has_value()) << answer.error().ToString();
    if (!answer) {
        client_.reset();
        return reply;
    }
    reply.status = answer->status;
    reply.http = std::move(*answer);
    if (auto parsed = fhir::ParseJson(reply.http.body)) reply.body = std::move(*parsed);
    return reply;
}

Reply RestTest::Follow(const std::string& url) {
    const std::string prefix = "http://" + address_.ToString();
    EXPECT_TRUE(url.starts_with(prefix + "/fhir/r4/")) << url;
    return Send("GET", url.substr(std::min(prefix.size(), url.size())));
}

Reply RestTest::Post(const std::string& target, const std::string& json, Headers headers) {
    headers.emplace_back("Content-Type", "application/fhir+json");
    return Send("POST", "/fhir/r4/" + target, headers, json);
}

Reply RestTest::Put(const std::string& target, const std::string& json, Headers headers) {
    headers.emplace_back("Content-Type", "application/fhir+json");
    return Send("PUT", "/fhir/r4/" + target, headers, json);
}

Reply RestTest::Patch(const std::string& target, const std::string& json, Headers headers) {
    headers.emplace_back("Content-Type", "application/json-patch+json");
    return Send("PATCH", "/fhir/r4/" + target, headers, json);
}

}  // namespace carestream::test
