#include "subscriptions/registry.h"

#include <algorithm>

#include "fhir/json.h"

namespace carestream::subscriptions {

namespace {

void Add(std::vector<ActivePtr>& list, const ActivePtr& active) {
    if (std::find(list.begin(), list.end(), active) == list.end()) list.push_back(active);
}

template <typename Map>
void RemoveFrom(Map& map, const std::string& key, const ActivePtr& active) {
    const auto found = map.find(key);
    if (found == map.end()) return;
    std::erase(found->second, active);
    if (found->second.empty()) map.erase(found);
}

std::string NameOf(store::Tenant tenant, std::string_view id) {
    return std::to_string(tenant) + "/" + std::string(id);
}

auth::Principal PrincipalOf(const Definition& definition) {
    // Without an owner it sees nothing.
    return definition.owner.value_or(auth::Principal());
}

topics::Change ChangeOf(store::EventKind kind) {
    switch (kind) {
        case store::EventKind::kCreated:
            return topics::Change::kCreated;
        case store::EventKind::kUpdated:
            return topics::Change::kUpdated;
        default:
            return topics::Change::kDeleted;
    }
}

}  // namespace

Active::Active(const fhir::Definitions& definitions, Definition the_definition,
               const auth::Policy& policy, Micros burst_pause)
    : definition(std::move(the_definition)),
      written(definition.criteria),
      access(definitions, PrincipalOf(definition), policy),
      burst(burst_pause) {
    state.tenant = definition.tenant;
    state.id = definition.id;
}

std::vector<std::string> ConfinedTo(const Definition& definition) {
    if (definition.owner && definition.owner->IsPatient()) return {definition.owner->patient};
    for (const search::Criterion& criterion : definition.criteria) {
        if (criterion.kind == search::CriterionKind::kPatient && !criterion.negated) {
            return criterion.ids;
        }
    }
    return {};
}

void Confine(Active& active, std::vector<std::string> patients) {
    active.patients = std::move(patients);
    active.definition.criteria = active.written;
    if (active.access.IsConfined()) active.access.SetLinked(active.patients);
    for (search::Criterion& criterion : active.definition.criteria) {
        if (criterion.kind != search::CriterionKind::kPatient || criterion.negated) continue;
        auto& ids = criterion.ids;
        // Criteria of others stay as they are: they find nothing of his.
        const bool own = std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
            return std::find(active.patients.begin(), active.patients.end(), id) !=
                   active.patients.end();
        });
        if (!own) continue;
        for (const std::string& id : active.patients) {
            if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
        }
    }
}

Result<ParsedEvent> ParseEvent(const store::Event& event, const topics::Topics& topics) {
    ParsedEvent parsed{event, {}, {}, {}, {}};
    if (!event.body.empty()) {
        CARESTREAM_ASSIGN(current, fhir::ParseJson(event.body));
        parsed.current = std::move(current);
    }
    if (!event.before.empty()) {
        CARESTREAM_ASSIGN(before, fhir::ParseJson(event.before));
        parsed.before = std::move(before);
    }
    parsed.fired = topics.Fired({ChangeOf(event.kind), event.type,
                                 event.body.empty() ? nullptr : &parsed.current,
                                 event.before.empty() ? nullptr : &parsed.before});
    parsed.patients = PatientsNamed(parsed.focus());
    if (!event.patient.empty() && std::find(parsed.patients.begin(), parsed.patients.end(),
                                            event.patient) == parsed.patients.end()) {
        parsed.patients.push_back(event.patient);
    }
    return parsed;
}

Registry::TypeKey Registry::KeyOf(store::Tenant tenant, std::string_view type) {
    return NameOf(tenant, type);
}

void Registry::Put(ActivePtr active) {
    Remove(active->definition.tenant, active->definition.id);
    by_id_[NameOf(active->definition.tenant, active->definition.id)] = active;
    Index(active);
}

void Registry::Remove(store::Tenant tenant, const std::string& id) {
    const auto found = by_id_.find(NameOf(tenant, id));
    if (found == by_id_.end()) return;
    Unindex(found->second);
    by_id_.erase(found);
}

ActivePtr Registry::Find(store::Tenant tenant, const std::string& id) const {
    const auto found = by_id_.find(NameOf(tenant, id));
    return found == by_id_.end() ? nullptr : found->second;
}

void Registry::SetPatients(const ActivePtr& active, std::vector<std::string> patients) {
    Unindex(active);
    Confine(*active, std::move(patients));
    Index(active);
}

std::vector<ActivePtr> Registry::OfPatient(store::Tenant tenant, const std::string& patient) const {
    const auto found = by_patient_.find(NameOf(tenant, patient));
    return found == by_patient_.end() ? std::vector<ActivePtr>() : found->second;
}

std::vector<ActivePtr> Registry::All() const {
    std::vector<ActivePtr> all;
    all.reserve(by_id_.size());
    for (const auto& [id, active] : by_id_) all.push_back(active);
    return all;
}

void Registry::Index(const ActivePtr& active) {
    OfType& of_type = by_type_[KeyOf(active->definition.tenant, active->definition.type)];
    if (active->patients.empty()) {
        of_type.general.push_back(active);
        return;
    }
    for (const std::string& patient : active->patients) {
        Add(of_type.by_patient[patient], active);
        Add(by_patient_[NameOf(active->definition.tenant, patient)], active);
    }
}

void Registry::Unindex(const ActivePtr& active) {
    const TypeKey key = KeyOf(active->definition.tenant, active->definition.type);
    const auto of_type = by_type_.find(key);
    if (of_type == by_type_.end()) return;
    std::erase(of_type->second.general, active);
    for (const std::string& patient : active->patients) {
        RemoveFrom(of_type->second.by_patient, patient, active);
        RemoveFrom(by_patient_, NameOf(active->definition.tenant, patient), active);
    }
    if (of_type->second.general.empty() && of_type->second.by_patient.empty()) {
        by_type_.erase(of_type);
    }
}

bool Registry::IsWanted(store::Tenant tenant, std::string_view type) const {
    return by_type_.contains(KeyOf(tenant, type));
}

bool Registry::IsWantedBy(const Definition& definition, const ParsedEvent& event) const {
    if (definition.status == "off") return false;
    if (definition.topic.empty()) return event.event.kind != store::EventKind::kDeleted;
    return std::any_of(event.fired.begin(), event.fired.end(),
                       [&](const auto* topic) { return topic->url == definition.topic; });
}

void Registry::AddIfFor(const ActivePtr& active, const ParsedEvent& event,
                        std::vector<Matched>& matches) const {
    const Definition& definition = active->definition;
    if (!IsWantedBy(definition, event)) return;
    if (!active->access.IsConfined()) {
        if (topics::Meets(definitions_, definition.type, event.focus(), definition.criteria) &&
            active->access.Sees(definition.type, event.focus(), auth::Action::kRead)) {
            matches.push_back({active, nullptr});
        }
        return;
    }
    // By what is not shown nothing is found either: criteria tell of a group who else is in it.
    fhir::Node shown = event.focus();
    bool changed = false;
    if (!active->access.Show(definition.type, shown, auth::Action::kRead, &changed) ||
        !topics::Meets(definitions_, definition.type, shown, definition.criteria)) {
        return;
    }
    Matched matched{active, nullptr};
    if (changed && !event.event.body.empty()) {
        matched.shown = std::make_shared<const std::string>(fhir::ToJson(shown));
    }
    matches.push_back(std::move(matched));
}

std::vector<Matched> Registry::Match(const ParsedEvent& event) const {
    std::vector<Matched> matches;
    const auto of_type = by_type_.find(KeyOf(event.event.tenant, event.event.type));
    if (of_type == by_type_.end()) return matches;
    for (const ActivePtr& active : of_type->second.general) AddIfFor(active, event, matches);
    const auto first = static_cast<std::ptrdiff_t>(matches.size());
    for (const std::string& patient : event.patients) {
        const auto found = of_type->second.by_patient.find(patient);
        if (found == of_type->second.by_patient.end()) continue;
        for (const ActivePtr& active : found->second) {
            const bool known =
                std::any_of(matches.begin() + first, matches.end(),
                            [&](const Matched& one) { return one.active == active; });
            if (!known) AddIfFor(active, event, matches);
        }
    }
    return matches;
}

}  // namespace carestream::subscriptions
