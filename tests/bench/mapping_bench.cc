// How long a message takes from bytes to what is stored: compile of the content, map of the
// samples, and the spread over the corpus, each part shown. One core. CARESTREAM_SOAK=10000000 maps
// that many messages of the corpus instead and shows the memory.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "crypto/keys.h"
#include "fhir/json.h"
#include "hl7/batch.h"
#include "hl7/message.h"
#include "mapping/program.h"
#include "search/index.h"
#include "store/internal/body_codec.h"
#include "store/internal/index_rows.h"

namespace {

using namespace carestream;
namespace fs = std::filesystem;

const fs::path kRoot = CARESTREAM_SOURCE_DIR;

std::string ReadFile(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

struct Parts {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::shared_ptr<const hl7::Dictionary> dictionary;
    std::shared_ptr<const mapping::Program> program;
};

const Parts& Loaded() {
    static const Parts parts = [] {
        Parts loaded;
        loaded.definitions = fhir::Definitions::Load(kRoot / "schemas/fhir/r4").value();
        loaded.dictionary = hl7::Dictionary::Load(kRoot / "schemas/hl7").value();
        auto compiled =
            mapping::Program::Compile(kRoot / "mappings", loaded.definitions, loaded.dictionary);
        for (const Error& error : compiled.errors) std::puts(error.ToString().c_str());
        loaded.program = compiled.program;
        return loaded;
    }();
    return parts;
}

mapping::MapContext Context() {
    mapping::MapContext context;
    context.channel = "bench";
    context.time_zone = "America/New_York";
    context.assigning_authority = "MAIN";
    context.authority_for = {"Patient", "Encounter"};
    return context;
}

void CompileContent(benchmark::State& state) {
    const Parts& parts = Loaded();
    for (auto _ : state) {
        auto compiled =
            mapping::Program::Compile(kRoot / "mappings", parts.definitions, parts.dictionary);
        benchmark::DoNotOptimize(compiled.program);
    }
}
BENCHMARK(CompileContent)->Unit(benchmark::kMillisecond);

void MapSample(benchmark::State& state, const char* file) {
    const std::string bytes = ReadFile(kRoot / "tests/samples" / file);
    const mapping::MapContext context = Context();
    const Parts& parts = Loaded();
    for (auto _ : state) {
        const auto message = hl7::Message::Parse(bytes);
        const auto mapped = parts.program->Map(*message, context);
        benchmark::DoNotOptimize(mapped.changes.changes.data());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK_CAPTURE(MapSample, adt_a01, "01-adt-a01-admit.hl7")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(MapSample, oru_r01, "03-oru-r01-lab.hl7")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(MapSample, siu_s12, "04-siu-s12-book.hl7")->Unit(benchmark::kMicrosecond);

void MapDocument(benchmark::State& state) {
    std::string bytes =
        "MSH|^~\\&|LAB|MAIN|CS|X|20260102||ORU^R01^ORU_R01|D1|P|2.5.1\r"
        "PID|1||7^^^MAIN^MR||Roe^Jane\rOBR|1|P1|F1|DOC^Report^L|||20260102\r"
        "OBX|1|ED|DOC^Report^L||^application^pdf^Base64^";
    bytes += std::string(static_cast<std::size_t>(state.range(0)), 'A');
    bytes += "||||||F\r";
    const mapping::MapContext context = Context();
    for (auto _ : state) {
        const auto message = hl7::Message::Parse(bytes);
        const auto mapped = Loaded().program->Map(*message, context);
        benchmark::DoNotOptimize(mapped.changes.changes.data());
    }
}
BENCHMARK(MapDocument)->Arg(1 << 20)->Arg(10 << 20)->Unit(benchmark::kMillisecond);

double Micros(std::chrono::steady_clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

// What the daemon needs beside a program to make of a change set what it stores.
class Sealer {
public:
    explicit Sealer(const fs::path& state)
        : keys_(crypto::KeyRing::Create(state / "keys").value()),
          indexer_(search::Indexer::Create(Loaded().definitions).value()),
          codec_(store::BodyCodec::Create(keys_, kRoot / "schemas/fhir/dictionaries").value()),
          tokens_(keys_.token_key("1")) {}

    std::size_t Index(const mapping::Mapped& mapped) const {
        std::size_t rows = 0;
        for (const fhir::Change& change : mapped.changes.changes) {
            const search::IndexEntries entries = indexer_->Extract(change.resource);
            rows += store::MakeIndexRows(tokens_, entries, 0).tokens.size();
        }
        return rows;
    }
    std::size_t Seal(const mapping::Mapped& mapped, const std::vector<std::string>& bodies) const {
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            const fhir::Change& change = mapped.changes.changes[i];
            bytes += codec_
                         ->SealBody({1, change.type, change.provisional_id, 1},
                                    1'780'000'000'000'000, bodies[i])
                         .size();
        }
        return bytes;
    }

private:
    crypto::KeyRing keys_;
    std::shared_ptr<const search::Indexer> indexer_;
    std::shared_ptr<const store::BodyCodec> codec_;
    crypto::TokenKey tokens_;
};

// `mapped` is parse + map + serialise.
constexpr const char* kParts[] = {"parse", "map", "index", "serialise", "encrypt", "mapped", "all"};
constexpr std::size_t kPartCount = std::size(kParts);
using Took = std::array<double, kPartCount>;

void Print(const char* name, std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    std::printf("%-10s median %8.1f us   p99 %8.1f us   max %8.1f us\n", name,
                values[values.size() / 2], values[values.size() * 99 / 100], values.back());
}

// Nothing for a message that is not mapped.
std::optional<Took> Once(const Sealer& sealer, std::string_view bytes) {
    using Clock = std::chrono::steady_clock;
    std::string copy(bytes);
    std::array<Clock::time_point, 6> at{};
    at[0] = Clock::now();
    const auto message = hl7::Message::Parse(std::move(copy));
    if (!message) return std::nullopt;
    at[1] = Clock::now();
    const mapping::Mapped mapped = Loaded().program->Map(*message, Context());
    at[2] = Clock::now();
    benchmark::DoNotOptimize(sealer.Index(mapped));
    at[3] = Clock::now();
    std::vector<std::string> bodies;
    for (const auto& change : mapped.changes.changes) {
        bodies.push_back(fhir::ToJson(change.resource));
    }
    at[4] = Clock::now();
    benchmark::DoNotOptimize(sealer.Seal(mapped, bodies));
    at[5] = Clock::now();
    if (mapped.status != mapping::MapStatus::kMapped) return std::nullopt;
    Took took{};
    for (std::size_t i = 0; i < 5; ++i) took[i] = Micros(at[i + 1] - at[i]);
    took[5] = took[0] + took[1] + took[3];
    took[6] = Micros(at[5] - at[0]);
    return took;
}

fs::path CorpusFolder() {
    const char* shared = std::getenv("CARESTREAM_SHARED");
    return (shared != nullptr ? fs::path(shared) : kRoot / "../shared") / "corpus/hl7v2";
}

// "VmRSS" or "VmHWM" of this process in KiB.
long Status(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(key)) return std::atol(line.c_str() + key.size() + 1);
    }
    return 0;
}

// What the map of one large document takes beside the message itself.
void DocumentMemory() {
    std::string bytes =
        "MSH|^~\\&|LAB|MAIN|CS|X|20260102||ORU^R01^ORU_R01|D1|P|2.5.1\r"
        "PID|1||7^^^MAIN^MR||Roe^Jane\rOBR|1|P1|F1|DOC^Report^L|||20260102\r"
        "OBX|1|ED|DOC^Report^L||^application^pdf^Base64^";
    bytes += std::string(10u << 20, 'A') + "||||||F\r";
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew
    const long before = Status("VmRSS:");
    const std::size_t size = bytes.size();
    const auto message = hl7::Message::Parse(std::move(bytes));
    const auto mapped = Loaded().program->Map(*message, Context());
    std::size_t written = 0;
    for (const auto& change : mapped.changes.changes)
        written += fhir::ToJson(change.resource).size();
    const double grown = static_cast<double>(Status("VmHWM:") - before) * 1024;
    std::printf(
        "document   %zu B in, %zu B out, peak memory beside the message %.1f times its size\n",
        size, written, grown / static_cast<double>(size));
}

// Memory while the corpus is mapped again and again.
void Soak(long messages) {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(CorpusFolder())) {
        if (entry.path().extension() != ".hl7") continue;
        const std::string file = ReadFile(entry.path());
        for (const std::string_view bytes : hl7::SplitMessages(file)) all.emplace_back(bytes);
    }
    for (long i = 0; i < messages; ++i) {
        const auto message = hl7::Message::Parse(all[static_cast<std::size_t>(i) % all.size()]);
        if (!message) continue;
        const auto mapped = Loaded().program->Map(*message, Context());
        for (const auto& change : mapped.changes.changes) {
            benchmark::DoNotOptimize(fhir::ToJson(change.resource));
        }
        if ((i + 1) % (messages / 10) == 0) {
            std::printf("soak       %9ld messages: %ld KiB\n", i + 1, Status("VmRSS:"));
            std::fflush(stdout);
        }
    }
}

// Every corpus message of a mapped event, the best of five runs each.
void Corpus() {
    const fs::path folder = CorpusFolder();
    if (!fs::exists(folder)) return;
    std::string state = "/tmp/carestream-bench-XXXXXX";
    if (mkdtemp(state.data()) == nullptr) return;
    std::array<std::vector<double>, kPartCount> all;
    {
        const Sealer sealer{fs::path(state)};
        for (const auto& entry : fs::directory_iterator(folder)) {
            if (entry.path().extension() != ".hl7") continue;
            const std::string file = ReadFile(entry.path());
            for (const std::string_view bytes : hl7::SplitMessages(file)) {
                Took best;
                best.fill(1e9);
                for (int run = 0; run < 5; ++run) {
                    const auto took = Once(sealer, bytes);
                    if (!took) break;
                    for (std::size_t i = 0; i < kPartCount; ++i)
                        best[i] = std::min(best[i], (*took)[i]);
                }
                if (best[0] >= 1e9) continue;
                for (std::size_t i = 0; i < kPartCount; ++i) all[i].push_back(best[i]);
            }
        }
    }
    fs::remove_all(state);
    if (all[0].empty()) return;
    std::printf("corpus: %zu messages of mapped events\n", all[0].size());
    for (std::size_t i = 0; i < kPartCount; ++i) Print(kParts[i], all[i]);
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (Loaded().program == nullptr) return 1;
    if (const char* soak = std::getenv("CARESTREAM_SOAK"); soak != nullptr) {
        Soak(std::max(10L, std::atol(soak)));
        return 0;
    }
    benchmark::RunSpecifiedBenchmarks();
    Corpus();
    DocumentMemory();
    return 0;
}
