// What index extraction, query parsing and the re-check cost. One core; the resources are
// synthetic.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "fhir/fhirpath.h"
#include "fhir/json.h"
#include "search/index.h"
#include "search/query.h"
#include "tests/unit/search/samples.h"

namespace {

using namespace carestream;

const std::shared_ptr<const fhir::Definitions>& Definitions() {
    static const auto definitions = search::LoadDefinitions();
    if (definitions == nullptr) std::abort();
    return definitions;
}

void Extract(benchmark::State& state, std::string_view json) {
    static const auto indexer = search::Indexer::Create(Definitions()).value();
    const fhir::Node node = fhir::ParseJson(json).value();
    for (auto _ : state) benchmark::DoNotOptimize(indexer->Extract(node));
    state.counters["tokens"] = static_cast<double>(indexer->Extract(node).tokens.size());
}
BENCHMARK_CAPTURE(Extract, observation, search::kObservation);
BENCHMARK_CAPTURE(Extract, blood_pressure, search::kBloodPressure);
BENCHMARK_CAPTURE(Extract, patient, search::kPatient);

void CreateIndexer(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(search::Indexer::Create(Definitions()));
}
BENCHMARK(CreateIndexer)->Unit(benchmark::kMillisecond);

void ParsePatientQuery(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(search::ParseQuery(*Definitions(), "Observation",
                                                    {{"patient", "p1"},
                                                     {"code", "http://loinc.org|2339-0"},
                                                     {"date", "ge2024-01-01"},
                                                     {"_sort", "-date"}}));
    }
}
BENCHMARK(ParsePatientQuery);

void Recheck(benchmark::State& state) {
    const fhir::Node node = fhir::ParseJson(search::kPatient).value();
    const auto query = search::ParseQuery(*Definitions(), "Patient", {{"name", "mull"}}).value();
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            search::Matches(*Definitions(), node, "Patient", query.criteria[0]));
    }
}
BENCHMARK(Recheck);

void EvaluateSubject(benchmark::State& state) {
    const fhir::Node node = fhir::ParseJson(search::kObservation).value();
    const auto path =
        fhir::FhirPath::Compile("Observation.subject.where(resolve() is Patient)").value();
    for (auto _ : state) {
        benchmark::DoNotOptimize(path.Evaluate(*Definitions(), node, "Observation"));
    }
}
BENCHMARK(EvaluateSubject);

}  // namespace

BENCHMARK_MAIN();
