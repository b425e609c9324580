#pragma once
// Everything between a socket and the store, real: MLLP listener, channel runtime, shipped
// mappings, PostgreSQL. A test writes channels as YAML and sends HL7 over TCP.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "adapters/mllp/client.h"
#include "adapters/mllp/source.h"
#include "base/text.h"
#include "channel/supervisor.h"
#include "store/store.h"
#include "tests/support/store_fixture.h"

namespace carestream::test {

class FeedTest : public StoreTest {
protected:
    FeedTest() : channels_(state_folder() / "channels") {
        std::filesystem::create_directories(channels_);
        WriteChannel("feed", "");
    }
    ~FeedTest() override { Stop(); }

    // A channel on its own port; `more` is further YAML.
    void WriteChannel(const std::string& name, const std::string& more,
                      const std::string& port = "0") {
        std::ofstream(channels_ / (name + ".yaml"))
            << "channel: " << name << "\nsource: {mllp: {listen: \"127.0.0.1:" << port
            << "\"}}\ntime_zone: America/New_York\nassigning_authority: MAIN\n"
               "authority_for: [Patient, Encounter]\nmapping: {messages: [ADT, ORU, SIU]}\n"
            << more;
    }

    void Start() { Start(Options()); }
    void Start(const store::StoreOptions& options) {
        const std::filesystem::path root = CARESTREAM_SOURCE_DIR;
        definitions_ = *fhir::Definitions::Load(root / "schemas/fhir/r4");
        dictionary_ = *hl7::Dictionary::Load(root / "schemas/hl7");
        auto store = store::Store::Open(options, definitions_,
                                        *search::Indexer::Create(definitions_), clock_, {});
        ASSERT_TRUE(store) << store.error().ToString();
        store_ = std::move(*store);
        supervisor_ = std::make_unique<channel::Supervisor>(
            channel::SupervisorParts{store_->journal(),
                                     store_->writer(),
                                     executor_,
                                     clock_,
                                     log_,
                                     metrics_,
                                     {adapters::mllp::SourceType()},
                                     {}});
        const auto errors = Reload();
        ASSERT_TRUE(errors.empty()) << errors[0];
    }
    // The errors, [] = in force. `changes_` says what changed.
    std::vector<std::string> Reload() {
        const std::filesystem::path root = CARESTREAM_SOURCE_DIR;
        const channel::GenerationInputs inputs{
            channels_,
            root / "mappings",
            definitions_,
            dictionary_,
            {adapters::mllp::SourceType()},
            {{"main", 1}},
            config::References::OfProcess(),
            [this](const std::string& tenant) { return store_->keys().id_key(tenant); },
            journal_keep_};
        channel::Loaded loaded = channel::LoadGeneration(inputs, ++number_);
        std::vector<std::string> errors;
        for (const Error& error : loaded.errors) errors.push_back(error.ToString());
        if (!errors.empty()) return errors;
        auto applied = supervisor_->Apply(loaded.generation);
        if (!applied) return {applied.error().ToString()};
        changes_ = std::move(*applied);
        return {};
    }
    void Stop() {
        if (supervisor_ != nullptr) supervisor_->Stop();
        store_.reset();
        supervisor_.reset();
    }

    net::Address AddressOf(const std::string& channel) const {
        for (const auto& status : supervisor_->Channels()) {
            if (status.name == channel) {
                return *net::ParseAddress(status.source.substr(status.source.find(' ') + 1));
            }
        }
        return {};
    }
    // ACKs in the order of their coming.
    std::vector<std::string> Send(const std::vector<std::string>& messages,
                                  adapters::mllp::SendOptions options = {},
                                  const std::string& channel = "feed") {
        std::vector<std::string> acks;
        options.to = AddressOf(channel);
        options.on_ack = [&acks](std::size_t, const std::string& ack) { acks.push_back(ack); };
        auto report = adapters::mllp::SendMessages(messages, options);
        EXPECT_TRUE(report) << report.error().ToString();
        if (report) report_ = *report;
        return acks;
    }
    static std::string Adt(const std::string& event, const std::string& control_id,
                           const std::string& mrn, const std::string& street,
                           const std::string& processing = "P") {
        return "MSH|^~\\&|EHR|MAIN|CS|MAIN|20260302081530+0000||ADT^" + event + "^ADT_A01|" +
               control_id + "|" + processing + "|2.5.1\rEVN|" + event +
               "|20260302081530+0000\rPID|1||" + mrn + "^^^MAIN^MR||Probe^Ada||19700101|F|||" +
               street + "^^Town^NH^03801^USA^H\rPV1|1|I|W^1^1^MAIN||||||||||||||||V" + mrn +
               "^^^MAIN^VN\r";
    }
    static std::string CodeOf(const std::string& ack) {
        const auto at = ack.find("\rMSA|");
        return at == std::string::npos ? "" : ack.substr(at + 5, 2);
    }
    // Messages of the journal by what became of them.
    std::string Outcomes(int status) const {
        return Scalar("select count(*) from outcome where status = " + std::to_string(status));
    }
    bool AllProcessed(int timeout_ms = 20'000) const {
        return Eventually(
            [this] {
                return Scalar(
                           "select count(*) from journal j where not exists (select 1 from outcome "
                           "o "
                           "where o.seq = j.seq and o.received = j.received)") == "0";
            },
            timeout_ms);
    }
    std::string Resources(const std::string& type) const {
        return Scalar("select count(*) from resource where type = " +
                      std::to_string(definitions_->ResourceTypeNumber(type)));
    }

    std::filesystem::path channels_;
    SystemClock clock_;
    telemetry::Log log_{telemetry::Level::kError, [](std::string_view) {}};
    telemetry::Metrics metrics_;
    net::Executor executor_{2};
    std::shared_ptr<const fhir::Definitions> definitions_;
    std::shared_ptr<const hl7::Dictionary> dictionary_;
    std::unique_ptr<channel::Supervisor> supervisor_;
    std::unique_ptr<store::Store> store_;
    std::int64_t number_ = 0;
    Micros journal_keep_ = 0;
    std::vector<std::string> changes_;
    adapters::mllp::SendReport report_;
};

}  // namespace carestream::test
