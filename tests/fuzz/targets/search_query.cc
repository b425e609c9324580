// "Type\nname=value\n...\n\n{resource}": a query is understood or refused, and what the matcher
// accepts the index finds. The resource may be anything that is JSON. Only a resource that the
// whole query accepts counts: one criterion may carry the probe of two that bound one date.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/home.h"
#include "base/text.h"
#include "fhir/json.h"
#include "search/index.h"
#include "search/query.h"

namespace {

using namespace carestream;
using namespace carestream::search;

struct Fixture {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::shared_ptr<const Indexer> indexer;
};

const Fixture& Shared() {
    static const Fixture fixture = [] {
        const auto home = FindHome();
        CARESTREAM_ASSERT(home.has_value());
        auto loaded = fhir::Definitions::Load(*home / "schemas/fhir/r4");
        CARESTREAM_ASSERT(loaded.has_value());
        auto indexer = Indexer::Create(*loaded);
        CARESTREAM_ASSERT(indexer.has_value());
        return Fixture{*loaded, *indexer};
    }();
    return fixture;
}

bool FoundByToken(const IndexEntries& entries, const Criterion& criterion) {
    return std::any_of(
        criterion.tokens.begin(), criterion.tokens.end(), [&](const TokenProbe& probe) {
            return std::any_of(entries.tokens.begin(), entries.tokens.end(),
                               [&](const TokenEntry& entry) {
                                   return entry.space == probe.space && entry.form == probe.form &&
                                          entry.value == probe.value;
                               });
        });
}

void CheckFound(const Criterion& criterion, const IndexEntries& entries) {
    if (criterion.needs_companion || criterion.negated) return;
    if (criterion.kind == CriterionKind::kToken)
        CARESTREAM_ASSERT(FoundByToken(entries, criterion));
    if (criterion.kind == CriterionKind::kPatient) {
        const bool listed = std::find(criterion.ids.begin(), criterion.ids.end(),
                                      entries.patient_id) != criterion.ids.end();
        CARESTREAM_ASSERT(listed || FoundByToken(entries, criterion));
    }
    const auto has_rows = [&](const auto& rows) {
        return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
            return row.parameter == criterion.parameter_id;
        });
    };
    if (criterion.kind == CriterionKind::kDate) CARESTREAM_ASSERT(has_rows(entries.dates));
    if (criterion.kind == CriterionKind::kNumber) CARESTREAM_ASSERT(has_rows(entries.numbers));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t body = std::min(text.find("\n\n"), text.size());
    const std::vector<std::string_view> lines = Split(text.substr(0, body), '\n');
    std::vector<std::pair<std::string, std::string>> parameters;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t equals = std::min(lines[i].find('='), lines[i].size());
        parameters.emplace_back(lines[i].substr(0, equals),
                                lines[i].substr(std::min(equals + 1, lines[i].size())));
    }
    const std::string_view type = lines.empty() ? std::string_view() : lines[0];
    const auto query = ParseQuery(*Shared().definitions, type, parameters);
    if (!query || body == text.size()) return 0;
    auto node = fhir::ParseJson(text.substr(body));
    if (!node || node->TextOf("resourceType") != type) return 0;
    const IndexEntries entries = Shared().indexer->Extract(*node);
    const auto accepts = [&](const Criterion& criterion) {
        return Matches(*Shared().definitions, *node, type, criterion);
    };
    if (!std::all_of(query->criteria.begin(), query->criteria.end(), accepts)) return 0;
    for (const Criterion& criterion : query->criteria) CheckFound(criterion, entries);
    return 0;
}
