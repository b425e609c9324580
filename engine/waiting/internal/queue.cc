#include "waiting/internal/queue.h"

#include <map>
#include <utility>

namespace carestream::waiting {

namespace {

// More is no queue; those behind have no position.
constexpr std::size_t kQueueMax = 1'000;

}  // namespace

Result<int> Recount(Context& context, const clinics::Clinic& clinic, Micros now,
                    const std::function<void(const std::string& id, const Error& error)>& failed) {
    CARESTREAM_ASSIGN(
        found, context.Search("Encounter",
                              {{"_tag", std::string(clinics::kClinicSystem) + "|" + clinic.name},
                               {"status", "arrived,triaged"},
                               {"_sort", "-_lastUpdated"}},
                              kQueueMax));
    std::vector<clinics::Waiting> queue;
    std::map<std::string, int> before;  // id -> position as stored
    for (const Found& visit : found) {
        const Micros arrived = clinics::ArrivedAt(visit.node);
        before[visit.id] = clinics::PositionOf(visit.node);
        if (now - arrived > clinic.forget_after) continue;
        queue.push_back({visit.id, arrived, clinics::PlannedAt(visit.node)});
    }
    clinics::SortQueue(clinic, queue);
    std::map<std::string, int> after;
    for (const auto& one : queue) after[one.id] = static_cast<int>(after.size()) + 1;
    for (const auto& [id, position] : before) {
        const auto place = after.find(id);
        const int next = place == after.end() ? 0 : place->second;
        if (next == position) continue;
        const auto written = context.records.Update(
            "Encounter", id,
            [&](const fhir::Node& current) -> std::optional<fhir::Node> {
                // Called meanwhile: its event comes.
                if (!clinics::Waits(current) || clinics::PositionOf(current) == next) {
                    return std::nullopt;
                }
                fhir::Node changed = current;
                clinics::SetPosition(changed, clinic, next);
                return changed;
            },
            true);
        if (written) continue;
        if (written.error().retryable) return Fail(written.error());
        failed(id, written.error());
    }
    return static_cast<int>(queue.size());
}

}  // namespace carestream::waiting
