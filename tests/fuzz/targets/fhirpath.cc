// Any text: an expression compiles or is refused, and its evaluation ends within its limits.
#include "fhir/fhirpath.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/assert.h"
#include "base/home.h"
#include "fhir/json.h"
#include "fhir/plain_path.h"

namespace {

using namespace carestream;
using namespace carestream::fhir;

constexpr std::string_view kResource = R"({"resourceType": "Patient", "id": "p",
  "contained": [{"resourceType": "Device", "id": "d"}], "active": true,
  "name": [{"family": "Müller", "given": ["José", null], "_given": [null, {"id": "g"}]}],
  "telecom": [{"system": "phone", "value": "1"}], "birthDate": "1974-12",
  "_birthDate": {"extension": [{"url": "u", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
  "deceasedDateTime": "2020", "multipleBirthInteger": 2, "generalPractitioner": [{"reference": "#d"}],
  "extension": [{"url": "q", "valueQuantity": {"value": 1.50, "code": "kg"}}]})";

struct Fixture {
    std::shared_ptr<const Definitions> definitions;
    Node resource;
};

const Fixture& Shared() {
    static const Fixture fixture = [] {
        const auto home = FindHome();
        CARESTREAM_ASSERT(home.has_value());
        auto loaded = Definitions::Load(*home / "schemas/fhir/r4");
        CARESTREAM_ASSERT(loaded.has_value());
        auto resource = ParseJson(kResource);
        CARESTREAM_ASSERT(resource.has_value());
        return Fixture{*loaded, std::move(*resource)};
    }();
    return fixture;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto path = FhirPath::Compile({reinterpret_cast<const char*>(data), size});
    if (!path) return 0;
    const Fixture& fixture = Shared();
    EvaluateLimits limits;
    limits.steps_max = 20'000;
    limits.items_max = 2'000;
    limits.now = 1'700'000'000'000'000;
    const auto result = path->Evaluate(*fixture.definitions, fixture.resource, "Patient", limits);
    if (result) {
        CARESTREAM_ASSERT(result->items.size() <= limits.items_max);
        for (const PathItem& item : result->items) CARESTREAM_ASSERT(item.node != nullptr);
    }
    // Where the expression is a plain walk, the walk finds what the evaluator finds.
    const auto plain = PlainPaths(*path, *fixture.definitions, "Patient");
    if (!plain) return 0;
    std::size_t count = 0;
    for (const PlainPath& each : *plain) {
        FollowSteps(fixture.resource, each.steps.data(), each.steps.data() + each.steps.size(),
                    true, [&](const Node&) { ++count; });
    }
    CARESTREAM_ASSERT(!result || count <= 10'000);
    return 0;
}
