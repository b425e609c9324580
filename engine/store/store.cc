#include "store/store.h"

#include <optional>
#include <utility>

#include "store/internal/access_audit_impl.h"
#include "store/internal/access_retention.h"
#include "store/internal/bookings_impl.h"
#include "store/internal/crowd.h"
#include "store/internal/embedded.h"
#include "store/internal/events_impl.h"
#include "store/internal/failures_impl.h"
#include "store/internal/journal_impl.h"
#include "store/internal/key_check.h"
#include "store/internal/lock.h"
#include "store/internal/login_link_impl.h"
#include "store/internal/messages_impl.h"
#include "store/internal/migrate.h"
#include "store/internal/outbound_impl.h"
#include "store/internal/pg.h"
#include "store/internal/reader_impl.h"
#include "store/internal/subscriptions_impl.h"
#include "store/internal/writer_impl.h"

namespace carestream::store {
namespace {

constexpr int kServerMajorMin = 150'000;
constexpr int kKeyWaitMs = 10'000;

class StoreImpl final : public Store {
public:
    StoreImpl() = default;
    ~StoreImpl() override {
        // What it finishes goes on to the reader, and the other way round.
        if (login_links_ != nullptr) login_links_->Stop();
        // Answers of the reader write, and answers of the writer read: first nothing is read any
        // more, then the writer ends while it may still ask.
        if (reader_ != nullptr) reader_->Stop();
    }
    StoreImpl(const StoreImpl&) = delete;
    StoreImpl& operator=(const StoreImpl&) = delete;

    Result<void> Open(const StoreOptions& options,
                      std::shared_ptr<const fhir::Definitions> definitions,
                      std::shared_ptr<const search::Indexer> indexer, const Clock& clock,
                      const StoreEvents& events, int lock_wait_ms);

    [[nodiscard]] Journal& journal() override { return *journal_; }
    [[nodiscard]] Writer& writer() override { return *writer_; }
    [[nodiscard]] Reader& reader() override { return *reader_; }
    [[nodiscard]] Messages& messages() override { return *messages_; }
    [[nodiscard]] std::unique_ptr<Events> MakeEvents() override {
        return store::MakeEvents(*parts_, codec_);
    }
    [[nodiscard]] std::unique_ptr<Subscriptions> MakeSubscriptions() override {
        return store::MakeSubscriptions(connect_, parts_->clock);
    }
    [[nodiscard]] AccessAudit& access_audit() override { return *access_audit_; }
    [[nodiscard]] std::unique_ptr<Outbound> MakeOutbound() override {
        return store::MakeOutbound(connect_, *keys_, parts_->clock);
    }
    [[nodiscard]] LoginLinks& login_links() override { return *login_links_; }
    [[nodiscard]] std::unique_ptr<Bookings> MakeBookings() override {
        return store::MakeBookings(connect_, *keys_);
    }
    [[nodiscard]] std::unique_ptr<Failures> MakeFailures() override {
        return store::MakeFailures(connect_);
    }
    [[nodiscard]] const crypto::KeyRing& keys() const override { return *keys_; }
    [[nodiscard]] std::string connection_url() const override { return connect_.url; }
    [[nodiscard]] bool Ready() const override {
        return journal_ != nullptr && journal_->Available();
    }

private:
    [[nodiscard]] Result<void> StartServer(const StoreOptions& options, const LogLine& log);
    [[nodiscard]] Result<void> Prepare(const StoreOptions& options, const LogLine& log);

    // In this order: the server stops last, and sessions end before their keys do.
    std::unique_ptr<EmbeddedServer> server_;
    pg::ConnectOptions connect_;
    Crowd crowd_;
    std::unique_ptr<crypto::KeyRing> keys_;
    std::optional<ResourceParts> parts_;
    std::shared_ptr<const BodyCodec> codec_;
    std::unique_ptr<Messages> messages_;
    std::unique_ptr<AccessRetention> access_retention_;
    std::unique_ptr<AccessAudit> access_audit_;  // what readers and writers finish is noted
    std::unique_ptr<LoginLinks> login_links_;    // asked from threads of the reader
    std::unique_ptr<Reader> reader_;
    std::unique_ptr<Writer> writer_;
    std::unique_ptr<Journal> journal_;
};

Result<void> StoreImpl::StartServer(const StoreOptions& options, const LogLine& log) {
    connect_.url = options.postgres;
    if (options.postgres != "embedded") return {};
    EmbeddedOptions embedded;
    embedded.state_folder = options.state_folder;
    embedded.shared_buffers_mb = options.shared_buffers_mb;
    CARESTREAM_ASSIGN(server, EmbeddedServer::Start(embedded, log));
    server_ = std::move(server);
    connect_.url = server_->url();
    return {};
}

Result<void> StoreImpl::Prepare(const StoreOptions& options, const LogLine& log) {
    CARESTREAM_ASSIGN(connection, pg::Connection::Connect(connect_));
    if (connection.server_version() < kServerMajorMin) {
        return Fail(Code::kUnsupported, "needs PostgreSQL 15 or newer; this is version " +
                                            std::to_string(connection.server_version() / 10'000));
    }
    CARESTREAM_TRY(Migrate(connection, options.schemas_sql, log));
    // Two daemons that start on an empty store must not both make keys.
    CARESTREAM_TRY(AcquireLock(connection, LockRole::kMigrate, kKeyWaitMs));
    CARESTREAM_ASSIGN(ring, OpenKeys(connection, options.state_folder / "keys"));
    keys_ = std::make_unique<crypto::KeyRing>(std::move(ring));
    return {};
}

Result<void> StoreImpl::Open(const StoreOptions& options,
                             std::shared_ptr<const fhir::Definitions> definitions,
                             std::shared_ptr<const search::Indexer> indexer, const Clock& clock,
                             const StoreEvents& events, int lock_wait_ms) {
    std::error_code error;
    std::filesystem::create_directories(options.state_folder, error);
    if (error) {
        return Fail(Code::kInvalid, "cannot make the state folder: " + error.message(),
                    options.state_folder.string());
    }
    CARESTREAM_TRY(StartServer(options, events.log));
    CARESTREAM_TRY(Prepare(options, events.log));
    messages_ = MakeMessages(connect_, *keys_, definitions, clock);

    // The journal's lock comes first: a standby waits there and has touched nothing.
    JournalParts journal{.connect = connect_,
                         .keys = *keys_,
                         .clock = clock,
                         .log = events.log,
                         .committed = events.journal_commit,
                         .disk_folder = options.state_folder,
                         .disk_free_min_bytes = options.disk_free_min_bytes,
                         .queue_bytes_max = options.journal_queue_bytes_max,
                         .lock_wait_ms = lock_wait_ms,
                         .journal_keep = options.journal_keep,
                         .crowd = &crowd_};
    CARESTREAM_ASSIGN(made_journal, MakeJournal(std::move(journal)));
    journal_ = std::move(made_journal);

    parts_.emplace(ResourceParts{connect_, *keys_, std::move(definitions), std::move(indexer),
                                 clock, events,
                                 options.schemas_sql.parent_path() / "fhir" / "dictionaries",
                                 options.label, options.label_elements,
                                 std::make_shared<PatientLinks>()});
    CARESTREAM_ASSIGN(codec, BodyCodec::Create(*keys_, parts_->dictionaries));
    codec_ = std::move(codec);
    access_audit_ = MakeAccessAudit({.connect = connect_,
                                     .keys = *keys_,
                                     .log = events.log,
                                     .queue_bytes_max = options.access_audit_queue_bytes_max});
    access_retention_ = std::make_unique<AccessRetention>(
        AccessRetentionOptions{.connect = connect_, .keep = options.access_keep, .log = events.log},
        clock);
    login_links_ = MakeLoginLinks(connect_, *keys_, clock);
    WriterOptions writer;
    writer.feed_batch_max = options.feed_batch_max;
    writer.queue_max = options.queue_max;
    writer.lock_wait_ms = lock_wait_ms;
    writer.own_server = server_ != nullptr;
    writer.crowd = &crowd_;
    CARESTREAM_ASSIGN(made_writer, MakeWriter(*parts_, writer));
    writer_ = std::move(made_writer);
    ReaderOptions reader;
    reader.threads = options.reader_threads;
    CARESTREAM_ASSIGN(made_reader, MakeReader(*parts_, reader));
    reader_ = std::move(made_reader);
    return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(const StoreOptions& options,
                                           std::shared_ptr<const fhir::Definitions> definitions,
                                           std::shared_ptr<const search::Indexer> indexer,
                                           const Clock& clock, StoreEvents events,
                                           int lock_wait_ms) {
    auto store = std::make_unique<StoreImpl>();
    CARESTREAM_TRY(store->Open(options, std::move(definitions), std::move(indexer), clock, events,
                               lock_wait_ms));
    return store;
}

}  // namespace carestream::store
