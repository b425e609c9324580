// The resource store alone: change sets in, reads and searches out; encrypted, durable, real
// indexes. Writer, readers, server and the load share the machine.
//   bench_store [--messages N] [--patients N] [--updates 0.7] [--oru] [--preload MESSAGES]
//               [--in-flight N] [--clients N] [--read-seconds S] [--state DIR] [--keep]
// A message is an ADT (Patient, Encounter, Provenance) or, with --oru, a report with 10
// Observations.
// --preload first stores that many ORU messages, about 12 resources each.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/keys.h"
#include "fhir/json.h"
#include "search/query.h"
#include "store/internal/embedded.h"
#include "store/internal/migrate.h"
#include "store/internal/partitions.h"
#include "store/internal/reader_impl.h"
#include "store/internal/writer_impl.h"
#include "tests/bench/must.h"
#include "tests/bench/process_time.h"

namespace {

using namespace carestream;
using namespace carestream::store;
using bench::Must;
using SteadyClock = std::chrono::steady_clock;

struct Flags {
    std::size_t messages = 20'000;
    std::size_t patients = 20'000;
    double updates = 0.7;
    bool oru = false;
    std::size_t preload = 0;
    std::size_t in_flight = 512;
    std::size_t clients = 16;
    double read_seconds = 4;
    std::string state = "/tmp/carestream-bench-store";
    bool keep = false;
};

std::string Text(std::size_t number) {
    return std::to_string(number);
}

// Two digits of a changing value.
std::string Two(std::size_t number, std::size_t modulus, std::size_t from) {
    const std::string text = Text(from + number % modulus);
    return text.size() == 1 ? "0" + text : text;
}

const char* kFamilies[] = {"Roe",   "Miller", "Garcia", "Nguyen", "Okafor", "Svensson",
                           "Patel", "Kim",    "Rossi",  "Novak",  "Haddad", "Silva"};
const char* kGiven[] = {"Jane", "Ann",   "Luis", "Minh",  "Ada",
                        "Lars", "Priya", "Ji",   "Marco", "Eva"};

class Messages {
public:
    explicit Messages(const crypto::IdKey& ids) : ids_(ids) {}

    FeedWrite Adt(std::size_t patient, std::size_t visit, std::size_t variant) {
        FeedWrite write = Start("ADT^A08");
        write.changes.changes.push_back(Patient(patient, variant, false));
        write.changes.changes.push_back(Encounter(patient, visit, variant));
        fhir::Change provenance = Make(
            "Provenance", "m" + Text(static_cast<std::size_t>(write.seq)),
            R"({"target":[{"reference":")" + Reference("Patient", "p" + Text(patient)) +
                R"("},{"reference":")" + Reference("Encounter", "v" + Text(visit)) +
                R"("}],"recorded":"2026-05-28T10:00:00Z","agent":[{"who":{"display":"EPIC MAIN"}}],)"
                R"("entity":[{"role":"source","what":{"identifier":{"value":"MSG)" +
                Text(static_cast<std::size_t>(write.seq)) + R"("}}}]})");
        provenance.only_with_others = true;
        write.changes.changes.push_back(std::move(provenance));
        return write;
    }

    FeedWrite Oru(std::size_t patient, std::size_t visit, std::size_t report) {
        FeedWrite write = Start("ORU^R01");
        write.changes.changes.push_back(Patient(patient, 0, true));
        const std::string subject = Reference("Patient", "p" + Text(patient));
        std::string results;
        for (std::size_t i = 0; i < 10; ++i) {
            const std::string key = "o" + Text(report) + "-" + Text(i);
            results +=
                (i ? "," : "") + (R"({"reference":")" + Reference("Observation", key)) + "\"}";
            write.changes.changes.push_back(Observation(key, subject, visit, report, i));
        }
        write.changes.changes.push_back(Make(
            "DiagnosticReport", "r" + Text(report),
            R"({"identifier":[{"system":"urn:bench:filler","value":"F)" + Text(report) +
                R"("}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"CH"}]}],)"
                R"("code":{"coding":[{"system":"http://loinc.org","code":"24323-8","display":"Comprehensive metabolic panel"}]},)"
                R"("subject":{"reference":")" +
                subject + R"("},"encounter":{"reference":")" +
                Reference("Encounter", "v" + Text(visit)) + R"("},"effectiveDateTime":")" +
                Date(report) + R"(","result":[)" + results + "]}"));
        return write;
    }

    std::string Id(const std::string& type, const std::string& key) const {
        return ids_.ProvisionalId("1", type, "urn:bench", key);
    }

private:
    FeedWrite Start(const std::string& event) {
        FeedWrite write;
        write.seq = ++seq_;
        write.received = clock_.Now();
        write.event = event;
        write.find_keys = {{"patient", Text(static_cast<std::size_t>(write.seq % 5000))}};
        write.loss_report = R"({"leaves":80,"mapped":["PID-3.1","PID-5.1"],"unmapped":[]})";
        write.map_name = "ADT_A01";
        write.map_version = "1";
        write.changes.source = "adt|EPIC|MAIN";
        return write;
    }
    static std::string Date(std::size_t n) {
        return "20" + Two(n / 336, 6, 20) + "-" + Two(n, 12, 1) + "-" + Two(n / 12, 28, 1) + "T" +
               Two(n * 7, 24, 0) + ":" + Two(n * 13, 60, 0) + ":00Z";
    }
    std::string Reference(const std::string& type, const std::string& key) const {
        return type + "/" + Id(type, key);
    }
    fhir::Change Make(const std::string& type, const std::string& key, const std::string& json,
                      fhir::ChangeMode mode = fhir::ChangeMode::kUpsert) const {
        fhir::Change change;
        change.type = type;
        change.provisional_id = Id(type, key);
        change.keys = {{"urn:bench", key}};
        change.mode = mode;
        fhir::Node body = Must(fhir::ParseJson(json));
        change.resource = fhir::Node::Object();
        change.resource.Set("resourceType", fhir::Node::String(type));
        change.resource.Set("id", fhir::Node::String(change.provisional_id));
        for (fhir::Member& member : body.members()) {
            change.resource.Set(member.name, std::move(member.value));
        }
        return change;
    }
    fhir::Change Patient(std::size_t n, std::size_t variant, bool find) const {
        const std::string family = kFamilies[n % 12] + Text(n / 12 % 997);
        return Make(
            "Patient", "p" + Text(n),
            R"({"identifier":[{"use":"usual","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:oid:1.2.36.146.595.217.0.1","value":")" +
                Text(1'000'000 + n) + R"("}],"active":true,"name":[{"use":"official","family":")" +
                family + R"(","given":[")" + kGiven[n % 10] +
                R"(","Q"]}],"telecom":[{"system":"phone","use":"home","value":"+1-555-)" +
                Text(1000 + n % 9000) + "-" + Text(1000 + (n + variant) % 9000) +
                R"("}],"gender":"female","birthDate":"19)" + Two(n, 80, 20) + "-" + Two(n, 12, 1) +
                "-" + Two(n, 28, 1) + R"(","address":[{"use":"home","line":[")" +
                Text(1 + (n * 31 + variant) % 900) +
                R"( Main Street"],"city":"Springfield","state":"IL","postalCode":"62)" +
                Text(100 + n % 900) +
                R"(","country":"USA"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]},)"
                R"("contact":[{"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"}]}],"name":{"family":")" +
                family +
                R"(","given":["John"]},"telecom":[{"system":"phone","value":"+1-555-0100"}]}],"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en"}]}}]})",
            find ? fhir::ChangeMode::kFindOrCreate : fhir::ChangeMode::kUpsert);
    }
    fhir::Change Encounter(std::size_t patient, std::size_t visit, std::size_t variant) const {
        return Make(
            "Encounter", "v" + Text(visit),
            R"({"identifier":[{"system":"urn:bench:visit","value":"V)" + Text(visit) +
                R"("}],"status":"in-progress","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"IMP"},)"
                R"("type":[{"coding":[{"system":"http://snomed.info/sct","code":"183452005"}]}],"subject":{"reference":")" +
                Reference("Patient", "p" + Text(patient)) +
                R"("},"participant":[{"type":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"ATND"}]}],"individual":{"display":"Dr. Adams"}}],)"
                R"("period":{"start":")" +
                Date(visit) + R"("},"location":[{"location":{"display":"Ward )" +
                Text((visit + variant) % 40) + R"( Bed )" + Text(variant % 30) +
                R"("},"status":"active"}],"serviceProvider":{"display":"Main Hospital"}})");
    }
    fhir::Change Observation(const std::string& key, const std::string& subject, std::size_t visit,
                             std::size_t report, std::size_t i) const {
        static const char* const kCodes[] = {"2345-7", "3094-0", "2160-0",  "2951-2", "2823-3",
                                             "2075-0", "2028-9", "17861-6", "2885-2", "1751-7"};
        return Make(
            "Observation", key,
            R"({"identifier":[{"system":"urn:bench:obx","value":")" + key +
                R"("}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],)"
                R"("code":{"coding":[{"system":"http://loinc.org","code":")" +
                kCodes[i] +
                R"(","display":"Analyte in Serum or Plasma"}]},"subject":{"reference":")" +
                subject + R"("},"encounter":{"reference":")" +
                Reference("Encounter", "v" + Text(visit)) + R"("},"effectiveDateTime":")" +
                Date(report) + R"(","issued":")" + Date(report) + R"(","valueQuantity":{"value":)" +
                Text(50 + (report * 7 + i) % 90) + "." + Text(i) +
                R"(,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N"}]}],)"
                R"("referenceRange":[{"low":{"value":70,"unit":"mg/dL"},"high":{"value":99,"unit":"mg/dL"},"text":"70-99"}]})");
    }

    crypto::IdKey ids_;
    SystemClock clock_;
    std::int64_t seq_ = 0;
};

// Keeps `limit` requests under way.
class Window {
public:
    explicit Window(std::size_t limit) : limit_(limit) {}
    void Enter() {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return open_ < limit_; });
        ++open_;
    }
    void Leave() {
        const std::lock_guard lock(mutex_);
        --open_;
        wake_.notify_one();
    }
    void Drain() {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return open_ == 0; });
    }

private:
    const std::size_t limit_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::size_t open_ = 0;
};

class Bench {
public:
    Bench(const Flags& flags, const EmbeddedServer& server, const ResourceParts& parts)
        : flags_(flags),
          server_(server),
          parts_(parts),
          messages_(crypto::IdKey::Public()),
          writer_(Must(MakeWriter(parts, {128, 4096, 10'000}))),
          admin_(Must(pg::Connection::Connect(parts.connect))) {}

    void Preload() {
        if (flags_.preload == 0) return;
        Ingest("preload ORU", flags_.preload, [&](std::size_t) { return NextOru(); });
        Must(admin_.Execute("vacuum analyze"));
    }

    void Write() {
        std::size_t fresh = flags_.oru ? 0 : next_visit_;
        Ingest(flags_.oru ? "ORU, 10 OBX" : "ADT", flags_.messages, [&](std::size_t i) {
            if (flags_.oru) return NextOru();
            const bool update =
                fresh > 1000 && static_cast<double>(random_() % 1000) < flags_.updates * 1000;
            const std::size_t visit = update ? random_() % fresh : fresh++;
            // An update of a visit is of its patient, too.
            return messages_.Adt(visit % flags_.patients, visit, i);
        });
        Must(admin_.Execute("analyze"));
    }

    void Read() {
        reader_ = Must(MakeReader(parts_, {3, 4096, 30'000}));
        const std::size_t reports = std::max<std::size_t>(next_report_, 1);
        const std::size_t known =
            std::min(flags_.patients, std::max<std::size_t>(reports, next_visit_));
        Closed("read by id", [&](auto done) {
            const std::string id =
                next_report_ > 0
                    ? messages_.Id("Observation", "o" + Text(random_() % reports) + "-3")
                    : messages_.Id("Patient", "p" + Text(random_() % 1000));
            reader_->Read(1, next_report_ > 0 ? "Observation" : "Patient", id,
                          [done](Result<StoredVersion> read) { done(read.has_value()); });
        });
        const auto patient = [&] {
            return "Patient/" + messages_.Id("Patient", "p" + Text(random_() % known));
        };
        Ask("patient + type, newest 20", "Observation", [&] {
            return Pairs{{"patient", patient()}, {"_sort", "-date"}};
        });
        Ask("patient + date range, 20", "Observation", [&] {
            return Pairs{{"patient", patient()}, {"date", "ge2022"}, {"_sort", "-date"}};
        });
        Ask("patient + code, 20", "Observation", [&] {
            return Pairs{
                {"patient", patient()}, {"code", "http://loinc.org|2345-7"}, {"_sort", "-date"}};
        });
        Ask("MRN", "Patient", [&] {
            return Pairs{{"identifier",
                          "urn:oid:1.2.36.146.595.217.0.1|" + Text(1'000'000 + random_() % known)}};
        });
        Ask("family prefix, 20", "Patient", [&] {
            return Pairs{{"family", kFamilies[random_() % 12] + Text(random_() % 997)}};
        });
        Ask("one day by date, 20", "Observation", [&] {
            return Pairs{{"date", "2022-0" + Text(1 + random_() % 9) + "-1" + Text(random_() % 9)}};
        });
        Ask("common code by date, 20", "Observation", [&] {
            return Pairs{{"code", "2345-7"}, {"_sort", "-date"}};
        });
        Ask("patient + include, 20", "Observation", [&] {
            return Pairs{{"patient", patient()}, {"_include", "Observation:subject"}};
        });
    }

    void Sizes() {
        const auto count = [&](const std::string& sql) {
            return Must(admin_.Query(sql)).Int8(0, 0);
        };
        const auto resources = static_cast<double>(count("select count(*) from resource"));
        std::printf(
            "sizes: %.0f resources; per resource: tokens %.1f, dates %.1f, numbers %.1f rows\n",
            resources, static_cast<double>(count("select count(*) from index_token")) / resources,
            static_cast<double>(count("select count(*) from index_date")) / resources,
            static_cast<double>(count("select count(*) from index_number")) / resources);
        double all = 0;
        for (const char* table : {"resource", "version", "index_token", "index_date",
                                  "index_number", "identity", "event"}) {
            const auto bytes = static_cast<double>(
                count("select pg_total_relation_size('" + std::string(table) + "')"));
            all += bytes;
            std::printf("  %-13s %7.0f bytes per resource\n", table, bytes / resources);
        }
        std::printf("  together      %7.0f bytes per resource\n", all / resources);
    }

private:
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    FeedWrite NextOru() {
        const std::size_t report = next_report_++;
        const std::size_t patient = report % flags_.patients;
        next_visit_ = std::max(next_visit_, report + 1);
        return messages_.Oru(patient, report, report);
    }

    std::int64_t Wal() {
        return Must(admin_.Query("select (pg_current_wal_lsn() - '0/0'::pg_lsn)::int8")).Int8(0, 0);
    }

    template <typename Next>
    void Ingest(const char* name, std::size_t messages, const Next& next) {
        Window window(flags_.in_flight);
        std::atomic<std::size_t> failed = 0;
        std::atomic<std::size_t> versions = 0;
        // Made before the clock starts, in chunks: the load's own work does not count.
        SteadyClock::duration took{};
        double own = 0, server = 0;
        const std::int64_t wal = Wal();
        for (std::size_t sent = 0; sent < messages;) {
            std::vector<FeedWrite> chunk;
            for (; sent < messages && chunk.size() < 4000; ++sent) chunk.push_back(next(sent));
            const bench::CpuTime before = bench::ReadCpuTime(server_.pid());
            const auto start = SteadyClock::now();
            for (FeedWrite& write : chunk) {
                window.Enter();
                writer_->SubmitFeed(std::move(write), [&](Result<FeedResult> result) {
                    if (!result || result->status != OutcomeStatus::kProcessed) ++failed;
                    if (result) versions += result->resources.size();
                    window.Leave();
                });
            }
            window.Drain();
            took += SteadyClock::now() - start;
            const bench::CpuTime after = bench::ReadCpuTime(server_.pid());
            own += after.own_us - before.own_us;
            server += after.server_us - before.server_us;
        }
        const auto total = static_cast<double>(messages);
        std::printf(
            "%s: %.0f msg/s; per message: %.2f versions, CPU client %.1f us, postgres %.1f us, WAL "
            "%.0f bytes; failed %zu\n",
            name, total / std::chrono::duration<double>(took).count(),
            static_cast<double>(versions.load()) / total, own / total, server / total,
            static_cast<double>(Wal() - wal) / total, failed.load());
        std::fflush(stdout);
    }

    void Ask(const char* name, const std::string& type, const std::function<Pairs()>& pairs) {
        std::atomic<std::size_t> rows = 0;
        Closed(name, [&](auto done) {
            SearchRequest request;
            request.query = Must(search::ParseQuery(*parts_.definitions, type, pairs()));
            reader_->Search(std::move(request), [&rows, done](Result<SearchPage> page) {
                if (page) rows += page->matches.size();
                done(page.has_value());
            });
        });
        std::printf("    rows %zu\n", rows.load());
    }

    // `clients` closed loops for read_seconds.
    void Closed(const char* name, const std::function<void(std::function<void(bool)>)>& ask) {
        Window window(flags_.clients);
        std::mutex mutex;
        std::vector<double> times;
        std::size_t failed = 0;
        const bench::CpuTime before = bench::ReadCpuTime(server_.pid());
        const auto start = SteadyClock::now();
        const auto end = start + std::chrono::duration<double>(flags_.read_seconds);
        while (SteadyClock::now() < end) {
            window.Enter();
            const auto sent = SteadyClock::now();
            ask([&, sent](bool good) {
                const std::chrono::duration<double, std::milli> took = SteadyClock::now() - sent;
                {
                    const std::lock_guard lock(mutex);
                    times.push_back(took.count());
                    if (!good) ++failed;
                }
                window.Leave();
            });
        }
        window.Drain();
        const std::chrono::duration<double> took = SteadyClock::now() - start;
        const bench::CpuTime after = bench::ReadCpuTime(server_.pid());
        std::sort(times.begin(), times.end());
        const auto total = static_cast<double>(times.size());
        std::printf(
            "%-26s %8.0f/s, p50 %.2f ms, p99 %.2f ms, CPU client %.1f us, postgres %.1f us, failed "
            "%zu\n",
            name, total / took.count(), times[times.size() / 2], times[times.size() * 99 / 100],
            (after.own_us - before.own_us) / total, (after.server_us - before.server_us) / total,
            failed);
        std::fflush(stdout);
    }

    const Flags flags_;
    const EmbeddedServer& server_;
    const ResourceParts& parts_;
    Messages messages_;
    std::unique_ptr<Writer> writer_;
    std::unique_ptr<Reader> reader_;
    pg::Connection admin_;
    std::mt19937_64 random_{7};
    std::size_t next_report_ = 0;
    std::size_t next_visit_ = 0;
};

Flags ReadFlags(int argc, char** argv) {
    Flags flags;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--oru") {
            flags.oru = true;
        } else if (name == "--keep") {
            flags.keep = true;
        } else if (i + 1 < argc) {
            const char* value = argv[++i];
            const auto number = static_cast<std::size_t>(std::strtoull(value, nullptr, 10));
            if (name == "--messages") flags.messages = number;
            if (name == "--patients") flags.patients = std::max<std::size_t>(1, number);
            if (name == "--updates") flags.updates = std::strtod(value, nullptr);
            if (name == "--preload") flags.preload = number;
            if (name == "--in-flight") flags.in_flight = number;
            if (name == "--clients") flags.clients = number;
            if (name == "--read-seconds") flags.read_seconds = std::strtod(value, nullptr);
            if (name == "--state") flags.state = value;
        }
    }
    return flags;
}

}  // namespace

int main(int argc, char** argv) {
    const Flags flags = ReadFlags(argc, argv);
    const std::filesystem::path root = CARESTREAM_SOURCE_DIR;
    std::filesystem::remove_all(flags.state);
    std::filesystem::create_directories(flags.state);
    std::filesystem::permissions(flags.state, std::filesystem::perms(0711));
    EmbeddedOptions embedded;
    embedded.state_folder = flags.state;
    embedded.stop_with_parent = true;
    {
        auto server = Must(EmbeddedServer::Start(embedded, {}));
        pg::ConnectOptions connect;
        connect.url = server->url();
        auto admin = Must(pg::Connection::Connect(connect));
        Must(Migrate(admin, root / "schemas" / "sql", {}));
        const SystemClock clock;
        Partitions partitions;
        Must(partitions.Ensure(admin, clock.Now()));
        const crypto::KeyRing keys =
            Must(crypto::KeyRing::Create(std::filesystem::path(flags.state) / "keys"));
        const auto definitions = Must(fhir::Definitions::Load(root / "schemas" / "fhir" / "r4"));
        const auto indexer = Must(search::Indexer::Create(definitions));
        StoreEvents events;
        events.log = [](const std::string&, const std::string& id, const std::string& text) {
            std::fprintf(stderr, "%s: %s\n", id.c_str(), text.c_str());
        };
        const ResourceParts parts{connect,
                                  keys,
                                  definitions,
                                  indexer,
                                  clock,
                                  events,
                                  root / "schemas" / "fhir" / "dictionaries"};
        Bench bench(flags, *server, parts);
        bench.Preload();
        if (flags.messages > 0) bench.Write();
        bench.Sizes();
        if (flags.read_seconds > 0) bench.Read();
    }
    if (!flags.keep) std::filesystem::remove_all(flags.state);
    return 0;
}
