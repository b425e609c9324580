#include "tests/component/store/resource_fixture.h"

#include <atomic>
#include <iostream>

#include "base/assert.h"
#include "crypto/keys.h"
#include "store/internal/partitions.h"

namespace carestream::test {

std::shared_ptr<const fhir::Definitions> Definitions() {
    static const auto definitions = [] {
        auto loaded = fhir::Definitions::Load(CARESTREAM_SOURCE_DIR "/schemas/fhir/r4");
        CARESTREAM_ASSERT(loaded.has_value());
        return *loaded;
    }();
    return definitions;
}

std::shared_ptr<const search::Indexer> SharedIndexer() {
    static const auto indexer = [] {
        auto made = search::Indexer::Create(Definitions());
        CARESTREAM_ASSERT(made.has_value());
        return *made;
    }();
    return indexer;
}

fhir::Node Json(const std::string& text) {
    auto node = fhir::ParseJson(text);
    EXPECT_TRUE(node.has_value()) << text;
    return node ? *node : fhir::Node();
}

void ResourceTest::SetUp() {
    auto connection = Connect();
    store::Partitions partitions;
    ASSERT_TRUE(partitions.Ensure(connection, kDay0).has_value());
}

void ResourceTest::TearDown() {
    writer_.reset();
    reader_.reset();
}

store::ResourceParts ResourceTest::Parts() {
    store::pg::ConnectOptions connect;
    connect.url = url();
    store::StoreEvents events;
    events.log = [](const std::string&, const std::string& id, const std::string& text) {
        std::cerr << id << ": " << text << "\n";
    };
    store::ResourceParts parts{connect, keys(), Definitions(), SharedIndexer(), clock_, events, {}};
    parts.links = links_;
    return parts;
}

store::Writer& ResourceTest::writer() {
    if (writer_ == nullptr) {
        auto made = store::MakeWriter(Parts(), {});
        if (!made) ADD_FAILURE() << made.error().ToString();
        writer_ = std::move(made).value();
    }
    return *writer_;
}

store::Reader& ResourceTest::reader() {
    if (reader_ == nullptr) {
        auto made = store::MakeReader(Parts(), {});
        if (!made) ADD_FAILURE() << made.error().ToString();
        reader_ = std::move(made).value();
    }
    return *reader_;
}

std::string ResourceTest::IdOf(const std::string& type, const std::string& value) {
    return crypto::IdKey::Public().ProvisionalId("1", type, "urn:test:mrn", value);
}

fhir::Change ResourceTest::Change(const std::string& type, const std::string& value,
                                  const std::string& json, fhir::ChangeMode mode) const {
    fhir::Change change;
    change.type = type;
    change.provisional_id = IdOf(type, value);
    change.keys = {{"urn:test:mrn", value}};
    change.mode = mode;
    change.resource = Json(json);
    change.resource.Set("resourceType", fhir::Node::String(type));
    change.resource.Set("id", fhir::Node::String(change.provisional_id));
    return change;
}

store::FeedWrite ResourceTest::Message(std::vector<fhir::Change> changes) {
    store::FeedWrite write;
    write.seq = next_seq_++;
    write.received = kDay0 + write.seq * 1'000'000;
    write.event = "ADT^A08";
    write.changes.changes = std::move(changes);
    write.changes.source = "test|A|B";
    return write;
}

std::future<Result<store::FeedResult>> ResourceTest::Submit(store::FeedWrite write) {
    auto promise = std::make_shared<std::promise<Result<store::FeedResult>>>();
    writer().SubmitFeed(std::move(write), [promise](Result<store::FeedResult> result) {
        promise->set_value(std::move(result));
    });
    return promise->get_future();
}

Result<store::FeedResult> ResourceTest::Feed(store::FeedWrite write) {
    return Submit(std::move(write)).get();
}

Result<store::RestResult> ResourceTest::Rest(store::RestWrite write) {
    std::promise<Result<store::RestResult>> promise;
    writer().SubmitRest(std::move(write), [&promise](Result<store::RestResult> result) {
        promise.set_value(std::move(result));
    });
    return promise.get_future().get();
}

Result<store::RestResult> ResourceTest::Create(const std::string& json) {
    store::RestWrite write;
    write.resource = Json(json);
    write.type = write.resource.TextOf("resourceType");
    return Rest(std::move(write));
}

Result<store::RestResult> ResourceTest::Update(const std::string& json) {
    store::RestWrite write;
    write.method = store::RestMethod::kUpdate;
    write.resource = Json(json);
    write.type = write.resource.TextOf("resourceType");
    write.id = write.resource.TextOf("id");
    return Rest(std::move(write));
}

Result<store::StoredVersion> ResourceTest::Read(const std::string& type, const std::string& id) {
    std::promise<Result<store::StoredVersion>> promise;
    reader().Read(1, type, id, [&promise](Result<store::StoredVersion> result) {
        promise.set_value(std::move(result));
    });
    return promise.get_future().get();
}

}  // namespace carestream::test
