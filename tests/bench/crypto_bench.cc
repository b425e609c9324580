// What a token, an id and a sealed body cost.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "crypto/keys.h"

namespace {

using namespace carestream;

const crypto::KeyRing& Ring() {
    static const crypto::KeyRing ring = [] {
        std::string folder = "/tmp/carestream-bench-keys-XXXXXX";
        if (mkdtemp(folder.data()) == nullptr) std::abort();
        auto made = crypto::KeyRing::Create(std::filesystem::path(folder) / "keys");
        if (!made) std::abort();
        std::filesystem::remove_all(folder);
        return std::move(*made);
    }();
    return ring;
}

void Token64(benchmark::State& state) {
    const crypto::TokenKey key = Ring().token_key("1");
    for (auto _ : state)
        benchmark::DoNotOptimize(key.Token64("Observation.code", "sc", "http://loinc.org|718-7"));
}
BENCHMARK(Token64);

void ProvisionalId(benchmark::State& state) {
    const crypto::IdKey key = Ring().id_key("1");
    for (auto _ : state)
        benchmark::DoNotOptimize(key.ProvisionalId("main", "Patient", "urn:oid:1.2.3", "100001"));
}
BENCHMARK(ProvisionalId);

void ContentToken1200(benchmark::State& state) {
    const crypto::TokenKey key = Ring().token_key("1");
    const std::string content(1200, 'x');
    for (auto _ : state) benchmark::DoNotOptimize(key.Token128("message.content", content));
}
BENCHMARK(ContentToken1200);

void Seal(benchmark::State& state) {
    const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
    for (auto _ : state)
        benchmark::DoNotOptimize(Ring().Seal("1", "version", 0, "Patient/1/1", body));
}
BENCHMARK(Seal)->Arg(300)->Arg(1200);

void Open(benchmark::State& state) {
    const std::string sealed =
        Ring().Seal("1", "version", 0, "Patient/1/1",
                    std::string(static_cast<std::size_t>(state.range(0)), 'x'));
    for (auto _ : state)
        benchmark::DoNotOptimize(Ring().Open("1", "version", "Patient/1/1", sealed));
}
BENCHMARK(Open)->Arg(300)->Arg(1200);

}  // namespace

BENCHMARK_MAIN();
