#include "rest/internal/bundle.h"

#include "fhir/json.h"

namespace carestream::rest {
namespace {

// Below this a copy is cheaper than one more buffer to send.
constexpr std::size_t kSpliceBytesMin = 1024;

}  // namespace

BundleWriter::BundleWriter(std::string_view type, std::int64_t total, std::string base)
    : base_(std::move(base)) {
    glue_ = R"({"resourceType":"Bundle","type":")";
    glue_ += type;
    glue_ += '"';
    if (total >= 0) glue_ += ",\"total\":" + std::to_string(total);
}

void BundleWriter::Link(std::string_view relation, std::string_view url) {
    glue_ += has_links_ ? R"(,{"relation":")" : R"(,"link":[{"relation":")";
    has_links_ = true;
    glue_ += relation;
    glue_ += R"(","url":)";
    fhir::WriteJsonString(url, glue_);
    glue_ += '}';
}

void BundleWriter::BeginEntry() {
    if (has_links_ && !has_entries_) glue_ += ']';
    glue_ += has_entries_ ? ",{" : R"(,"entry":[{)";
    has_entries_ = true;
}

void BundleWriter::FullUrl(const store::StoredVersion& version) {
    glue_ += R"("fullUrl":)";
    fhir::WriteJsonString(base_ + "/" + version.type + "/" + version.id, glue_);
}

void BundleWriter::Splice(std::string body) {
    glue_ += R"(,"resource":)";
    if (body.size() < kSpliceBytesMin) {
        glue_ += body;
        return;
    }
    pieces_.push_back(std::move(glue_));
    pieces_.push_back(std::move(body));
    glue_ = {};
}

void BundleWriter::SearchEntry(store::StoredVersion version, std::string_view mode) {
    BeginEntry();
    FullUrl(version);
    Splice(std::move(version.body));
    glue_ += R"(,"search":{"mode":")";
    glue_ += mode;
    glue_ += "\"}}";
}

void BundleWriter::OutcomeEntry(std::string_view outcome_json) {
    BeginEntry();
    glue_ += R"("resource":)";
    glue_ += outcome_json;
    glue_ += R"(,"search":{"mode":"outcome"}})";
}

void BundleWriter::HistoryEntry(store::StoredVersion version) {
    BeginEntry();
    FullUrl(version);
    const bool created = version.version == 1;
    const std::string url = version.type + "/" + version.id;
    const std::string_view method = version.deleted ? "DELETE" : "PUT";
    if (!version.deleted) Splice(std::move(version.body));
    // A first version may have come from a feed or as an update: PUT by id tells the truth of all.
    glue_ += R"(,"request":{"method":")";
    glue_ += method;
    glue_ += R"(","url":")" + url + R"("},"response":{"status":")";
    glue_ += version.deleted ? "204" : (created ? "201" : "200");
    glue_ += R"(","etag":"W/\")" + std::to_string(version.version) + R"(\"","lastModified":")";
    glue_ += FormatInstant(version.last_updated);
    glue_ += "\"}}";
}

std::vector<std::string> BundleWriter::Finish() {
    if (has_entries_ || has_links_) glue_ += ']';
    glue_ += '}';
    pieces_.push_back(std::move(glue_));
    return std::move(pieces_);
}

}  // namespace carestream::rest
