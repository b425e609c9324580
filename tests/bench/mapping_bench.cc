// How long a message takes from bytes to resources: compile of the content, map of the samples, and
// the spread over the corpus, each part shown. One core.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "fhir/json.h"
#include "hl7/batch.h"
#include "hl7/message.h"
#include "mapping/program.h"

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

struct Times {
    std::vector<double> parse, map, write, all;
};

void Print(const char* name, std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    std::printf("%-10s median %8.1f us   p99 %8.1f us   max %8.1f us\n", name,
                values[values.size() / 2], values[values.size() * 99 / 100], values.back());
}

// Every corpus message of a mapped event, the best of five runs each.
void Corpus() {
    const char* shared = std::getenv("CARESTREAM_SHARED");
    const fs::path folder =
        (shared != nullptr ? fs::path(shared) : kRoot / "../shared") / "corpus/hl7v2";
    if (!fs::exists(folder)) return;
    const mapping::MapContext context = Context();
    Times times;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != ".hl7") continue;
        const std::string file = ReadFile(entry.path());
        for (const std::string_view bytes : hl7::SplitMessages(file)) {
            double best[4] = {1e9, 1e9, 1e9, 1e9};
            bool mapped = false;
            for (int run = 0; run < 5; ++run) {
                std::string copy(bytes);
                const auto start = std::chrono::steady_clock::now();
                const auto message = hl7::Message::Parse(std::move(copy));
                if (!message) break;
                const auto parsed = std::chrono::steady_clock::now();
                const auto result = Loaded().program->Map(*message, context);
                const auto done = std::chrono::steady_clock::now();
                std::size_t size = 0;
                for (const auto& change : result.changes.changes) {
                    size += fhir::ToJson(change.resource).size();
                }
                benchmark::DoNotOptimize(size);
                const auto written = std::chrono::steady_clock::now();
                mapped = result.status == mapping::MapStatus::kMapped;
                const double now[4] = {Micros(parsed - start), Micros(done - parsed),
                                       Micros(written - done), Micros(written - start)};
                for (int i = 0; i < 4; ++i) best[i] = std::min(best[i], now[i]);
            }
            if (!mapped) continue;
            times.parse.push_back(best[0]);
            times.map.push_back(best[1]);
            times.write.push_back(best[2]);
            times.all.push_back(best[3]);
        }
    }
    if (times.all.empty()) return;
    std::printf("corpus: %zu messages of mapped events\n", times.all.size());
    Print("parse", times.parse);
    Print("map", times.map);
    Print("serialise", times.write);
    Print("all", times.all);
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (Loaded().program == nullptr) return 1;
    benchmark::RunSpecifiedBenchmarks();
    Corpus();
    return 0;
}
